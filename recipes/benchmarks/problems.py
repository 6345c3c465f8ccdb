"""What the benchmark is made of: support sets drawn by seed, and the texts to classify with them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

import numpy as np

from fewtext import EpisodeSetting, Task, load_tasks
from fewtext.evaluation.episodic import draw_episodes


@dataclass(frozen=True)
class Problem:
    """A support set and the texts to classify.

    Attributes:
        suite: Its part of the benchmark, such as `banking77`.
        setting: What varies inside of it, such as `5 examples a class`; results are means over its draws.
        draw: Which draw.
        texts: The examples.
        labels: The class of each.
        queries: The texts to classify.
        truth: The class of each; None for a text of no class.
        training: Folder whose training classes or tasks networks may learn from before.
    """

    suite: str
    setting: str
    draw: int
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    queries: tuple[str, ...]
    truth: tuple[str | None, ...]
    training: str | None = None

    @property
    def key(self) -> str:
        """Its name."""
        return f"{self.suite}, {self.setting}, draw {self.draw}"


SUITES: dict[str, tuple[str, tuple[int, ...], int]] = {
    "banking77-episodes": ("banking77/few_shot", (1, 5), 600),
    "clinc150-episodes": ("clinc150/few_shot", (1, 5), 600),
    "banking77": ("banking77/full", (1, 5, 10), 5),
    "clinc150": ("clinc150/full", (1, 5, 10), 5),
    "clinc150-oos": ("clinc150/full", (10,), 5),
    "sst5": ("sst5", (8, 64), 10),
    "sst2": ("sst2", (8, 64), 10),
    "cr": ("cr", (8, 64), 10),
    "mr": ("mr", (8, 64), 10),
    "goemotions": ("goemotions/emotions", (8,), 10),  # the smallest class has 39 texts
    "arsc": ("arsc/tasks", (5,), 12),
}
"""Folder, shots and draws of each part; of episodes, those of each fold and each of the `WAYS`."""

WAYS = (5, 20)

ARSC_DOMAINS = ("books", "dvd", "electronics", "kitchen_housewares")


def data_folder() -> Path:
    """Return where the public data sets are; raises `FileNotFoundError` where they are not."""
    folder = Path(os.environ.get("FEWTEXT_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not there; FEWTEXT_DATA names the folder of the data sets.")
    return folder


def problems(suite: str, shots: list[int] | None = None, draws: int | None = None) -> Iterator[Problem]:
    """Yield the problems of a part; raises `ValueError` for one that there is not."""
    if suite not in SUITES:
        raise ValueError(f"there is no suite {suite!r}; the suites are {', '.join(SUITES)}.")
    name, all_shots, all_draws = SUITES[suite]
    folder = data_folder() / name
    if suite == "arsc":
        yield from islice(_arsc(folder), draws)
        return
    if suite.endswith("-episodes"):
        for way, shot in product(WAYS, shots or all_shots):
            yield from _episodes(suite, folder, way, shot, draws or all_draws)
        return
    [train], [test] = (load_tasks(str(folder), split=split) for split in ("train", "test"))
    queries, truth = list(test.texts), list(test.labels)
    if suite == "clinc150-oos":
        strange = load_tasks(str(folder.parent / "oos"), split="test")[0].texts
        queries, truth = [*queries, *strange], [*truth, *(None for _ in strange)]
    for shot in shots or all_shots:
        for draw in range(draws or all_draws):
            texts, labels = draw_examples(train, shot, draw)
            setting = f"{shot} example{'s' * (shot > 1)} a class"
            yield Problem(suite, setting, draw, texts, labels, tuple(queries), tuple(truth))


def draw_examples(task: Task, shot: int, seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return `shot` examples of each class, and their labels."""
    random = np.random.default_rng(seed)
    pairs = [(t, c) for c in task.classes for t in random.choice(task.texts_of[c], shot, replace=False).tolist()]
    return tuple(text for text, _ in pairs), tuple(label for _, label in pairs)


def _episodes(suite: str, folder: Path, way: int, shot: int, n_episodes: int) -> Iterator[Problem]:
    """Episodes of the test classes of each fold, 5 queries a class, one after another."""
    setting = f"{way}-way {shot}-shot"
    for number, fold in enumerate(sorted(path for path in folder.iterdir() if path.is_dir())):
        [task] = load_tasks(str(fold), split="test")
        for e in draw_episodes([task], EpisodeSetting(way, shot, 5), n_episodes, seed=0):
            labels, truth = ([e.classes[i] for i in rows] for rows in (e.support_labels, e.query_labels))
            draw = 10_000 * number + e.number
            yield Problem(suite, setting, draw, e.support_texts, tuple(labels), e.query_texts, tuple(truth), str(fold))


def _arsc(folder: Path) -> Iterator[Problem]:
    """The twelve target tasks, each with the support set that is given."""
    names = sorted(path.name for path in folder.iterdir() if path.name.rsplit(".", 1)[0] in ARSC_DOMAINS)
    for draw, name in enumerate(names):
        [support], [test] = (load_tasks(str(folder / name), split=split) for split in ("train", "test"))
        setting = "the given 5 examples a class"
        yield Problem("arsc", setting, draw, support.texts, support.labels, test.texts, test.labels, str(folder))
