"""Means with intervals, and scores of many episodes at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit  # quantiles, as of scipy.stats, which takes half a second to import


@dataclass(frozen=True)
class Estimate:
    """A mean and the half width of its 95 % interval.

    >>> str(Estimate(0.8416, 0.0042))
    '84.2 ± 0.4'
    """

    mean: float
    half_width: float

    def __str__(self) -> str:
        """The estimate in percent."""
        return f"{100 * self.mean:.1f} ± {100 * self.half_width:.1f}"


def mean_interval(values: ArrayLike) -> Estimate:
    """Return the mean and its 95 % interval by Student's t; one value has an infinite interval.

    >>> print(mean_interval([0.5, 1.0, 0.9]))
    80.0 ± 65.7
    """
    values = np.asarray(values, dtype=float)
    if values.size == 0:
        raise ValueError("mean_interval: no values.")
    if values.size == 1:
        return Estimate(float(values[0]), float("inf"))
    spread = values.std(ddof=1) / np.sqrt(values.size)
    return Estimate(float(values.mean()), float(spread * stdtrit(values.size - 1, 0.975)))


def proportion(share: float, n: int) -> Estimate:
    """Return a share of n and its 95 % interval, which is wide where n is small, also when all or none hit.

    The width is that of Agresti and Coull 1998: two hits and two misses are added before it is computed.

    >>> print(proportion(1.0, 4), "|", proportion(0.8, 385))
    100.0 ± 30.0 | 80.0 ± 4.0
    """
    adjusted = (share * n + 2) / (n + 4)
    return Estimate(share, float(ndtri(0.975) * np.sqrt(adjusted * (1 - adjusted) / (n + 4))))


def macro_f1(predictions: NDArray[np.int64], references: NDArray[np.int64], n_way: int) -> NDArray[np.float64]:
    """Return the macro-averaged F1 of each episode, `(n_episodes,)`.

    Args:
        predictions: `(n_episodes, n_query)` classes, 0 to `n_way` - 1.
        references: `(n_episodes, n_query)` true classes; a negative one is left out.
        n_way: Number of classes; one that is neither predicted nor true in an episode does not count.
    """
    known = references >= 0
    classes = np.arange(n_way)[:, None, None]
    predicted = (predictions == classes) & known
    true = references == classes
    hits = (predicted & true).sum(-1)
    sizes = predicted.sum(-1) + true.sum(-1)
    f1 = 2 * hits / np.maximum(sizes, 1)
    return f1.sum(0) / np.maximum((sizes > 0).sum(0), 1)


def accuracy(predictions: NDArray[np.int64], references: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the accuracy of each episode, `(n_episodes,)`; a negative reference is left out."""
    known = references >= 0
    return ((predictions == references) & known).sum(-1) / np.maximum(known.sum(-1), 1)


def balanced_accuracy(predictions: Sequence[str], references: Sequence[str]) -> float:
    """Return the mean over the true classes of the share of their texts that were found."""
    predicted, true = np.asarray(predictions), np.asarray(references)
    return float(np.mean([np.mean(predicted[true == label] == label) for label in sorted(set(references))]))


def expected_calibration_error(confidences: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = 15) -> float:
    """Return how far confidence and accuracy are apart, averaged over bins of equal width (Guo et al. 2017, eq. 3).

    Args:
        confidences: `(n,)` probability of the predicted class.
        correct: `(n,)` whether the prediction was right.
        bins: Number of bins.

    >>> expected_calibration_error(np.array([0.9, 0.9]), np.array([True, False]))
    0.4
    """
    of_bin = np.clip(np.ceil(confidences * bins).astype(int) - 1, 0, bins - 1)
    error = 0.0
    for number in np.unique(of_bin):
        inside = of_bin == number
        error += inside.mean() * abs(float(confidences[inside].mean()) - float(correct[inside].mean()))
    return float(round(error, 12))
