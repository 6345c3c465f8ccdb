"""The methods by name: the peers, and fewtext."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.methods import (
    Fewtext,
    Frozen,
    Method,
    SetFit,
    logistic_regression,
    nearest_centroid,
    nearest_neighbour,
)
from benchmarks.trained import MetaTrained

PEERS: dict[str, Callable[[bool], Method]] = {
    "nearest centroid": lambda names: Frozen(nearest_centroid, names),
    "1-nearest neighbour": lambda names: Frozen(nearest_neighbour, names),
    "logistic regression C=1": lambda names: Frozen(logistic_regression(1.0), names),
    "logistic regression C=100": lambda names: Frozen(logistic_regression(100.0), names),
    "SetFit, 5 iterations": lambda names: SetFit(names, 5),
    "SetFit": lambda names: SetFit(names, None),
    "siamese encoder": lambda names: MetaTrained(names, "siamese"),
    "prototypical network": lambda names: MetaTrained(names, "prototypical"),
}
OURS: dict[str, Callable[[bool], Method]] = {
    "fewtext fit": lambda names: Fewtext(names),
    "fewtext adapt memory": lambda names: Fewtext(names, "memory"),
    "fewtext adapt encoder": lambda names: Fewtext(names, "encoder"),
    "fewtext adapt encoder, memory": lambda names: Fewtext(names, "encoder", "memory"),
    "fewtext meta-trained": lambda names: MetaTrained(names, "matching"),
}
METHODS = PEERS | OURS
META_TRAINED = ("siamese encoder", "prototypical network", "fewtext meta-trained")
"""Those that learn from training classes first, and so are measured only where there are any."""
