"""The same weights on one process or two, killed and resumed or not: real processes, gloo, SIGKILL."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from processes import ONE_GROUP, run_group, run_python
from safetensors.torch import load_file

SCRIPT = Path(__file__).with_name("run_training.py")
LAUNCH_FILES = Path(__file__).parents[2] / "recipes" / "accelerate"


def train(encoder, folder, processes=1, killed=False, sharded=False, **options):
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true"}
    environment |= launched_with("fsdp.yaml") if sharded else {}
    arguments = (SCRIPT, encoder, folder, json.dumps(options))
    done = (
        run_group(processes, *arguments, environment=environment)
        if processes > 1
        else [run_python(*arguments, environment=environment)]
    )
    codes, errors = {process.returncode for process in done}, "\n".join(process.stderr[-3000:] for process in done)
    if killed:  # who lives a moment longer fails for want of the other
        assert -signal.SIGKILL in codes and 0 not in codes, errors
        assert not (Path(folder) / "final").exists()
        return None
    assert codes == {0}, errors
    history = json.loads((Path(folder) / "history.json").read_text())
    assert history["processes"] == processes
    return history["log"], load_file(Path(folder) / "final" / "model.safetensors")


def launched_with(file):
    """The environment that `accelerate launch --config_file` makes of a file's fsdp_config."""
    config = yaml.safe_load((LAUNCH_FILES / file).read_text())["fsdp_config"]
    prefixed = {key if key.startswith("fsdp_") else f"fsdp_{key}": value for key, value in config.items()}
    return {"ACCELERATE_USE_FSDP": "true", **{key.upper(): str(value) for key, value in prefixed.items()}}


def losses(log, key="loss"):
    return {entry["step"]: entry[key] for entry in log if key in entry}


@pytest.fixture(scope="module")
def undisturbed(encoder_folder, tmp_path_factory):
    """One process that accumulates two episodes a step, 12 steps."""
    return train(encoder_folder, tmp_path_factory.mktemp("one"), gradient_accumulation_steps=2)


def assert_same(one, other, atol=1e-6):
    for key in ("loss", "eval_loss", "eval_accuracy"):
        first, second = losses(one[0], key), losses(other[0], key)
        assert first.keys() == second.keys()
        assert max(abs(first[step] - second[step]) for step in first) <= atol, (key, first, second)
    for name, weight in one[1].items():
        torch.testing.assert_close(other[1][name], weight, rtol=0, atol=atol, msg=lambda m, name=name: f"{name}: {m}")


def test_it_learns(undisturbed):
    log, weights = undisturbed
    assert len(losses(log)) == 12
    assert any(weights[name].abs() > 1e-3 for name in weights if name.endswith("gate"))
    assert losses(log, "eval_loss")[12] < losses(log, "eval_loss")[4]


def test_two_processes_equal_one_with_twice_the_accumulation(undisturbed, encoder_folder, tmp_path):
    assert_same(undisturbed, train(encoder_folder, tmp_path, processes=2))


def test_a_gradient_cache_changes_no_weight_on_two_processes(undisturbed, encoder_folder, tmp_path):
    assert_same(undisturbed, train(encoder_folder, tmp_path, processes=2, gradient_cache=True))


@pytest.mark.parametrize("step", [4, 8])
def test_killed_and_resumed_gives_the_same_weights(undisturbed, encoder_folder, tmp_path, step):
    train(encoder_folder, tmp_path, killed=True, kill_at=step, gradient_accumulation_steps=2)
    if step == 8:  # the kill came while a checkpoint was written: no marker, half a file
        newest = tmp_path / "checkpoint-6"
        (newest / "complete").unlink()
        weights = newest / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:1000])
    again = train(encoder_folder, tmp_path, resume=True, gradient_accumulation_steps=2)
    assert_same(undisturbed, again, atol=0)


def test_killed_on_two_processes_and_resumed(undisturbed, encoder_folder, tmp_path):
    train(encoder_folder, tmp_path, processes=2, killed=True, kill_at=7)
    assert_same(undisturbed, train(encoder_folder, tmp_path, processes=2, resume=True))


def test_sharded_weights_equal_whole_ones_and_resume(encoder_folder, tmp_path):
    """FSDP 2 on two processes against one process with twice the accumulation; the sharded run is killed once."""
    # Shards are summed in another order. Where a gradient is zero but for rounding, Adam would make a full step of it:
    # a larger epsilon keeps the comparison to what the gradients say.
    options = {"adam_epsilon": 1e-3}
    whole = train(encoder_folder, tmp_path / "whole", gradient_accumulation_steps=2, one_pass=True, **options)
    train(encoder_folder, tmp_path / "sharded", processes=2, sharded=True, killed=True, kill_at=7, **options)
    sharded = train(encoder_folder, tmp_path / "sharded", processes=2, sharded=True, resume=True, **options)
    assert_same(whole, sharded)


def test_two_processes_never_train_two_copies(encoder_folder, tmp_path):
    """With nothing that says CPU, torchrun's processes still find each other: each would train a copy else."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(SCRIPT)]
    command += [str(encoder_folder), str(tmp_path), json.dumps({"use_cpu": False, "n_episodes": 4})]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ACCELERATE")}
    with ONE_GROUP:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads((tmp_path / "history.json").read_text())["processes"] == 2
