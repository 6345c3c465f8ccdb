"""Networks that the recipes meta-train on the classes a problem brings: ours, and two peers on the same episodes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from benchmarks.methods import Fewtext, Tabled
from benchmarks.problems import Problem

from fewtext import MatchingNetwork

RECIPES = Path(__file__).parents[1]

RECIPE_OF = {
    "banking77-episodes": "intent/banking77/lstm.yaml",
    "clinc150-episodes": "intent/clinc150/lstm.yaml",
    "arsc": "sentiment/arsc/none.yaml",
}
"""The recipe of each suite that brings training classes; episodes, optimizer and seed are the same for all kinds."""

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "matching": ("train.py", {}),
    "prototypical": ("train.py", {"context": "none", "class_vote": "prototype"}),
    "siamese": ("baselines/siamese/train.py", {"context": "center"}),
}
"""The script that trains each kind of network, and what it changes in the model settings of the recipe."""


class MetaTrained(Fewtext):
    """A network of one kind, trained on the training classes that come with a problem; then `fit` alone."""

    def __init__(self, names: bool, kind: str, settings: tuple[str, ...] = ()) -> None:
        self.names = names
        self.adaptations = ()
        self.kind = kind
        self.settings = settings
        self.of: str | None = None

    def prepare(self, problem: Problem, folder: Path) -> None:
        """Load the network for a problem from below `folder`; train it first where it is not there yet."""
        if problem.training is None:
            raise ValueError(f"{problem.suite} has no training classes; {', '.join(RECIPE_OF)} have.")
        if problem.training == self.of:
            return
        data = Path(problem.training)
        output = folder / f"{self.kind}-{problem.suite}-{data.name}"
        if not (output / "results.json").is_file():
            subprocess.run([sys.executable, *self.command(problem.suite, data, output)], check=True)
        self.network = Tabled.of(MatchingNetwork.from_pretrained(output / "model"))
        self.training_seconds = json.loads((output / "results.json").read_text(encoding="utf-8"))["training_seconds"]
        self.of = problem.training

    def command(self, suite: str, data: Path, output: Path) -> list[str]:
        """Return the recipe's command; what it measures itself is cut short, for the benchmark measures."""
        script, changes = KINDS[self.kind]
        recipe = RECIPES / RECIPE_OF[suite]
        settings = yaml.safe_load(recipe.read_text(encoding="utf-8"))["model_settings"] | changes
        return [
            *(str(RECIPES / script), str(recipe), f"data={data}", f"output_dir={output}"),
            *(f"model_settings={json.dumps(settings)}", "protocol=episodes", "test_way=2", "test_shots=[1]"),
            *("test_query=1", "test_episodes=10", "eval_strategy=no", "resume_from_checkpoint=true", *self.settings),
        ]
