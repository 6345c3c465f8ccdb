"""Episodes: N-way K-shot draws from tasks, each a function of the seed and its number alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from fewtext.data.markers import UNKNOWN
from fewtext.data.names import names_are_words, readable_name
from fewtext.data.tasks import Task

Range = int | tuple[int, int]


@dataclass(frozen=True)
class Episode:
    """One small classification problem: a support set and the queries to classify with it.

    Attributes:
        task: Name of the task it was drawn from.
        classes: Class names, `n_way` of them; labels are positions in this tuple.
        support_texts: The examples, `n_support` of them, in random order.
        support_labels: Their labels.
        query_texts: The queries, `n_query` of them.
        query_labels: Their labels; `UNKNOWN` (-1) for a query of an absent class.
        names: The class names as texts, `n_way` of them, where they join the support set; else empty.
        number: Its number in the data set it comes from.
    """

    task: str
    classes: tuple[str, ...]
    support_texts: tuple[str, ...]
    support_labels: tuple[int, ...]
    query_texts: tuple[str, ...]
    query_labels: tuple[int, ...]
    names: tuple[str, ...] = ()
    number: int = 0


def take_turns(episode: Episode, turns: int) -> list[Episode]:
    """Return the episode, and the same texts in other roles: those of a class take turns at being its support texts.

    What costs time is to encode the texts; another turn of theirs is another loss for next to nothing. With
    `shot + query` turns each text is an example equally often.

    Args:
        episode: The episode.
        turns: How many episodes to return; at most `shot + query` differ.

    Raises:
        ValueError: less than one turn.

    >>> episode = Episode("letters", ("x",), ("a",), (0,), ("b", "c"), (0, 0))
    >>> [(turn.support_texts, turn.query_texts) for turn in take_turns(episode, 3)]
    [(('a',), ('b', 'c')), (('b',), ('c', 'a')), (('c',), ('a', 'b'))]
    """
    if turns < 1:
        raise ValueError(f"turns is {turns}; it must be at least 1.")
    of_class: dict[int, list[str]] = {}
    for text, label in zip(
        episode.support_texts + episode.query_texts, episode.support_labels + episode.query_labels, strict=True
    ):
        of_class.setdefault(label, []).append(text)
    episodes = [episode]
    for turn in range(1, turns):
        next_of = {label: iter(_rotated(texts, turn, turns)) for label, texts in of_class.items()}
        support = tuple(next(next_of[label]) for label in episode.support_labels)
        queries = tuple(next(next_of[label]) for label in episode.query_labels)
        episodes.append(replace(episode, support_texts=support, query_texts=queries))
    return episodes


def _rotated(texts: list[str], turn: int, turns: int) -> list[str]:
    first = turn * len(texts) // turns
    return texts[first:] + texts[:first]


class EpisodeDataset(Dataset[Episode]):
    """Item i is episode i: N-way K-shot Q-query, drawn by a generator seeded with `(seed, i)`.

    Args:
        tasks: Where episodes come from, each with its weight.
        length: Number of episodes.
        way: Classes an episode; a pair is a range, of which each task uses what its classes allow.
        shot: Support texts a class; a number or a range.
        query: Queries a class; a number or a range.
        n_unknown: Queries of classes that are absent from the episode; a number or a range.
        names: Share of the episodes in which the class names join the support set; never those of a task
            whose names are not words.
        hard: Share of the episodes whose classes are hard to tell apart: one, and those most like it.
        likeness: For `hard`: returns of a task how much each class is like each other, `(n_classes, n_classes)`.
        seed: The same seed gives the same episodes, in any order and on any number of processes.
        small_classes: `error` names the classes with too few texts; `drop` leaves them out with a warning.

    Raises:
        ValueError: a class with too few texts (name, count, needed), more ways than classes, or `hard` without
            `likeness`.

    >>> task = Task("letters", list("aAbBcC"), list("xxyyzz"))
    >>> episode = EpisodeDataset([task], length=10, way=2, shot=1, query=1, seed=3)[7]
    >>> len(episode.classes), len(episode.support_texts), len(episode.query_texts)
    (2, 2, 2)
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        length: int,
        way: Range = 5,
        shot: Range = 1,
        query: Range = 5,
        n_unknown: Range = 0,
        names: float = 0.0,
        hard: float = 0.0,
        likeness: Callable[[Task], NDArray[np.floating]] | None = None,
        seed: int = 0,
        small_classes: str = "error",
    ) -> None:
        if not tasks:
            raise ValueError("EpisodeDataset: no tasks to draw episodes from.")
        if length < 1:
            raise ValueError(f"length is {length}; it must be at least 1.")
        if small_classes not in ("error", "drop"):
            raise ValueError(f"small_classes is {small_classes!r}; it is 'error' or 'drop'.")
        if not 0 <= names <= 1:
            raise ValueError(f"names is {names}; it is a share of the episodes, from 0 to 1.")
        if not 0 <= hard <= 1:
            raise ValueError(f"hard is {hard}; it is a share of the episodes, from 0 to 1.")
        if hard and likeness is None:
            raise ValueError(f"hard is {hard}, but nothing says which classes are alike; give likeness.")
        self.length = length
        self.seed = seed
        self.names = float(names)
        self.hard = float(hard)
        self.way = as_range("way", way, least=2)
        self.shot = as_range("shot", shot, least=1)
        self.query = as_range("query", query, least=1)
        self.n_unknown = as_range("n_unknown", n_unknown, least=0)
        needed = self.shot[1] + self.query[1]
        self.tasks = [_large_classes(task, needed, small_classes) for task in tasks]
        spare = 1 if self.n_unknown[1] else 0
        for task in self.tasks:
            if self.way[0] + spare > len(task.classes):
                unknown = ", and one more for the unknown queries" if spare else ""
                raise ValueError(
                    f"way is {self.way[0]} but task {task.name!r} has {len(task.classes)} classes{unknown}."
                )
        self._ways = [min(self.way[1], len(task.classes) - spare) for task in self.tasks]
        if isinstance(way, int) and (
            short := [t.name for t, w in zip(self.tasks, self._ways, strict=True) if w < way]
        ):
            raise ValueError(f"way is {way}, more than the classes of task {short[0]!r}.")
        for task in self.tasks:
            if self.n_unknown[1] > min(task.count(name) for name in task.classes):
                raise ValueError(
                    f"n_unknown is {self.n_unknown[1]}, more than the texts of the smallest class of {task.name!r}."
                )
        self._named = [names_are_words(task.classes) for task in self.tasks]
        weights = np.array([task.weight for task in self.tasks])
        self._chances = weights / weights.sum()
        self._likeness = [likeness(task) for task in self.tasks] if hard and likeness is not None else []

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Episode]:
        return (self[i] for i in range(self.length))

    def __getitem__(self, i: int) -> Episode:
        if not 0 <= i < self.length:
            raise IndexError(f"episode {i} of {self.length}")
        rng = np.random.default_rng((self.seed, i))
        which = int(rng.choice(len(self.tasks), p=self._chances)) if len(self.tasks) > 1 else 0
        task = self.tasks[which]
        way = int(rng.integers(self.way[0], self._ways[which] + 1))
        shot = int(rng.integers(self.shot[0], self.shot[1] + 1))
        query = int(rng.integers(self.query[0], self.query[1] + 1))
        n_unknown = int(rng.integers(self.n_unknown[0], self.n_unknown[1] + 1))
        order = self._order(rng, which)
        classes = tuple(task.classes[j] for j in order[:way])
        support: list[tuple[str, int]] = []
        queries: list[tuple[str, int]] = []
        for label, name in enumerate(classes):
            texts = task.texts_of[name]
            drawn = rng.choice(len(texts), size=shot + query, replace=False)
            support += [(texts[j], label) for j in drawn[:shot]]
            queries += [(texts[j], label) for j in drawn[shot:]]
        absent = [task.classes[j] for j in order[way:]]
        taken = {text for text, _ in (*support, *queries)}  # a text of several classes is known by one of them
        most = len(taken) + n_unknown
        if n_unknown and len(taken.union(*(task.texts_of[name] for name in absent))) < most:
            raise ValueError(f"task {task.name!r}: its other classes have too few texts for {n_unknown} unknown ones.")
        while len(taken) < most:
            texts = task.texts_of[absent[int(rng.integers(len(absent)))]]
            text = texts[int(rng.integers(len(texts)))]
            if text not in taken:
                taken.add(text)
                queries.append((text, UNKNOWN))
        support = [support[j] for j in rng.permutation(len(support))]
        named = rng.random() < self.names and self._named[which]  # the last draw: names leave the rest as it was
        return Episode(
            task=task.name,
            classes=classes,
            support_texts=tuple(text for text, _ in support),
            support_labels=tuple(label for _, label in support),
            query_texts=tuple(text for text, _ in queries),
            query_labels=tuple(label for _, label in queries),
            names=tuple(readable_name(name) for name in classes) if named else (),
            number=i,
        )

    def _order(self, rng: np.random.Generator, which: int) -> NDArray[np.integer]:
        """Classes in the order in which an episode takes them: at random, or one and then those most like it."""
        n_classes = len(self.tasks[which].classes)
        if self.hard and rng.random() < self.hard:
            first = int(rng.integers(n_classes))
            others = np.argsort(-self._likeness[which][first], kind="stable")
            return np.concatenate([[first], others[others != first]])
        return rng.permutation(n_classes)


def as_range(name: str, value: Range, least: int) -> tuple[int, int]:
    """Return a number or a range as the pair `(low, high)`; raises `ValueError` naming what is neither.

    >>> as_range("shot", 5, least=1), as_range("shot", [1, 4], least=1)
    ((5, 5), (1, 4))
    """
    pair = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(pair) != 2 or not all(isinstance(one, int | np.integer) for one in pair):
        raise ValueError(f"{name} is {value!r}; it is a whole number, or a range [low, high] of them.")
    low, high = int(pair[0]), int(pair[1])
    if not least <= low <= high:
        raise ValueError(f"{name} is {value}; it must be at least {least}, and a range from small to large.")
    return low, high


def _large_classes(task: Task, needed: int, small_classes: str) -> Task:
    small = {name: task.count(name) for name in task.classes if task.count(name) < needed}
    if not small:
        return task
    named = ", ".join(f"{name!r} ({count})" for name, count in small.items())
    message = f"task {task.name!r}: an episode needs {needed} distinct texts a class (shot + query); too few: {named}"
    if small_classes == "error":
        raise ValueError(f"{message}. Lower shot or query, or leave them out with small_classes='drop'.")
    if len(small) == len(task.classes):
        raise ValueError(f"{message}. No class is left.")
    warnings.warn(f"{message}. Left out.", stacklevel=3)
    return task.select(name for name in task.classes if name not in small)
