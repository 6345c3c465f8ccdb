"""The methods by name: the peers, and fewtext. Each is made from whether names count, and the model of fewtext."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.methods import (
    Fewtext,
    Frozen,
    Int8,
    Method,
    SetFit,
    logistic_regression,
    nearest_centroid,
    nearest_neighbour,
)
from benchmarks.trained import MetaTrained

PEERS: dict[str, Callable[[bool, str | None], Method]] = {
    "nearest centroid": lambda names, model: Frozen(nearest_centroid, names),
    "1-nearest neighbour": lambda names, model: Frozen(nearest_neighbour, names),
    "logistic regression C=1": lambda names, model: Frozen(logistic_regression(1.0), names),
    "logistic regression C=100": lambda names, model: Frozen(logistic_regression(100.0), names),
    "SetFit, 5 iterations": lambda names, model: SetFit(names, 5),
    "SetFit": lambda names, model: SetFit(names, None),
    "siamese encoder": lambda names, model: MetaTrained(names, "siamese"),
    "prototypical network": lambda names, model: MetaTrained(names, "prototypical"),
}
OURS: dict[str, Callable[[bool, str | None], Method]] = {
    "fewtext fit": lambda names, model: Fewtext(names, model=model),
    "fewtext fit, int8": lambda names, model: Int8(names, model=model),
    "fewtext adapt memory": lambda names, model: Fewtext(names, "memory", model=model),
    "fewtext adapt encoder": lambda names, model: Fewtext(names, "encoder", model=model),
    "fewtext adapt encoder, memory": lambda names, model: Fewtext(names, "encoder", "memory", model=model),
    "fewtext meta-trained": lambda names, model: MetaTrained(names, "matching"),
}
METHODS = PEERS | OURS
META_TRAINED = ("siamese encoder", "prototypical network", "fewtext meta-trained")
"""Those that learn from training classes first, and so are measured only where there are any."""
