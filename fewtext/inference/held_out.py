"""The support set as its own test: each example asked of the support set without it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm.auto import tqdm

from fewtext.evaluation.statistics import Estimate, proportion
from fewtext.inference.memory import Memory

FOLDS, ADAPTED_FOLDS = 10, 5
"""Most times a round that the memory is built again, and that it is adapted again."""

ROUNDS, ROUNDS_ANSWERS = 5, 20_000
"""Most rounds, and most answers of all rounds: what a round drew matters less the more examples there are."""


@dataclass(frozen=True)
class HeldOut:
    """What each example got as an answer while it was left out, once a round.

    Attributes:
        log_probs: `(n_rounds, n_support, n_way)` before calibration; -inf for a class that was left out with its
            last example.
        familiarity: `(n_rounds, n_support)`.
        labels: `(n_support, n_way)` what the examples say.
    """

    log_probs: Tensor
    familiarity: Tensor
    labels: Tensor

    @property
    def truth(self) -> Tensor:
        """The class of each example: that of its largest share, `(n_support,)`."""
        return self.labels.argmax(-1)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the best class is one of the example's own, `(n_rounds, n_support)`."""
        best = self.log_probs.argmax(-1, keepdim=True)
        return (self.labels.expand_as(self.log_probs).gather(-1, best)[..., 0] > 0).cpu().numpy()

    @property
    def accuracy(self) -> Estimate:
        """Accuracy to expect on texts like the examples, as a share of 1, with its 95 % interval."""
        return proportion(float(self.correct.mean()), self.correct.shape[1])


def leave_one_out(memory: Memory, n_examples: int, queries: Tensor) -> HeldOut | None:
    """Answer each example by the support set without it and without one example of every other class.

    All classes lose one example at a time, so that none is at a disadvantage; a class of more than `FOLDS`
    examples loses one in `FOLDS`. Which go together is drawn anew in every round; there is one round where every
    class has one example. Names and descriptions stay. A memory with class keys is adapted again each time, so it
    has fewer folds and one round.

    Args:
        memory: What is asked: examples first, then names and descriptions.
        n_examples: How many of it are examples.
        queries: `(n_examples + n_names, dim)` embeddings f' of all that is in the memory.

    Returns:
        None for one class, or where every class would lose its only example and nothing else stands for it.
    """
    n = n_examples
    labels = memory.labels[:n]
    largest = int(np.bincount(labels.argmax(1).cpu().numpy()).max()) if n else 0
    if largest == 0 or labels.shape[1] < 2 or (largest == 1 and len(memory.weights) == n):
        return None
    folds = FOLDS if memory.keys is None else ADAPTED_FOLDS
    rounds = 1 if memory.keys is not None or largest == 1 else max(1, min(ROUNDS, ROUNDS_ANSWERS // n))
    log_probs = labels.new_zeros(rounds, n, labels.shape[1])
    familiarity = labels.new_zeros(rounds, n)
    shares, random = labels.cpu().numpy(), np.random.default_rng(0)
    orders = [random.permutation(n) if number else np.arange(n) for number in range(rounds)]
    dealt = [torch.from_numpy(fold_numbers(shares, folds, order)).to(labels.device) for order in orders]
    left_out = [(number, fold == k) for number, fold in enumerate(dealt) for k in range(int(fold.max()) + 1)]
    with tqdm(left_out, desc="Leaving examples out", unit="fold", delay=2) as bar:
        for number, out in bar:
            kept = torch.cat([~out, out.new_ones(len(memory.weights) - n)])
            less = Memory.build(memory.matcher, memory.examples[kept], memory.labels[kept], memory.weights[kept])
            if memory.keys is not None:
                less = less.adapted(queries[kept])
            answers = less.answer(queries[:n][out])
            absent = less.labels.sum(0) == 0
            log_probs[number, out] = answers.log_probs.masked_fill(absent, -torch.inf)
            familiarity[number, out] = answers.familiarity
    return HeldOut(log_probs, familiarity, labels)


def fold_numbers(labels: NDArray[np.float32], folds: int, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the fold of each example, `(n,)`: those of a class are dealt out in turn, in an order.

    >>> fold_numbers(np.array([[1, 0], [0, 1], [1, 0], [1, 0]]), 2, np.arange(4))
    array([0, 0, 1, 0])
    """
    turns = np.zeros(labels.shape[1], dtype=np.int64)
    numbers = np.zeros(len(labels), dtype=np.int64)
    of_class = labels.argmax(1)
    for i in order:
        numbers[i] = turns[of_class[i]] % folds
        turns[of_class[i]] += 1
    return numbers
