"""The support set as its own test: each example asked of the support set without it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fewtext.inference.memory import Memory
from fewtext.inference.support import SupportSet
from fewtext.models.matching import Matcher

FOLDS, ADAPTED_FOLDS = 10, 5
"""Most times that the memory is built again, and that it is adapted again."""


@dataclass(frozen=True)
class HeldOut:
    """What each example got as an answer while it was left out.

    Attributes:
        log_probs: `(n_support, n_way)` before calibration; -inf for a class that was left out with its last
            example.
        familiarity: `(n_support,)`.
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
        """Whether the best class is one of the example's own, `(n_support,)`."""
        own = self.labels.gather(-1, self.log_probs.argmax(-1, keepdim=True))[:, 0]
        return (own > 0).cpu().numpy()


def leave_one_out(
    matcher: Matcher, support: SupportSet, memory: Memory, queries: Tensor, folds: int | None = None
) -> HeldOut | None:
    """Answer each example by the support set without it and without one example of every other class.

    All classes lose one example at a time, so that none is at a disadvantage; a class of more than `folds`
    examples loses one in `folds`. Names and descriptions stay. An adapted memory is adapted again each time.

    Args:
        matcher: What compares.
        support: The support set.
        memory: Its memory: examples first, then names and descriptions.
        queries: `(n_support + n_names, dim)` embeddings f' of all that is in the memory.
        folds: Most times that the memory is built; by default 10, and 5 where it is adapted each time.

    Returns:
        None where every class would lose its only example and nothing else stands for it.
    """
    n = len(support)
    folds = folds or (FOLDS if memory.keys is None else ADAPTED_FOLDS)
    fold = torch.from_numpy(fold_numbers(memory.labels[:n].cpu().numpy(), folds))
    if not n or (int(fold.max()) == 0 and len(memory.weights) == n):
        return None
    log_probs = memory.labels.new_zeros(n, memory.labels.shape[1])
    familiarity = memory.labels.new_zeros(n)
    for number in range(int(fold.max()) + 1):
        out = (fold == number).to(memory.labels.device)
        kept = torch.cat([~out, out.new_ones(len(memory.weights) - n)])
        less = Memory.build(matcher, memory.examples[kept], memory.labels[kept], memory.weights[kept])
        if memory.keys is not None:
            less = less.adapted(queries[kept])
        answers = less.answer(queries[:n][out])
        log_probs[out], familiarity[out] = answers.log_probs, answers.familiarity
        absent = less.labels.sum(0) == 0
        log_probs[out] = log_probs[out].masked_fill(absent, -torch.inf)
    return HeldOut(log_probs, familiarity, memory.labels[:n])


def fold_numbers(labels: NDArray[np.float32], folds: int) -> NDArray[np.int64]:
    """Return the fold of each example, `(n,)`: those of a class are dealt out in turn.

    >>> fold_numbers(np.array([[1, 0], [0, 1], [1, 0], [1, 0]]), 2)
    array([0, 0, 1, 0])
    """
    turns = np.zeros(labels.shape[1], dtype=np.int64)
    numbers = np.zeros(len(labels), dtype=np.int64)
    for i, own in enumerate(labels.argmax(1)):
        numbers[i] = turns[own] % folds
        turns[own] += 1
    return numbers
