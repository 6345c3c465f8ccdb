"""A folder is written whole or not at all, and a broken one is named."""

import json
import signal
from pathlib import Path

import pytest
import torch
from processes import Python, run_python
from safetensors.torch import save_file

from fewtext.folders import check_model_folder, recover_folder, replaced_folder


def write_model(folder, value):
    (folder / "config.json").write_text(json.dumps({"model_type": "matching_network", "value": value}))
    save_file({"x": torch.full((3,), float(value))}, folder / "model.safetensors")


def value_of(folder):
    return json.loads((folder / "config.json").read_text())["value"]


def test_the_new_takes_the_place_of_the_old_and_other_files_stay(tmp_path):
    target = tmp_path / "model"
    for value in (1, 2):
        with replaced_folder(target) as new:
            write_model(new, value)
            if value == 1:
                (new / "support.jsonl").write_text("{}")
        (target / "LICENSE").write_text("mine")
    assert value_of(target) == 2
    assert (target / "LICENSE").read_text() == "mine"
    assert not (target / "support.jsonl").exists()  # a part of the old model, not of the new
    assert sorted(path.name for path in tmp_path.iterdir()) == [".model.lock", "model"]


def test_a_failed_save_leaves_the_old(tmp_path):
    target = tmp_path / "model"
    with replaced_folder(target) as new:
        write_model(new, 1)
    with pytest.raises(RuntimeError), replaced_folder(target) as new:
        write_model(new, 2)
        raise RuntimeError("disk full")
    assert value_of(target) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [".model.lock", "model"]


def test_what_is_not_a_model_is_not_overwritten(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="not a fewtext model"), replaced_folder(tmp_path):
        pass
    with pytest.raises(FileExistsError, match="is a file"), replaced_folder(tmp_path / "thesis.txt"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]  # no lock either
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_killed_at_any_rename_leaves_the_old_or_the_new(tmp_path, renames):
    target = tmp_path / "model"
    with replaced_folder(target) as new:
        write_model(new, 1)
    (target / "LICENSE").write_text("mine")
    script = f"""
import os, signal, pathlib, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from fewtext.folders import replaced_folder
from test_folders import write_model
count, rename = 0, pathlib.Path.rename
def counting(self, other):
    global count
    if count == {renames}: os.kill(os.getpid(), signal.SIGKILL)
    count += 1
    return rename(self, other)
pathlib.Path.rename = counting
with replaced_folder({str(target)!r}) as new:
    write_model(new, 2)
"""
    done = run_python(script)
    assert done.returncode == -signal.SIGKILL, done.stderr
    recover_folder(target)
    check_model_folder(target)
    assert value_of(target) == (2 if renames == 2 else 1)
    assert (target / "LICENSE").read_text() == "mine"


def test_broken_folders_are_named(tmp_path):
    with pytest.raises(ValueError, match="it has no config.json"):
        check_model_folder(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "ber')
    with pytest.raises(ValueError, match="is not JSON; it was cut off"):
        check_model_folder(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match="is not a fewtext model; its config.json says 'bert'"):
        check_model_folder(tmp_path)
    write_model(tmp_path, 1)
    check_model_folder(tmp_path)
    weights = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights[:-4])
    with pytest.raises(ValueError, match="damaged or was cut off"):
        check_model_folder(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="lacks model.safetensors"):
        check_model_folder(tmp_path)


def test_odd_targets(tmp_path, monkeypatch):
    real = tmp_path / "real"
    with replaced_folder(real) as new:
        write_model(new, 1)
    (tmp_path / "link").symlink_to(real)
    with replaced_folder(tmp_path / "link") as new:
        write_model(new, 2)
    assert (tmp_path / "link").is_symlink() and value_of(real) == 2
    monkeypatch.chdir(real)
    with pytest.raises(ValueError, match="is the current folder"), replaced_folder("."):
        pass


def test_files_of_the_user_beside_the_model_stay(tmp_path):
    target = tmp_path / "model"
    for value in (1, 2):
        with replaced_folder(target) as new:
            write_model(new, value)
            if value == 1:
                (new / "special_tokens_map.json").write_text("{}")
        for name in ("tokenizer_notes.md", "support.md", "model_a.safetensors", "config.yaml"):
            (target / name).write_text("mine")
    assert (target / "support.md").read_text() == (target / "model_a.safetensors").read_text() == "mine"
    assert not (target / "special_tokens_map.json").exists()  # of the old tokenizer


def test_a_config_that_only_mentions_a_model_is_not_one(tmp_path):
    (tmp_path / "config.json").write_text('{"notes": "compare with matching_network"}')
    with pytest.raises(FileExistsError, match="not a fewtext model"), replaced_folder(tmp_path):
        pass


def test_saves_of_several_processes_wait_for_each_other(tmp_path):
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from fewtext.folders import check_model_folder, recover_folder, replaced_folder
from pathlib import Path
from test_folders import write_model
for i in range(40):
    with replaced_folder({str(tmp_path / "model")!r}) as new:
        write_model(new, i)
    recover_folder(Path({str(tmp_path / "model")!r}))
"""
    for process in [Python(script) for _ in range(3)]:
        done = process.wait()
        assert done.returncode == 0, done.stderr
    check_model_folder(tmp_path / "model")
    assert value_of(tmp_path / "model") == 39


def test_whoever_may_read_the_folder_may_read_its_files(tmp_path):
    """Files of safetensors are written so that the owner alone can read them."""
    with replaced_folder(tmp_path / "model") as new:
        write_model(new, 1)
        (new / "model.safetensors").chmod(0o600)
    allowed = (tmp_path / "model").stat().st_mode & 0o666
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "model").iterdir()} == {allowed}


def test_a_folder_in_a_file_is_refused(tmp_path):
    (tmp_path / "notes").write_text("mine")
    with (
        pytest.raises(FileExistsError, match="notes is a file, so .* cannot be a folder"),
        replaced_folder(tmp_path / "notes" / "model"),
    ):
        pass
