"""How much keys, vote, prototypes and spelling count in the answer, told by the examples that were left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax
from torch import Tensor

KEYS_ALONE = (1.0, 0.0, 0.0, 0.0)
"""Shares of keys, vote, prototypes and spelling where nothing could be left out."""

LEARNED_SHARES = (0.5, 0.5, 0.0, 0.16)
"""The same where the encoder has learned the examples, so that leaving them out tells nothing: keys that were fitted
to vectors which know them are trusted no more than the vote."""

SHARES_PENALTY = 20.0
"""Weight of the squared distance to `KEYS_ALONE`: that of some twenty examples, so that few change little."""


def weighed(parts: Tensor, shares: Sequence[float], present: Tensor | None = None) -> Tensor:
    """Return log-probabilities `(n, n_way)` of scores `(n_parts, n, n_way)`, each of which counts by its share.

    Where `present` `(n, n_way)` is given, a class that was not there to choose from gets -inf.
    """
    scores = torch.tensordot(parts.new_tensor(shares), parts, 1)
    return torch.log_softmax(scores if present is None else scores.masked_fill(~present, -torch.inf), -1)


def fit_shares(parts: Tensor, targets: Tensor, present: Tensor) -> tuple[float, ...]:
    """Find the shares by which held-out examples get their own labels: stacked generalization (Wolpert 1992).

    Minimizes Σ_i CE(y_i, softmax(Σ_p s_p z_pi)) + λ/2 |s - (1, 0, ...)|² over the shares s ≥ 0, which is convex;
    on why they must not be negative see Breiman 1996, "Stacked regressions".

    Args:
        parts: `(n_parts, n, n_way)` scores z, those of the keys first.
        targets: `(n, n_way)` what the examples say, shares that add up to 1.
        present: `(n, n_way)` the classes that were there to choose from; an example without its own tells nothing.

    >>> wrong, right = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    >>> parts = torch.stack([wrong, right]).repeat(1, 100, 1)
    >>> [round(share, 1) for share in fit_shares(parts, right.repeat(100, 1), torch.ones(100, 2) > 0)]
    [0.0, 1.2]
    """
    there = present.cpu().numpy()
    wanted = targets.double().cpu().numpy()
    told = (wanted * ~there).sum(1) == 0
    there, wanted = there[told], wanted[told]
    scores = np.where(there, parts.double().cpu().numpy()[:, told], 0.0)
    start = np.eye(len(parts))[0]

    def loss(shares: np.ndarray) -> tuple[float, np.ndarray]:
        logits = np.where(there, np.tensordot(shares, scores, 1), -np.inf)
        log_probs = log_softmax(logits, axis=1)
        entropy = -(wanted * np.where(there, log_probs, 0.0)).sum()
        slope = np.tensordot(scores, np.exp(log_probs) - wanted, 2)
        away = shares - start
        return entropy + SHARES_PENALTY / 2 * away @ away, slope + SHARES_PENALTY * away

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(parts))
    return tuple(float(share) for share in found.x)
