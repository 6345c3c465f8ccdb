"""Every recipe parses into its typed arguments, and the scripts are the commands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fewtext.commands.arguments import parse
from fewtext.commands.train import ARGUMENTS
from fewtext.models.configuration import MatchingNetworkConfig

RECIPES = Path(__file__).parents[1] / "recipes"
YAMLS = sorted(path for path in RECIPES.glob("*/*/*.yaml"))


@pytest.mark.parametrize("file", YAMLS, ids=lambda f: str(f.relative_to(RECIPES)))
def test_every_recipe_parses(file, tmp_path):
    data, model, training, test = parse([str(file), "use_cpu=true", f"output_dir={tmp_path}"], *ARGUMENTS)
    MatchingNetworkConfig(**model.model_settings)
    assert training.n_episodes % training.episodes_per_step == 0
    assert data.data and test.test_episodes == 600
    assert "fewtext train" in (file.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", sorted((RECIPES / "accelerate").glob("*.yaml")), ids=lambda f: f.name)
def test_every_launch_file_is_yaml_of_accelerate(file):
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(file))
    assert config.num_processes == yaml.safe_load(file.read_text())["num_processes"]


def test_two_cpu_processes_start_from_the_launch_file(encoder_folder, tmp_path):
    command = [
        sys.executable, "-m", "accelerate.commands.launch",
        "--config_file", str(RECIPES / "accelerate" / "cpu_2.yaml"),
        str(RECIPES / "train.py"), str(RECIPES / "intent" / "samples" / "lstm.yaml"), f"model={encoder_folder}",
        "n_episodes=4", "save_strategy=no", "eval_steps=2", "test_episodes=10", "eval_episodes=6",
        f"output_dir={tmp_path}",
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # nothing else says CPU
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "5-way 1-shot" in done.stdout and done.stdout.count("before") == 1
    assert (tmp_path / "model" / "model.safetensors").is_file()


@pytest.mark.parametrize("script", ["train", "evaluate", "classify"])
def test_scripts_are_thin(script):
    lines = (RECIPES / f"{script}.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 40
    done = subprocess.run([sys.executable, str(RECIPES / f"{script}.py"), "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "Defaults:" in done.stdout
