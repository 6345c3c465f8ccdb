"""train, evaluate and demo as the command line runs them, on the tiny encoder."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from fewtext.cli import main
from fewtext.models.modeling import MatchingNetwork

FAST = ["n_episodes=4", "way=4", "query=2", "test_episodes=10", "use_cpu=true", "disable_tqdm=true", "eval_episodes=5"]


@pytest.fixture(scope="module")
def trained(encoder_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "out"
    words = ["train", f"model={encoder_folder}", f"output_dir={folder}", "split_by=classes", *FAST, "save_steps=2"]
    assert (
        main([*words, "eval_strategy=steps", "eval_steps=2", "model_settings={context: lstm, context_size: 8}"]) == 0
    )
    return folder


def test_train_saves_a_model_results_and_a_picture(trained, capsys):
    results = json.loads((trained / "results.json").read_text())
    assert [row["setting"] for row in results["after"]] == [
        "5-way 1-shot", "5-way 1-shot, names", "5-way 5-shot", "5-way 5-shot, names"
    ]  # fmt: skip
    assert all(0 < row["accuracy"] < 1 and row["interval"] > 0 and row["episodes"] == 10 for row in results["before"])
    assert (trained / "learning_curve.png").stat().st_size > 5000
    assert MatchingNetwork.from_pretrained(trained / "model").config.context == "lstm"


def test_a_second_run_neither_overwrites_nor_starts_anew(trained, encoder_folder, capsys):
    words = ["train", f"model={encoder_folder}", f"output_dir={trained}", "split_by=classes", *FAST, "save_steps=2"]
    for more in ([], ["resume_from_checkpoint=false"]):
        assert main([*words, *more]) == 2
        assert "of an earlier run: resume_from_checkpoint=true" in capsys.readouterr().err
    assert main([*words, "resume_from_checkpoint=true", "model_settings={context: lstm, context_size: 8}"]) == 0


def test_evaluate_repeats_what_train_measured(trained, capsys):
    assert main(["evaluate", f"model={trained / 'model'}", "split_by=classes", "test_episodes=10"]) == 0
    table = capsys.readouterr().out
    results = json.loads((trained / "results.json").read_text())
    for row in results["after"]:
        assert f"{100 * row['accuracy']:.1f} ± {100 * row['interval']:.1f}" in table


def test_evaluate_from_given_support_sets(encoder_folder, tmp_path, capsys):
    for name in ("books", "music"):
        (tmp_path / name).mkdir()
        for split, n in (("train", 2), ("test", 6)):
            rows = "".join(f"{y} {name} {split} {i},{y}\n" for y in ("good", "bad") for i in range(n))
            (tmp_path / name / f"{split}.csv").write_text(f"text,label\n{rows}", encoding="utf-8")
    words = ["evaluate", f"model={encoder_folder}", f"data={tmp_path}", "protocol=support", "test_names=[false]"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "2 tasks: accuracy" in out and "2 tasks: balanced accuracy" in out
    assert main([*words, "test_tasks=[films]"]) == 2
    assert "no training or test split for the tasks films" in capsys.readouterr().err


def test_training_is_not_tested_on_what_it_may_have_learned_from(encoder_folder, tmp_path, capsys):
    words = ["train", f"model={encoder_folder}", f"output_dir={tmp_path / 'o'}", "protocol=support"]
    assert main([*words, "split_by=classes"]) == 2
    assert "protocol=support tests on the test split of every task, which training" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_the_demo_runs_to_its_end(minilm, tmp_path, capsys):
    assert main(["demo", f"output_dir={tmp_path / 'demo'}", "n_episodes=1", "test_episodes=10"]) == 0
    out = capsys.readouterr().out
    assert "the same answers" in out and "lost library card" in out and "before" in out
    for name in ("learning_curve.png", "attention.png", "model/model.safetensors", "classifier/support.jsonl"):
        assert (tmp_path / "demo" / name).is_file()


def test_a_model_without_checkpoints_is_not_overwritten_either(trained, encoder_folder, tmp_path, capsys):
    words = ["train", f"model={encoder_folder}", f"output_dir={tmp_path / 'o'}", "split_by=classes", *FAST]
    assert main([*words, "save_strategy=no"]) == 0
    before = (tmp_path / "o" / "model" / "model.safetensors").read_bytes()
    assert main([*words, "save_strategy=no", "seed=9"]) == 2
    assert "has model of an earlier run" in capsys.readouterr().err
    assert (tmp_path / "o" / "model" / "model.safetensors").read_bytes() == before


def test_a_recipe_serves_for_evaluating_its_result(trained, capsys):
    recipe = Path(__file__).parents[2] / "recipes" / "intent" / "samples" / "lstm.yaml"
    assert main(["evaluate", str(recipe), f"model={trained / 'model'}", "test_episodes=10"]) == 0
    assert "5-way 5-shot, names" in capsys.readouterr().out


def test_the_demo_takes_away_nothing_but_its_own(tmp_path, capsys):
    (tmp_path / "results.json").write_text("{}")
    (tmp_path / "thesis.txt").write_text("years of work")
    assert main(["demo", f"output_dir={tmp_path}"]) == 2
    assert "holds files that are not a demo's" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.json", "thesis.txt"]


def test_a_wrong_column_is_named_by_train(tmp_path, capsys):
    for split in ("train", "test"):
        (tmp_path / f"{split}.csv").write_text("text,label\na,x\nb,y\n")
    assert main(["train", f"data={tmp_path}", "text_column=body", f"output_dir={tmp_path / 'o'}"]) == 2
    assert "has no column 'body'; its columns are 'text', 'label'" in capsys.readouterr().err


def test_an_adapter_is_trained_saved_and_merged(encoder_folder, tmp_path):
    words = ["train", f"model={encoder_folder}", f"output_dir={tmp_path}", "split_by=classes", *FAST, "save_steps=2"]
    assert main([*words, "adapter_rank=2", "learning_rate=1e-2"]) == 0
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()
    assert sorted(file.name for file in (tmp_path / "adapter").iterdir()) == [
        "adapter_config.json", "adapter_model.safetensors"
    ]  # fmt: skip
    assert str(encoder_folder) not in (tmp_path / "adapter" / "adapter_config.json").read_text()
    before = MatchingNetwork.from_encoder(encoder_folder)
    after = MatchingNetwork.from_pretrained(tmp_path / "model")
    texts = ["a refund please", "where is my parcel"]
    assert set(after.encoder.state_dict()) == set(before.encoder.state_dict())
    assert not torch.allclose(after.embed(texts), before.embed(texts), atol=1e-3)
    whole = after.encoder.state_dict()
    for folder in (tmp_path / "adapter", tmp_path / "model"):
        shutil.rmtree(folder)
    (tmp_path / "results.json").unlink()
    shutil.rmtree(tmp_path / "checkpoint-4")  # as if it had been killed after step 2
    assert main([*words, "adapter_rank=2", "learning_rate=1e-2", "resume_from_checkpoint=true"]) == 0
    for name, weight in MatchingNetwork.from_pretrained(tmp_path / "model").encoder.state_dict().items():
        assert torch.equal(weight, whole[name]), name
