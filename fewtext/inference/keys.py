"""Class keys: one learned vector a class, near its prototype; what adaptation in memory finds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fewtext.models.attention import prototypes

KEY_TEMPERATURE = 10.0
"""Factor of the cosine between a text and a key."""

KEY_PENALTY = 0.01
"""Weight of the squared distance between keys and prototypes, both times the temperature."""

LEARNED_KEY_PENALTY = 0.05
"""The same where the encoder has learned the examples: there they are easy, and keys that leave far learn little."""


@dataclass(frozen=True)
class ClassKeys:
    """A vector and an offset for each class.

    Attributes:
        vectors: `(n_way, dim)`.
        offsets: `(n_way,)`.
        penalty: λ of `fit_keys`, which found them.
    """

    vectors: Tensor
    offsets: Tensor
    penalty: float = KEY_PENALTY

    def logits(self, features: Tensor) -> Tensor:
        """Return `(n_query, n_way)` scores of features of length 1, `(n_query, dim)`."""
        return KEY_TEMPERATURE * features @ self.vectors.T + self.offsets


def fit_keys(
    features: Tensor, labels: Tensor, weights: Tensor, penalty: float = KEY_PENALTY, steps: int = 60
) -> ClassKeys:
    """Find the keys by which the examples get their own labels.

    Minimizes Σ_i w_i CE(y_i, softmax(τ x_i·k_c + b_c)) + λ/2 τ² Σ_c |k_c - p_c|² over the keys k and offsets
    b, where p_c is the prototype of the class. That is logistic regression with its prior at the prototypes
    instead of at 0: where a class has one example it starts from matching, with many it is free to leave.

    Args:
        features: `(n, dim)` vectors of length 1, in context.
        labels: `(n, n_way)` shares of the classes.
        weights: `(n,)`.
        penalty: λ.
        steps: Most iterations of L-BFGS.
    """
    kind = features.dtype
    # In double precision the last bits of the features do not change what the search finds.
    features, labels, weights = features.double(), labels.double(), weights.double()
    targets = labels / labels.sum(-1, keepdim=True).clamp_min(torch.finfo(labels.dtype).tiny)
    centers = normalize(prototypes(features, labels, weights), dim=-1)
    moved = torch.zeros_like(centers, requires_grad=True)
    offsets = centers.new_zeros(len(centers), requires_grad=True)
    optimizer = torch.optim.LBFGS([moved, offsets], max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        log_probs = torch.log_softmax(ClassKeys(centers + moved, offsets).logits(features), -1)
        entropy = -(targets * log_probs).sum(-1) @ weights
        total = entropy + penalty / 2 * KEY_TEMPERATURE**2 * moved.square().sum()
        total.backward()
        return total

    with torch.enable_grad():
        optimizer.step(loss)
    return ClassKeys((centers + moved).detach().to(kind), offsets.detach().to(kind), penalty)
