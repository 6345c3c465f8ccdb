from card_code import run_code_of
from huggingface_hub import ModelCard

from fewtext.models.modeling import MatchingNetwork
from fewtext.sharing.model_card import CardFacts, Result, model_card


def test_the_card_of_a_model(encoder_folder, tmp_path):
    MatchingNetwork.from_encoder(encoder_folder).save_pretrained(tmp_path / "model")
    facts = CardFacts(
        "me/model",
        data={"someone/pets": "cc-by-4.0", "fewtext/intents": "apache-2.0", "mine.csv": ""},
        training=["400 episodes, 20-way 1-shot", "seed 0"],
        results=[Result("someone/pets", "5-way 1-shot, 600 episodes", 0.8951, 0.0071)],
        license="apache-2.0",
        language=["en"],
    )
    card = model_card(facts)
    assert card.data.datasets == ["someone/pets"] and card.data.language == ["en"]
    assert "| someone/pets | 5-way 1-shot, 600 episodes | 89.5 ± 0.7 |" in card.text
    assert "| mine.csv | not stated |" in card.text and "- seed 0" in card.text
    assert "'label'" in run_code_of(card, tmp_path / "model")


def test_class_names_cannot_break_the_card():
    card = model_card(CardFacts("me/odd", classes=['a"b`\n# c', "<script>", "ok"], n_examples=3))
    assert "<script>" not in card.text and "\n# c" not in card.text and 'print(clf("a b # c"))' in card.text


def test_results_on_several_data_sets_stay_apart_when_the_card_is_read_again():
    results = [
        Result(name, "5-way", 0.1 * i, 0.01) for i, name in enumerate(["banking", "cr", "me/pets", "my data.csv"])
    ]
    read = ModelCard(str(model_card(CardFacts("me/model", "some/encoder", results=results)))).data.eval_results
    assert [(r.dataset_name, r.metric_value) for r in read] == [
        ("banking", 0.0), ("cr", 10.0), ("me/pets", 20.0), ("my data.csv", 30.0),
    ]  # fmt: skip
    assert [r.dataset_type for r in read] == ["banking", "cr", "me/pets", "my-data-csv"]


def test_a_class_name_of_signs_alone_and_an_encoder_without_an_owner():
    card = model_card(CardFacts("me/model", "bert-base-uncased", classes=["<>", "refund"]))
    assert 'print(clf("refund"))' in card.text
    assert card.data.base_model == "bert-base-uncased"
    assert model_card(CardFacts("me/model", "~/bert", classes=["<>"])).data.base_model is None
    assert 'print(clf("hello"))' in model_card(CardFacts("me/model", classes=["<>"])).text
