"""What each part of the matching brings: `python recipes/ablation.py [key=value ...]`.

Every variant changes one thing of the same network, learns from the training classes of a fold while the encoder stays
as it is (so that all but those of a lower layer read the same embeddings), and is tested on the fold's test classes in
the same episodes, with the paired difference to the first row. What needs the encoder to learn (way, shot, adapter
rank) is measured by `fewtext train`; recipes/intent/ABLATION.md has the commands. `--help` lists the settings.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from benchmarks.methods import Tabled, VectorTable
from transformers import PrinterCallback, set_seed

from fewtext import EpisodeSetting, MatchingNetwork, load_tasks
from fewtext.commands.arguments import describe, parse
from fewtext.evaluation.episodic import EpisodeScores, evaluate_episodes
from fewtext.evaluation.statistics import mean_interval
from fewtext.training.arguments import EpisodicTrainingArguments
from fewtext.training.trainer import EpisodicTrainer

SETTINGS = [EpisodeSetting(5, shot, 5, names=names) for shot in (1, 5) for names in (False, True)]

VARIANTS: dict[str, dict[str, Any]] = {
    "center, vote mixed (the start of all others)": {},
    "context none": {"context": "none"},
    "center, whole mean": {"center_share": 1.0},
    "vote sum (the paper's)": {"class_vote": "sum"},
    "vote mean": {"class_vote": "mean"},
    "vote prototype": {"class_vote": "prototype"},
    "temperature 10": {"temperature": 10.0},
    "temperature 40": {"temperature": 40.0},
    **{f"lstm, K = {k}": {"context": "lstm", "context_size": 64, "context_steps": k} for k in range(6)},
    "lstm, K = 3, gate from 1": {"context": "lstm", "context_size": 64, "context_steps": 3, "context_gate": 1.0},
    **{
        f"layer {k} counts {s}": {"lower_layer": k, "lower_share": s}
        for k, s in ((3, 0.3), (3, 0.5), (1, 0.3), (5, 0.3))
    },
}
"""What each changes in `MatchingNetworkConfig`."""


@dataclass
class AblationArguments:
    """What to measure.

    Args:
        data: Folder of a fold: its train and test classes differ.
        train_episodes: Episodes of 20-way 1-shot to learn from, names in half of them; 0 learns nothing.
        test_episodes: Episodes of each setting.
        variants: The first words of the variants to measure beside the first, such as `lstm`; by default all.
        seed: Draws both.
        output: JSON file for the results.
    """

    data: str = "../shared/data/banking77/few_shot/01"
    train_episodes: int = 400
    test_episodes: int = 600
    variants: list[str] | None = None
    seed: int = 0
    output: str | None = None


def ablation(arguments: AblationArguments) -> None:
    """Measure every variant, print the table as it grows and write it down."""
    train, test = (load_tasks(arguments.data, split=split) for split in ("train", "test"))
    tables: dict[tuple[int | None, float], VectorTable] = {}
    found: dict[str, Any] = {}
    first: list[EpisodeScores] | None = None
    print("| | 1 shot | 1 shot, names | 5 shots | 5 shots, names |\n|---|---|---|---|---|", flush=True)
    for title, settings in chosen(arguments.variants).items():
        set_seed(arguments.seed)
        network = Tabled.of(MatchingNetwork.from_encoder(**({"context": "center", "class_vote": "mixed"} | settings)))
        read = network.config.lower_layer, network.config.lower_share
        network.vectors = tables.setdefault(read, network.vectors)
        if arguments.train_episodes:
            learn(network, train, arguments)
        scores = evaluate_episodes(
            network, test, SETTINGS, n_episodes=arguments.test_episodes, seed=arguments.seed, show_progress=False
        )
        first = scores if first is None else first
        found[title] = row(scores, first) | {"settings": settings}
        print(f"| {title} | {' | '.join(shown(cell) for cell in found[title]['cells'])} |", flush=True)
    if arguments.output:
        Path(arguments.output).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def chosen(names: list[str] | None) -> dict[str, dict[str, Any]]:
    """Return the first variant, and those whose title begins with one of the names; raises where none does."""
    first, *others = VARIANTS
    names = list(VARIANTS) if names is None else names
    for name in names:
        if not any(title.startswith(name) for title in VARIANTS):
            raise SystemExit(f"variants has {name!r}; the variants are {'; '.join(others)}.")
    wanted = [title for title in others if title.startswith(tuple(names))]
    return {title: VARIANTS[title] for title in (first, *wanted)}


def learn(network: MatchingNetwork, tasks: list[Any], arguments: AblationArguments) -> None:
    """Meta-train all but the encoder."""
    with TemporaryDirectory() as folder:
        training = EpisodicTrainingArguments(
            output_dir=folder,
            n_episodes=arguments.train_episodes,
            way=20,
            shot=1,
            query=3,
            names=0.5,
            matching_learning_rate=1e-3,
            warmup_steps=20,
            freeze_encoder=True,
            eval_strategy="no",
            save_strategy="no",
            disable_tqdm=True,
            seed=arguments.seed,
        )
        trainer = EpisodicTrainer(network, training, tasks)
        trainer.remove_callback(PrinterCallback)  # the table is what is printed
        trainer.train()
    network.eval()


def row(scores: list[EpisodeScores], first: list[EpisodeScores]) -> dict[str, Any]:
    """Return accuracy and paired difference to the first variant, in percent with intervals, of each setting."""
    cells = []
    for own, reference in zip(scores, first, strict=True):
        gain = mean_interval(100 * (own.accuracies - reference.accuracies))
        cells.append({"accuracy": 100 * own.accuracy.mean, "gain": gain.mean, "interval": gain.half_width})
    return {"cells": cells}


def shown(cell: Mapping[str, float]) -> str:
    """Return a cell of the table."""
    return f"{cell['accuracy']:.1f} ({cell['gain']:+.1f} ± {cell['interval']:.1f})"


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(f"{__doc__}\n{describe(AblationArguments)}")
    else:
        ablation(*parse(sys.argv[1:], AblationArguments))
