"""`recipes/classify.py` on two processes: the bytes of one process, killed and resumed or not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import ONE_GROUP, run_group

from fewtext.cli import main
from fewtext.commands import classify
from fewtext.commands.output import Output
from fewtext.commands.processes import Processes

RECIPES = Path(__file__).parents[2] / "recipes"
TEXTS = [f"is {'my ' * (i % 5)}table or parcel, number {i}, here" for i in range(3000)]
IN_BLOCKS = """
import os, signal, sys
from fewtext.commands import classify
from fewtext.commands.output import Output
from fewtext.cli import main
classify.BLOCK = 400
write, calls = Output.write, []
def dying(self, rows):
    calls.append(1)
    write(self, rows)
    if os.environ["RANK"] == "1" and len(calls) == 2:
        os.truncate(self.partial, self.partial.stat().st_size - 25)  # a row is cut
        os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "killed":
    Output.write = dying
sys.exit(main(["classify", *sys.argv[2:]]))
"""


@pytest.fixture
def words(encoder_folder, tmp_path):
    (tmp_path / "examples.csv").write_text("text,label\nwhere is my parcel,track\nit is late,track\na table,book\n")
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    return [f"model={encoder_folder}", f"support={tmp_path / 'examples.csv'}", f"input={tmp_path / 'in.jsonl'}"]


def on_two(*words):
    done = run_group(2, IN_BLOCKS, *words, environment={**os.environ, "ACCELERATE_USE_CPU": "true"})
    return [process.returncode for process in done], "\n".join(process.stderr for process in done)


def test_killed_and_resumed_two_processes_write_the_bytes_of_one(words, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(classify, "BLOCK", 400)
    assert main(["classify", *words, f"output={tmp_path}/one.csv", "top_k=2"]) == 0
    words += [f"output={tmp_path}/two.csv", "top_k=2"]
    codes, _ = on_two("killed", *words)
    assert codes[1] == -signal.SIGKILL and codes[0] != 0
    parts = [tmp_path / f"two.csv.{i}-of-2.partial" for i in (1, 2)]
    assert not (tmp_path / "two.csv").exists() and not parts[1].read_bytes().endswith(b"\n")
    assert main(["classify", *words, "resume=true"]) == 2
    assert f"{parts[0]} is of another number of processes: go on with as many" in capsys.readouterr().err
    with pytest.raises(FileExistsError, match=f"{parts[1]} of an interrupted run exists already"):
        Output(f"{tmp_path}/two.csv", rank=1, size=2)
    codes, errors = on_two("whole", *words, "resume=true")
    assert codes == [0, 0], errors
    assert (tmp_path / "two.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()
    assert sorted(tmp_path.glob("two.csv*")) == [tmp_path / "two.csv"]


def test_two_processes_start_from_the_launch_file(words, tmp_path):
    assert main(["classify", *words, f"output={tmp_path}/one.jsonl"]) == 0
    launch = [sys.executable, "-m", "accelerate.commands.launch"]
    launch += ["--config_file", str(RECIPES / "accelerate" / "cpu_2.yaml"), str(RECIPES / "classify.py")]
    with ONE_GROUP:
        done = subprocess.run(
            [*launch, *words, f"output={tmp_path}/two.jsonl"], capture_output=True, text=True, timeout=300
        )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "two.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()
    assert sorted(tmp_path.glob("two.jsonl*")) == [tmp_path / "two.jsonl"]


def test_blocks_are_dealt_in_turn():
    dealt = [list(Processes(rank, 3).own(iter(range(8)))) for rank in range(3)]
    assert dealt == [[0, 3, 6], [1, 4, 7], [2, 5]]
    assert list(Processes().own(iter(range(8)))) == list(range(8))


def test_without_a_launcher_a_process_is_alone(monkeypatch):
    assert Processes.started() == Processes(rank=0, size=1, device=None)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert Processes.started() == Processes()
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert Processes.started() == Processes()
