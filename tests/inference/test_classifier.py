"""What users do with FewShotClassifier, and what goes wrong."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from datasets import Dataset

from fewtext.inference.classifier import FewShotClassifier
from fewtext.inference.support import SupportSet
from fewtext.models.modeling import MatchingNetwork

VOTES = ["sum", "mean", "prototype", "mixed"]


@pytest.fixture
def examples(intents):
    pairs = [(text, label) for label in intents.classes[:8] for text in intents.texts_of[label][:3]]
    return [text for text, _ in pairs], [label for _, label in pairs]


@pytest.fixture
def queries(intents):
    return [text for label in intents.classes[:8] for text in intents.texts_of[label][10:14]]


@pytest.fixture
def classifier(encoder_folder, examples):
    torch.manual_seed(0)
    model = MatchingNetwork.from_encoder(encoder_folder, context="lstm", context_gate=0.5, context_size=8)
    return FewShotClassifier(model).fit(*examples)


def test_probabilities_and_predictions_fit_together(classifier, queries):
    probabilities = classifier.predict_proba(queries)
    assert probabilities.shape == (len(queries), 8)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert list(classifier.predict(queries)) == [classifier.classes_[i] for i in probabilities.argmax(1)]


def test_the_order_of_the_examples_does_not_matter(classifier, examples, queries):
    expected = classifier.predict_proba(queries)
    texts, labels = examples
    order = np.random.default_rng(0).permutation(len(texts))
    shuffled = FewShotClassifier(classifier.model).fit([texts[i] for i in order], [labels[i] for i in order])
    np.testing.assert_allclose(shuffled.predict_proba(queries), expected, atol=1e-5)


def test_several_calls_of_add_equal_one_fit(classifier, examples, queries):
    expected = classifier.predict_proba(queries)
    texts, labels = examples
    parts = FewShotClassifier(classifier.model)
    for start in range(0, len(texts), 5):
        parts.add(texts[start : start + 5], labels[start : start + 5])
    np.testing.assert_allclose(parts.predict_proba(queries), expected, atol=1e-5)


def test_saved_and_loaded_equals_what_was_saved(classifier, queries, tmp_path):
    expected = classifier.predict_proba(queries)
    classifier.save_pretrained(tmp_path / "bot")
    names = {path.name for path in (tmp_path / "bot").iterdir()}
    assert {"config.json", "model.safetensors", "support.safetensors", "support.jsonl", "tokenizer.json"} <= names
    again = FewShotClassifier.from_pretrained(tmp_path / "bot")
    np.testing.assert_allclose(again.predict_proba(queries), expected, atol=1e-5)
    again.add(["something new", "and another"], "novelty")
    again.save_pretrained(tmp_path / "bot")
    assert list(FewShotClassifier.from_pretrained(tmp_path / "bot").classes_) == sorted(
        [*classifier.classes_, "novelty"]
    )


def test_adding_a_class_encodes_its_examples_alone(classifier, encoded):
    classifier.add(["is there wifi on board", "no internet on the train"], "train wifi")
    assert encoded == ["is there wifi on board", "no internet on the train", "train wifi"]  # and its name
    encoded.clear()
    classifier.add(["wlan?"], ["train wifi"])
    assert encoded == ["wlan?"]
    assert "train wifi" in classifier.classes_


def test_removing_a_class_equals_never_having_had_it(classifier, examples, queries):
    texts, labels = examples
    gone = labels[0]
    kept = [i for i, label in enumerate(labels) if label != gone]
    expected = FewShotClassifier(classifier.model).fit([texts[i] for i in kept], [labels[i] for i in kept])
    np.testing.assert_allclose(
        classifier.remove(gone).predict_proba(queries), expected.predict_proba(queries), atol=1e-5
    )


@pytest.mark.parametrize("class_vote", VOTES)
def test_the_evidence_adds_up_to_the_score(encoder_folder, examples, queries, class_vote):
    model = MatchingNetwork.from_encoder(encoder_folder, class_vote=class_vote)
    classifier = FewShotClassifier(model).fit(*examples)
    for query in queries[:5]:
        explanation = classifier.explain(query)
        [[best]] = classifier.top_classes([query], 1)
        assert (explanation.label, explanation.score) == (best["label"], pytest.approx(best["score"], abs=1e-5))
        own = sum(item.attention for item in explanation.evidence if item.label == explanation.label)
        assert own == pytest.approx(explanation.score, abs=1e-5)
        assert sum(item.attention for item in explanation.evidence) == pytest.approx(1, abs=1e-5)
        assert len(explanation.evidence) == len(examples[0]) + 8
        attention = [item.attention for item in explanation.evidence]
        assert attention == sorted(attention, reverse=True)
        assert {item.text for item in explanation.evidence if item.is_name} == set(classifier.classes_)
        assert explanation.label in str(explanation)


def test_a_call_answers_in_the_form_of_the_pipeline(classifier, queries):
    one = classifier(queries[0])
    assert list(one[0]) == ["label", "score"] and len(one) == 1
    for together, alone in zip(classifier(queries[:2]), map(classifier, queries[:2]), strict=True):
        assert together == {"label": alone[0]["label"], "score": pytest.approx(alone[0]["score"], abs=1e-5)}
    ranked = classifier(queries[0], top_k=3)
    assert [r["score"] for r in ranked] == sorted((r["score"] for r in ranked), reverse=True) and len(ranked) == 3
    assert len(classifier(queries[:2], top_k=None)[1]) == 8
    with pytest.raises(ValueError, match="top_k is 0"):
        classifier("hello", top_k=0)


@pytest.mark.parametrize("kind", [tuple, np.array, pd.Series, lambda t: Dataset.from_dict({"t": list(t)})["t"], iter])
def test_texts_and_labels_of_any_container(classifier, examples, queries, kind):
    expected = classifier.predict_proba(queries)
    other = FewShotClassifier(classifier.model).fit(kind(examples[0]), kind(examples[1]))
    np.testing.assert_allclose(other.predict_proba(kind(queries)), expected, atol=1e-5)


def test_names_count_as_examples_only_where_they_are_words(model, queries):
    texts = ["where is my parcel", "book a table for two"]
    words = FewShotClassifier(model).fit(texts, ["track order", "reserve table"])
    assert len(words.explain("hello").evidence) == 4
    numbers = FewShotClassifier(model).fit(texts, [0, 1])
    assert len(numbers.explain("hello").evidence) == 2 and numbers.classes_.tolist() == [0, 1]
    off = FewShotClassifier(model, label_names=False).fit(texts, ["track order", "reserve table"])
    assert len(off.explain("hello").evidence) == 2


def test_the_setting_of_the_names_is_saved(model, tmp_path):
    FewShotClassifier(model, label_names=False).fit(["a b", "c d"], ["yes", "no"]).save_pretrained(tmp_path / "m")
    assert FewShotClassifier.from_pretrained(tmp_path / "m").label_names is False


def test_an_encoder_becomes_a_classifier(encoder_folder):
    classifier = FewShotClassifier.from_pretrained(encoder_folder, kernel="euclidean")
    assert classifier.model.config.kernel == "euclidean" and classifier.model.config.context == "center"
    assert classifier.fit(["a dog", "a cat"], ["dogs", "cats"]).predict(["a dog"]).tolist() == ["dogs"]


def test_without_a_name_it_is_the_embedded_default(minilm):
    classifier = FewShotClassifier.from_pretrained()
    assert classifier.model.config.base_encoder == "sentence-transformers/all-MiniLM-L6-v2"
    classifier.fit(
        ["where is my parcel", "when will it arrive", "I want my money back", "how do I return this"],
        ["tracking", "tracking", "refund", "refund"],
    )
    assert classifier.predict(["has my order shipped yet?", "please refund me"]).tolist() == ["tracking", "refund"]


@pytest.mark.parametrize(
    ("texts", "labels", "error", "sentence"),
    [
        ([], [], ValueError, "no examples were given"),
        (["a", "b"], ["x", "x"], ValueError, "all examples are of the class 'x'; a classifier needs at least two"),
        (["a", "b", "c"], ["x", "y"], ValueError, "3 texts but 2 labels"),
        (["a", None], ["x", "y"], TypeError, "row 1 is None"),
        (["a", float("nan")], ["x", "y"], TypeError, "row 1 is nan"),
        (["a", 5], ["x", "y"], TypeError, "row 1 is 5"),
        (["a", " "], ["x", "y"], ValueError, "row 1 is empty"),
        (["a", "b"], ["x", None], TypeError, "labels, row 1 is None"),
    ],
)
def test_bad_examples_are_named_and_leave_the_classifier_as_it_was(
    classifier, queries, texts, labels, error, sentence
):
    expected = classifier.predict_proba(queries)
    with pytest.raises(error, match=sentence):
        classifier.fit(texts, labels)
    if "a classifier needs at least two" not in sentence:
        with pytest.raises(error, match=sentence):
            classifier.add(texts, labels)
    np.testing.assert_array_equal(classifier.predict_proba(queries), expected)


def out_of_memory(*args, **kwargs):
    raise RuntimeError("out of memory")


def test_a_failure_while_adding_leaves_the_classifier_as_it_was(classifier, queries, monkeypatch):
    expected, support = classifier.predict_proba(queries), classifier.support
    with monkeypatch.context() as broken:
        broken.setattr(MatchingNetwork, "embed", out_of_memory)
        with pytest.raises(RuntimeError):
            classifier.add(["a"], "new class")
    assert classifier.support is support
    np.testing.assert_array_equal(classifier.predict_proba(queries), expected)


def test_examples_come_into_context_when_the_first_text_is_asked(classifier, queries, monkeypatch):
    """Classes that are added one after another pay for it once; what fails then can be asked again."""
    with monkeypatch.context() as broken:
        broken.setattr(type(classifier.model.matcher), "contextualize", out_of_memory)
        for number in range(3):
            classifier.add([f"text {number}"], f"new class {number}")
        with pytest.raises(RuntimeError):
            classifier.predict(queries)
    assert classifier.predict_proba(queries).shape == (len(queries), len(classifier.classes_))
    assert classifier.predict(["text 2"]).tolist() == ["new class 2"]


def full_disk(*args, **kwargs):
    raise OSError("disk full")


def test_a_failed_save_leaves_the_folder_as_it_was(classifier, queries, tmp_path, monkeypatch):
    classifier.save_pretrained(tmp_path / "bot")
    expected = FewShotClassifier.from_pretrained(tmp_path / "bot").predict_proba(queries)
    classifier.remove(classifier.classes_[0])
    with monkeypatch.context() as broken:
        broken.setattr("fewtext.inference.support_files.save_file", full_disk)
        with pytest.raises(OSError, match="disk full"):
            classifier.save_pretrained(tmp_path / "bot")
    again = FewShotClassifier.from_pretrained(tmp_path / "bot")
    np.testing.assert_array_equal(again.predict_proba(queries), expected)


def test_questions_before_examples_are_answered_with_what_to_do(model):
    classifier = FewShotClassifier(model)
    with pytest.raises(ValueError, match=r"no examples yet; call fit\(texts, labels\) first"):
        classifier.predict(["a"])
    classifier.add(["a"], "lonely")
    with pytest.raises(ValueError, match="knows only the class 'lonely'; add examples of another"):
        classifier.predict(["a"])
    with pytest.raises(KeyError, match="no class 'other'"):
        classifier.remove("other")
    with pytest.raises(ValueError, match="label_names is 'maybe'"):
        FewShotClassifier(model, label_names="maybe").fit(["a", "b"], ["x", "y"])


def test_no_queries_give_no_answers(classifier):
    assert classifier.predict([]).tolist() == [] and classifier([]) == []
    assert classifier.predict_proba([]).shape == (0, 8)


def test_folders_that_cannot_be_loaded_are_named(classifier, tmp_path):
    folder = tmp_path / "bot"
    with pytest.raises(FileNotFoundError, match="no such folder"):
        FewShotClassifier.from_pretrained(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="is not a model folder: it has no config.json"):
        FewShotClassifier.from_pretrained(tmp_path / "empty")
    with pytest.raises(OSError, match="neither a folder nor a model"):
        FewShotClassifier.from_pretrained("nobody/nothing-of-the-kind")
    for name, damage, sentence in (
        ("model.safetensors", lambda b: b[:-10], "damaged or was cut off"),
        ("support.safetensors", lambda b: b[: len(b) // 2], "damaged or was cut off"),
        ("support.jsonl", lambda b: b[:-10], "are not of one save"),
        ("config.json", lambda b: b[:-10], "was cut off"),
        ("tokenizer.json", lambda b: b[:-10], "tokenizer in .* is damaged"),
        ("tokenizer.json", None, "tokenizer in .* is damaged"),
        ("model.safetensors", None, r"lacks model\.safetensors"),
        ("support.safetensors", None, r"lacks support\.safetensors"),
        ("config.json", None, r"no config\.json"),
    ):
        classifier.save_pretrained(folder) if not folder.exists() else None
        file = folder / name
        whole = file.read_bytes()
        file.unlink() if damage is None else file.write_bytes(damage(whole))
        with pytest.raises(ValueError, match=sentence):
            FewShotClassifier.from_pretrained(folder)
        file.write_bytes(whole)
    settings = json.loads((folder / "config.json").read_text())
    assert settings["model_type"] == "matching_network"
    with pytest.raises(TypeError, match="drop kernel"):
        FewShotClassifier.from_pretrained(folder, kernel="dot")


def test_the_last_class_stays(classifier):
    for label in classifier.classes_[1:]:
        classifier.remove(label)
    with pytest.raises(ValueError, match="the last class cannot be removed"):
        classifier.remove(classifier.support.classes[0])


def test_a_model_without_examples_is_saved_and_says_what_to_do(model, tmp_path):
    FewShotClassifier(model).save_pretrained(tmp_path / "bot")
    again = FewShotClassifier.from_pretrained(tmp_path / "bot")
    assert again.support is None
    with pytest.raises(ValueError, match=r"call fit\(texts, labels\)"):
        again.predict(["a"])


def test_vectors_may_take_part_in_training(model):
    head = torch.nn.Linear(32, 2)
    head(model.embed(["a", "b"])).sum().backward()
    assert torch.isfinite(head.weight.grad).all()


def test_a_misspelt_setting_is_named_with_the_nearest(encoder_folder):
    for wrong, right in (("label_name", "label_names"), ("contxt", "context"), ("backends", "backend")):
        with pytest.raises(
            TypeError, match=f"there is no setting {wrong} of a Matching Network. Did you mean {right}"
        ):
            FewShotClassifier.from_pretrained(encoder_folder, **{wrong: True})


def test_examples_embedded_by_another_model_are_embedded_again(encoder_folder, examples, queries):
    torch.manual_seed(0)
    first, second = (MatchingNetwork.from_encoder(encoder_folder) for _ in range(2))
    with torch.no_grad():
        second.encoder.embeddings.word_embeddings.weight.neg_()
    support = FewShotClassifier(first).fit(*examples).support
    expected = FewShotClassifier(second).fit(*examples).predict_proba(queries)
    np.testing.assert_allclose(FewShotClassifier(second).fit(support).predict_proba(queries), expected, atol=1e-5)


def test_an_edited_support_set_of_an_adapted_encoder_is_embedded_again(classifier, examples, queries):
    fresh = FewShotClassifier(classifier.model).fit(*examples)
    expected = fresh.predict_proba(queries)
    classifier.adapt("encoder", rounds=1)
    assert np.abs(classifier.predict_proba(queries) - expected).max() > 1e-3
    np.testing.assert_allclose(classifier.fit(classifier.support).predict_proba(queries), expected, atol=1e-5)


def test_examples_without_texts_stay_with_the_model_that_embedded_them(classifier, model, tmp_path):
    classifier.save_pretrained(tmp_path / "bot", include_texts=False)
    loaded = FewShotClassifier.from_pretrained(tmp_path / "bot")
    assert loaded.fit(loaded.support).support.ids == classifier.support.ids
    with pytest.raises(ValueError, match="saved without its texts"):
        FewShotClassifier(model).fit(loaded.support)
    with pytest.raises(ValueError, match="pass include_texts=False to save it again"):
        loaded.save_pretrained(tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_another_model_by_name_takes_the_place_of_the_first(encoder_folder, examples, queries, tmp_path):
    other = MatchingNetwork.from_encoder(encoder_folder)
    with torch.no_grad():
        other.encoder.embeddings.word_embeddings.weight.neg_()
    other.save_pretrained(tmp_path / "other")
    clf = FewShotClassifier(encoder_folder).fit(*examples)
    clf.set_params(model=tmp_path / "other").fit(*examples)
    expected = FewShotClassifier(other).fit(*examples).predict_proba(queries)
    np.testing.assert_allclose(clf.predict_proba(queries), expected, atol=1e-5)


def test_what_is_wrong_is_said_before_anything_is_encoded(classifier, encoded):
    with pytest.raises(ValueError, match="abstain is 2"):
        classifier.predict(["hello"], abstain=2)
    with pytest.raises(ValueError, match="abstain is 'x'"):
        classifier(["hello"], abstain="x")
    with pytest.raises(ValueError, match="differ in case or blanks alone"):
        classifier.add(["hello"], classifier.classes_[0].upper())
    with pytest.raises(ValueError, match="has neither an example nor a description"):
        FewShotClassifier(classifier.model, label_names=False).fit(SupportSet.create(["a"], ["x"], names={"y": "why"}))
    assert encoded == []


def test_an_explanation_does_not_move_the_cursor(model):
    clf = FewShotClassifier(model).fit(["red\x1b[2J", "blue\nsky", "\u202egreen"], ["a", "b", "b"])
    shown = str(clf.explain("grey\x1b[1m"))
    assert all(line.isprintable() for line in shown.split("\n"))
    assert len(shown.split("\n")) == 1 + len(clf.explain("grey").evidence)


def test_a_setting_of_the_classifier_is_sent_to_where_it_belongs():
    with pytest.raises(TypeError, match=r"search is a setting of the classifier: .* clf.set_params\(search=...\)"):
        FewShotClassifier.from_pretrained(search="exact")
