"""The hidden states of an encoder: those of its last layer, and of a lower one where that is wanted."""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import Any

from torch import Tensor, nn

from fewtext.models.layers import transformer_layers

_told: ContextVar[dict[int, Tensor] | None] = ContextVar("states of lower layers, by their number", default=None)


def tell_states(encoder: nn.Module, lower_layer: int) -> None:
    """Make a layer, 1 being the lowest, tell its states to `hidden_states`.

    With transformers' `output_hidden_states` an encoder would keep the states of all layers, and could not be pickled.
    Raises `ValueError` for a layer that there is not below the last.
    """
    layers = transformer_layers(encoder, getattr(encoder.config, "num_hidden_layers", None))
    if lower_layer >= len(layers):
        raise ValueError(
            f"lower_layer is {lower_layer}; {type(encoder).__name__} has {len(layers)} layers that can be told apart, "
            "and a lower one is one of them below the last, from 1 on."
        )
    layers[lower_layer - 1].register_forward_hook(partial(_tell, lower_layer))


def hidden_states(
    encoder: nn.Module, input_ids: Tensor, attention_mask: Tensor | None, lower_layer: int | None = None
) -> tuple[Tensor, Tensor | None]:
    """Return the states of the last layer and of a lower one that tells them, `(n_texts, length, dim)` each.

    Raises `ValueError` for an encoder whose lower states are not one for each token.
    """
    if lower_layer is None:
        return encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state, None
    told: dict[int, Tensor] = {}
    token = _told.set(told)
    try:
        last: Tensor = encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
    finally:
        _told.reset(token)
    lower = told.get(lower_layer)
    if lower is None or lower.shape != last.shape:
        states = "nothing" if lower is None else f"states of {tuple(lower.shape)}, the last one {tuple(last.shape)}"
        raise ValueError(f"lower_layer is {lower_layer}, but that layer of {type(encoder).__name__} tells {states}.")
    return last, lower


def _tell(number: int, layer: nn.Module, inputs: Any, output: Any) -> None:
    """Note the states that come out of a layer, for the thread that asked; a hook of a module can be pickled."""
    told = _told.get()
    if told is not None:
        told[number] = output[0] if isinstance(output, tuple) else output
