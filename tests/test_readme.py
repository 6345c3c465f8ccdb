"""What the README prints runs as it is printed, one block after another as a reader would."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from fewtext.cli import main

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
ROWS = [
    ("where is my parcel", "track order"),
    ("it has not arrived yet", "track order"),
    ("i want my money back", "refund"),
    ("how do I return this?", "refund"),
    ("the screen is cracked", "damaged item"),
    ("it came in pieces", "damaged item"),
]


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


@pytest.fixture
def here(minilm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame(ROWS, columns=["text", "label"]).to_csv("examples.csv", index=False)
    pd.DataFrame({"text": ["has it been sent?", "my lamp arrived broken"]}).to_csv("texts.csv", index=False)
    return tmp_path


def test_the_first_blocks_of_python(here, capsys):
    intro, pipeline = blocks("python")[:2]
    exec(intro, {})
    assert re.search(r"\[\{'label': 'track order', 'score': 0\.9\d", capsys.readouterr().out)
    exec(pipeline, {})
    assert "refund" in capsys.readouterr().out


def test_the_commands(here):
    [shell] = [block for block in blocks("bash") if "fewtext diagnose" in block]
    commands = [shlex.split(line, comments=True)[1:] for line in shell.splitlines()]
    assert [command[0] for command in commands] == ["diagnose", "classify", "adapt", "push"]
    for command in commands[:3]:
        assert main(command) == 0
    assert (here / "report.html").stat().st_size > 10_000
    labels = pd.read_csv("labels.csv")["label"].tolist()
    assert labels == ["track order", "damaged item"]
    assert (here / commands[3][commands[3].index("--model") + 1] / "config.json").is_file()  # what push would push
