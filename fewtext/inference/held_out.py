"""The support set as its own test: each example asked of the support set without it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm.auto import tqdm

from fewtext.evaluation.statistics import Estimate, proportion
from fewtext.inference.large_memory import LargeMemory
from fewtext.inference.memory import Memory
from fewtext.inference.rows import Rows, rows_among
from fewtext.inference.spelling import Spelling
from fewtext.inference.stacking import fit_shares, weighed
from fewtext.models.one_hot import classes_present, label_table, largest_share

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from fewtext.inference.support import SupportSet

FOLDS, ADAPTED_FOLDS = 10, 5
"""Most times a round that the memory is built again, and that it is adapted again."""

ROUNDS, ROUNDS_ANSWERS = 5, 20_000
"""Most rounds, and most answers of all rounds: what a round drew matters less the more examples there are."""

CLASS_ANSWERS, EXAMPLE_ANSWERS = 4_000_000, 128_000_000
"""Most answers times classes, and times examples, for confidence: of a large support set a part is asked."""


@dataclass(frozen=True)
class HeldOut:
    """What each example that was asked got as an answer while it was left out, once a round.

    Attributes:
        log_probs: `(n_rounds, n_asked, n_way)` before calibration; -inf for a class that was left out with its
            last example.
        familiarity: `(n_rounds, n_asked)`.
        labels: `(n_asked, n_way)` what the examples say.
        complete: Whether every example was asked.
        distinct: How many of them read differently; None: all do.
        parts: `(4, n_asked, n_way)` what keys, vote, prototypes and spelling said, in an adapted memory.
    """

    log_probs: Tensor
    familiarity: Tensor
    labels: Tensor
    complete: bool = True
    distinct: int | None = None
    parts: Tensor | None = None

    @property
    def n(self) -> int:
        """How many examples speak for themselves: copies of one tell no more than it."""
        return len(self.labels) if self.distinct is None else self.distinct

    @property
    def truth(self) -> Tensor:
        """The class of each example: that of its largest share, `(n_asked,)`."""
        return self.labels.argmax(-1)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the best class is one of the example's own, `(n_rounds, n_asked)`."""
        best = self.log_probs.argmax(-1, keepdim=True)
        return (self.labels.expand_as(self.log_probs).gather(-1, best)[..., 0] > 0).cpu().numpy()

    @property
    def shares(self) -> tuple[float, ...]:
        """How much keys, vote, prototypes and spelling should count for the examples to get their own labels."""
        assert self.parts is not None
        return fit_shares(self.parts, self.labels / self.labels.sum(-1, keepdim=True), self._present)

    def weighed(self, shares: Sequence[float]) -> HeldOut:
        """Return what the examples get where keys, vote, prototypes and spelling count so much."""
        assert self.parts is not None
        return replace(self, log_probs=weighed(self.parts, shares, self._present)[None])

    @property
    def _present(self) -> Tensor:
        """The classes that there were to choose from, `(n_asked, n_way)`."""
        return torch.isfinite(self.log_probs[0])

    @property
    def accuracy(self) -> Estimate:
        """Accuracy to expect on texts like the examples, as a share of 1, with its 95 % interval."""
        return proportion(float(self.correct.mean()), self.n)


def leave_one_out(
    memory: Memory,
    alike: NDArray[np.int64],
    queries: Tensor,
    counts: csr_matrix | None = None,
    ask_all: bool = False,
) -> HeldOut | None:
    """Answer each example by the support set without it and without one example of every other class.

    All classes lose one example at a time, so that none is at a disadvantage; a class of more than `FOLDS`
    examples loses one in `FOLDS`. Which go together is drawn anew in every round; there is one round where every
    class has one example. Examples that read alike go together, or a copy would answer for the one asked. Names and
    descriptions stay. A memory with class keys is adapted again each time, so it has fewer folds and one round.

    Args:
        memory: What is asked: examples first, then names and descriptions.
        alike: `(n_examples,)` a number each, the same for examples that read alike.
        queries: `(n_examples + n_names, dim)` embeddings f' of all that is in the memory.
        counts: `(n_examples + n_names, COLUMNS)` the n-grams of the same, where spelling counts in the memory.
        ask_all: Ask every example, whatever it costs; else of a large support set a random part: as many as there are
            classes, or so many that answers times classes stay below `CLASS_ANSWERS` and times examples below
            `EXAMPLE_ANSWERS`.

    Returns:
        None for one class, or where every class would lose its only example and nothing else stands for it.
    """
    n, n_way = len(alike), memory.labels.shape[1]
    labels = memory.labels[:n]
    classes = largest_share(labels).cpu().numpy()
    largest = int(np.bincount(np.unique(np.c_[classes, alike], axis=0)[:, 0]).max()) if n else 0
    if largest == 0 or n_way < 2 or (largest == 1 and not bool((memory.weights[n:] > 0).any())):
        return None
    folds = FOLDS if memory.keys is None else ADAPTED_FOLDS
    rounds = max(1, min(ROUNDS, ROUNDS_ANSWERS // n, CLASS_ANSWERS // (n * n_way)))
    rounds = 1 if memory.keys is not None or largest == 1 else rounds
    random = np.random.default_rng(0)
    orders = [random.permutation(n) if number else np.arange(n) for number in range(rounds)]
    dealt = [fold_numbers(classes, alike, folds, order) for order in orders]
    most = n if ask_all else max(n_way, min(CLASS_ANSWERS // n_way, EXAMPLE_ANSWERS // n))
    asked = np.sort(random.permutation(n)[:most])
    zeros = memory.weights.new_zeros(()).float()  # whatever the precision of the model
    log_probs, familiarity = zeros.repeat(rounds, len(asked), n_way), zeros.repeat(rounds, len(asked))
    parts = zeros.repeat(4, len(asked), n_way) if memory.keys is not None else None
    left_out = [(number, fold, k) for number, fold in enumerate(dealt) for k in np.unique(fold[asked])]
    with tqdm(left_out, desc="Leaving examples out", unit="fold", delay=2) as bar:
        for number, fold, k in bar:
            kept = torch.from_numpy(np.r_[fold != k, np.ones(len(memory.weights) - n, dtype=bool)])
            kept = kept.to(memory.weights.device)
            less = Memory.build(memory.matcher, memory.examples[kept], memory.labels[kept], memory.weights[kept])
            places = np.flatnonzero(fold[asked] == k)
            rows = asked[places]
            less = replace(less, shares=memory.shares)
            less = less if memory.keys is None else less.adapted(queries[kept], memory.keys.penalty)
            answers = less.answer(queries[rows], _spelled(counts, less, kept, rows))
            absent = ~classes_present(less.labels, less.weights)
            log_probs[number, places] = answers.log_probs.float().masked_fill(absent, -torch.inf)
            familiarity[number, places] = answers.familiarity.float()
            if parts is not None and answers.parts is not None:
                parts[:, places] = answers.parts
    own, distinct = label_table(labels[torch.from_numpy(asked)]), len(np.unique(alike[asked]))
    return HeldOut(log_probs, familiarity, own, len(asked) == n, distinct, parts)


def _spelled(counts: csr_matrix | None, less: Memory, kept: Tensor, rows: NDArray[np.int64]) -> Tensor | None:
    """Return how alike some rows and the classes of a memory without them are spelled, where that counts."""
    if counts is None:
        return None
    return Spelling.of(counts[kept.cpu().numpy()], less.labels, less.weights).cosines(counts[rows])


LARGE_ASKED = 2_000
"""Examples of a large support set that are asked: their accuracy is known to a point."""


def some_examples(support: SupportSet) -> NDArray[np.int64]:
    """Return the rows of the examples of a large support set that are asked, in order.

    None whose text is there twice: a copy would answer for it.
    """
    asked = np.sort(np.random.default_rng(0).permutation(len(support))[:LARGE_ASKED])
    if not support.has_texts:
        return asked
    assert isinstance(support.texts, Rows)
    texts = support.texts.take(asked)
    copies = Counter(support.texts.take(rows_among(support.texts, set(texts))))
    return asked[[copies[text] == 1 for text in texts]]


def leave_each_out(memory: LargeMemory, asked: NDArray[np.int64], queries: Tensor) -> HeldOut | None:
    """Answer some examples of a large support set by all the others.

    Where classes have many examples, one that lacks its own is at no disadvantage.

    Args:
        memory: What is asked.
        asked: The rows of the examples.
        queries: `(n_asked, dim)` their embeddings f'.

    Returns:
        None for one class, or where no example is asked.
    """
    if len(memory.classes) < 2 or not len(asked):
        return None
    answers = memory.answer(queries, asked)
    of = memory.numbers[torch.from_numpy(memory.vectors.kept[asked])]
    labels = torch.nn.functional.one_hot(of, len(memory.classes)).float()
    return HeldOut(answers.log_probs[None], answers.familiarity[None], labels, len(asked) == len(memory.vectors))


def fold_numbers(
    classes: NDArray[np.int64], alike: NDArray[np.int64], folds: int, order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the fold of each example, `(n,)`: those of a class are dealt out in turn, in an order.

    Those that are alike, whose number in `alike` is the same, are in one fold.

    >>> fold_numbers(np.array([0, 1, 0, 0, 0]), np.array([0, 1, 2, 3, 2]), 2, np.arange(5))
    array([0, 0, 1, 0, 1])
    """
    turns = np.zeros(classes.max(initial=0) + 1, dtype=np.int64)
    fold_of: dict[int, int] = {}
    for i in order:
        if alike[i] not in fold_of:
            fold_of[alike[i]] = turns[classes[i]] % folds
            turns[classes[i]] += 1
    return np.array([fold_of[one] for one in alike], dtype=np.int64)
