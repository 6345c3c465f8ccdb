"""diagnose, adapt, push and card, as they are typed."""

import os
import re

import pytest
from hub_server import hub
from processes import run_python

from fewtext.cli import main
from fewtext.inference.classifier import FewShotClassifier

COMMAND = "import sys; from fewtext.cli import main; sys.exit(main())"


@pytest.fixture
def support(tmp_path, intents):
    import csv

    file = tmp_path / "support.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["text", "label"])
        table.writerows((text, label) for label in intents.classes[:3] for text in intents.texts_of[label][:3])
    return file


def test_diagnose(support, encoder_folder, tmp_path, capsys):
    pool = tmp_path / "pool.txt"
    pool.write_text("hello there\nwhat is this\n")
    page = tmp_path / "report.html"
    words = ["diagnose", "--support", str(support), "--model", str(encoder_folder), "--pool", str(pool)]
    assert main([*words, "--html", str(page)]) == 0
    out = capsys.readouterr().out
    assert "9 examples of 3 classes; expected accuracy" in out and "to label next" in out
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert main([*words, "--html", str(page)]) == 2 and "report.html exists already" in capsys.readouterr().err
    assert main(["diagnose", str(support), "--model", str(encoder_folder)]) == 0
    assert "9 examples of 3 classes" in capsys.readouterr().out
    assert main(["diagnose", "--model", str(encoder_folder)]) == 2
    assert "give support=FILE" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["memory", "encoder"])
def test_adapt(support, encoder_folder, tmp_path, capsys, method):
    words = ["adapt", "--support", str(support), "--model", str(encoder_folder), "--method", method]
    assert main([*words, "--output", str(tmp_path / "bot"), "--rounds", "1"]) == 0
    out = capsys.readouterr().out
    assert f"adapted) ({method})" in out and re.search(r"expected accuracy before \d+\.\d ± \d+\.\d %", out)
    assert (", after " in out) == (method == "memory")
    again = FewShotClassifier.from_pretrained(tmp_path / "bot")
    assert len(again.support) == 9 and again._state.is_adapted
    assert main(words) == 2 and "give output=FOLDER" in capsys.readouterr().err
    assert main([*words, "--output", str(tmp_path / "bot")]) == 2 and "bot exists already" in capsys.readouterr().err


def test_card(support, encoder_folder, tmp_path, capsys):
    FewShotClassifier.from_pretrained(encoder_folder).fit(["a dog", "a cat"], ["dogs", "cats"]).save_pretrained(
        tmp_path / "bot"
    )
    assert main(["card", "--model", str(tmp_path / "bot"), "--name", "me/bot", "--license", "mit"]) == 0
    assert 'from_pretrained("me/bot")' in capsys.readouterr().out
    assert main(["card", "--model", str(tmp_path / "bot"), "--output", str(tmp_path / "README.md")]) == 0
    assert "library_name: fewtext" in (tmp_path / "README.md").read_text()
    assert main(["card", "--model", str(tmp_path / "bot"), "--output", str(tmp_path / "README.md")]) == 2


def test_push(encoder_folder, tmp_path):
    FewShotClassifier.from_pretrained(encoder_folder).fit(["a dog", "a cat"], ["dogs", "cats"]).save_pretrained(
        tmp_path / "bot"
    )
    with hub(tmp_path / "hub", token="secret") as server:
        environment = {key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"}
        environment |= {"HF_ENDPOINT": server.address, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_XET": "1"}
        words = ["push", "--model", tmp_path / "bot", "--to", "me/bot", "--private"]
        refused = run_python(COMMAND, *words, environment={**environment, "HF_TOKEN": "wrong"})
        assert refused.returncode == 2 and "refused the access token" in refused.stderr and not server.commits
        done = run_python(COMMAND, *words, environment={**environment, "HF_TOKEN": "secret"})
        assert done.returncode == 0, done.stderr
        assert "me/bot" in done.stdout and "models/me/bot" in server.private
        assert "with the texts of 2 examples; the repository is private" in done.stdout


@pytest.mark.parametrize("command", ["classify", "diagnose", "adapt", "push", "card"])
def test_help_has_examples(capsys, command):
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"fewtext {command} " in out and "Defaults:" in out
