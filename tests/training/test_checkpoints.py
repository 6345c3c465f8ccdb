import json
import logging

import pytest

from fewtext.data.tasks import Task
from fewtext.models.configuration import MatchingNetworkConfig
from fewtext.training.arguments import EpisodicTrainingArguments
from fewtext.training.checkpoints import check_same_run, last_complete_checkpoint, run_settings


def test_the_newest_whole_checkpoint_is_taken(tmp_path, caplog):
    assert last_complete_checkpoint(tmp_path) is None
    for step, whole in ((9, True), (10, True), (100, False)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if whole:
            (folder / "complete").write_text("")
    with caplog.at_level(logging.WARNING):
        assert last_complete_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")
    assert "checkpoint-100 was cut off" in caplog.text


def test_another_run_does_not_go_on(tmp_path):
    settings = {"way": (3, 5), "seed": 1}
    check_same_run(tmp_path, settings)  # no marker: nothing is known
    (tmp_path / "complete").write_text("5\n")  # of an earlier version
    check_same_run(tmp_path, settings)
    (tmp_path / "complete").write_text(json.dumps(settings))
    check_same_run(tmp_path, settings)
    with pytest.raises(ValueError, match=r"is of a run with other settings \(seed was 1 and is 2\); give those"):
        check_same_run(tmp_path, {**settings, "seed": 2})
    check_same_run(tmp_path, {**settings, "turns": 1})  # it knew of none
    with pytest.raises(ValueError, match=r"turns was 1 and is 3"):
        check_same_run(tmp_path, {**settings, "turns": 3})


def test_another_model_other_texts_or_another_rate_are_another_run(tmp_path, model):
    args = EpisodicTrainingArguments(str(tmp_path), n_episodes=4)
    tasks = [Task("t", ["ab", "cd"], ["x", "y"])]
    before = run_settings(args, model.config, tasks)
    assert run_settings(args, model.config, tasks) == before
    for other in (
        run_settings(args, MatchingNetworkConfig(kernel="dot"), tasks),
        run_settings(args, MatchingNetworkConfig(query_prompt="q: "), tasks),
        run_settings(args, model.config, [Task("t", ["ba", "cd"], ["x", "y"])]),
        run_settings(EpisodicTrainingArguments(str(tmp_path), n_episodes=4, learning_rate=1e-3), model.config, tasks),
    ):
        assert other != before
        (tmp_path / "complete").write_text(json.dumps(before))
        with pytest.raises(ValueError, match="is of a run with other settings"):
            check_same_run(tmp_path, other)
