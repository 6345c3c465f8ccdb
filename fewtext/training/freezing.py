"""What learns, for as long as training lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fewtext.models.modeling import MatchingNetwork


@contextmanager
def learning(model: MatchingNetwork, freeze_encoder: bool, trains_membership: bool) -> Iterator[None]:
    """Keep what does not learn from learning, and let every parameter be as it was afterwards.

    What the user froze stays frozen.

    Args:
        model: The model.
        freeze_encoder: Whether the encoder stays as it is.
        trains_membership: Whether the membership head learns, which takes unknown queries.
    """
    before = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    for encoder in (model.encoder, model.support_encoder):
        if encoder is not None and freeze_encoder:
            encoder.requires_grad_(False)
    if not trains_membership:
        model.matcher.membership.requires_grad_(False)
    try:
        yield
    finally:
        for parameter, learns in before:
            parameter.requires_grad_(learns)
