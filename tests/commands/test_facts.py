from dataclasses import replace

from hub_client import run
from hub_server import hub
from huggingface_hub import ModelCard

from fewtext.commands.arguments import DataArguments
from fewtext.commands.facts import training_facts
from fewtext.data.tasks import Task
from fewtext.models.publishing import remember
from fewtext.sharing.model_card import model_card
from fewtext.training.arguments import EpisodicTrainingArguments

PARTS: dict[str, list[Task]] = {"train": [], "validation": [], "test": []}
ROWS = [{"setting": "5-way 1-shot", "accuracy": 0.5, "interval": 0.02, "episodes": 600}]


def named(name):
    return Task(name, ["a"], ["x"])


def test_the_card_of_a_run(tmp_path, model):
    data = DataArguments(data=["me/intents", {"source": "mine.csv"}], licenses={"me/intents": "cc-by-4.0"})
    options = {"n_episodes": 20, "way": [5, 10], "shot": 1, "query": 3, "names": 0.5, "hard": 0.7, "seed": 7}
    training = EpisodicTrainingArguments(str(tmp_path), **options)
    facts = training_facts("me/model", model, data, PARTS, training, 20, ROWS)
    card = model_card(facts)
    assert facts.data == {"me/intents": "cc-by-4.0", "mine.csv": ""}
    assert card.data.datasets == ["me/intents"]
    assert "| me/intents | cc-by-4.0 |" in card.text and "| mine.csv | not stated |" in card.text
    assert "20 episodes of 5 to 10 classes, 1 examples and 3 queries a class; class names in 50% of them" in card.text
    assert (
        "seed 7" in card.text
        and "- adamw_torch_fused, learning rate" in card.text
        and "hard to tell apart in 70%" in card.text
    )
    [result] = card.data.eval_results
    assert result.metric_value == 50.0 and "5-way 1-shot, 600 episodes" in result.metric_name


def test_what_is_tested_on_is_not_said_to_be_learned_from(tmp_path, model):
    data = DataArguments(
        data=[{"source": "me/intents", "name": "intents"}, "me/bank"],
        licenses={"me/intents": "cc-by-4.0", "me/bank": "mit"},
        split_by="tasks",
        test_tasks=["me/bank"],
    )
    training = EpisodicTrainingArguments(str(tmp_path), n_episodes=20)
    parts = {"train": [named("intents")], "validation": [], "test": [named("me/bank")]}
    facts = training_facts("m", model, data, parts, training, 20, ROWS)
    assert facts.data == {"intents": "cc-by-4.0"}
    assert [result.data for result in facts.results] == ["me/bank"]
    by_chance = replace(data, test_tasks=None)
    parts = {"train": [named("me/bank")], "validation": [named("intents")], "test": [named("more")]}
    assert training_facts("m", model, by_chance, parts, training, 20, ROWS).data == {"me/bank": "mit"}


def test_a_recipe_pushes_its_model_with_results_in_the_card(tmp_path, encoder_folder):
    arguments = [
        f"model={encoder_folder}", "n_episodes=2", "save_strategy=no", "eval_strategy=no", "test_episodes=10", "way=5",
        f"output_dir={tmp_path / 'run'}", "licenses={fewtext/intents: apache-2.0}", "push_to_hub=true",
        "hub_model_id=me/model", "hub_token=secret", "hub_private_repo=true",
    ]  # fmt: skip
    code = (
        "from fewtext.commands.arguments import parse\n"
        "from fewtext.commands.train import ARGUMENTS, train\n"
        f"train(*parse({arguments!r}, *ARGUMENTS))\nprint(1)"
    )
    with hub(tmp_path / "hub", token="secret") as server:
        run(server, tmp_path, code)
        [commit] = server.commits
        assert commit["message"] == "End of training"
        assert {"model.safetensors", "config.json", "tokenizer.json", "README.md"} <= set(commit["files"])
        loaded = run(
            server, tmp_path, "print(len(MatchingNetwork.from_pretrained('me/model').embed(['a'])))", cache="x"
        )
    assert loaded == 1
    card = ModelCard.load(tmp_path / "run" / "model" / "README.md")
    assert {result.metric_type for result in card.data.eval_results} == {"accuracy"}
    assert "| fewtext/intents | apache-2.0 |" in card.text and "me/model" in card.text


def test_what_a_model_had_learned_before_stays_in_its_card(tmp_path, model):
    training = EpisodicTrainingArguments(str(tmp_path), n_episodes=20)
    first = DataArguments(data="me/intents", licenses={"me/intents": "cc-by-4.0"})
    remember(training_facts("m", model, first, PARTS, training, 20, ROWS), model.config)
    facts = training_facts(
        "m", model, DataArguments(data="me/bank", licenses={"me/bank": "mit"}), PARTS, training, 10, ROWS
    )
    assert facts.data == {"me/intents": "cc-by-4.0", "me/bank": "mit"}
    assert [line.split()[0] for line in facts.training if "episodes" in line] == ["20", "10"]


def test_folders_of_one_name_and_folders_with_a_name_of_their_own(tmp_path, model):
    training = EpisodicTrainingArguments(str(tmp_path), n_episodes=20)
    folders = [tmp_path / name / "full" for name in ("one", "two")]
    for folder in folders:
        folder.mkdir(parents=True)
    both = DataArguments(data=[str(f) for f in folders], licenses={str(folders[0]): "mit"})
    assert training_facts("m", model, both, PARTS, training, 20, ROWS).data == {"one/full": "mit", "two/full": ""}
    named = DataArguments(data=str(folders[0]), data_name="BANKING77", data_license="cc-by-4.0")
    facts = training_facts("m", model, named, PARTS, training, 20, ROWS)
    assert facts.data == {"BANKING77": "cc-by-4.0"} and facts.results[0].data == "BANKING77"


def test_one_value_has_no_interval(tmp_path, model):
    rows = [{"setting": "1 tasks: accuracy", "accuracy": 0.5, "interval": None}]
    facts = training_facts(
        "m", model, DataArguments(), PARTS, EpisodicTrainingArguments(str(tmp_path), n_episodes=20), 20, rows
    )
    card = model_card(facts)
    assert "| 50.0 |" in card.text and "inf" not in str(card).split("## Results")[1].split("## Training")[0]
