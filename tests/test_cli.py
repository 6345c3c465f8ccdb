import subprocess
import sys

import pytest

from fewtext.cli import main
from fewtext.version import __version__


def test_help_and_version(capsys):
    assert main([]) == 0 and main(["--help"]) == 0 and main(["--version"]) == 0
    out = capsys.readouterr().out
    assert "train" in out and __version__ in out


def test_whoever_reads_may_stop_early():
    command = f"{sys.executable} -m fewtext train --help | true; exit ${{PIPESTATUS[0]}}"  # gone before it prints
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "fewtext train: [Errno 32] Broken pipe\n")


@pytest.mark.parametrize("command", ["train", "evaluate", "classify", "demo"])
def test_every_command_lists_its_settings(command, capsys):
    assert main([command, "--help"]) == 0
    assert "Defaults:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["tarin"], "there is no command 'tarin'"),
        (["train"], "give a recipe, such as recipes/intent/samples/lstm.yaml, or data=FOLDER"),
        (["train", "n_episode=3"], "there is no setting 'n_episode'. Did you mean n_episodes?"),
        (["train", "nowhere.yaml"], "nowhere.yaml: no such configuration file"),
        (["train", "banana"], "'banana' is neither a .yaml file nor key=value"),
        (["train", "data=/no/such/folder"], "no such file or folder"),
        (["evaluate", "protocol=magic"], "protocol is 'magic'"),
        (["classify"], "give input=FILE"),
    ],
)
def test_bad_input_is_one_sentence(words, sentence, capsys):
    assert main(words) == 2
    err = capsys.readouterr().err
    assert sentence in err and "Traceback" not in err
