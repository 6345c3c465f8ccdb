"""The layers of a transformer, whatever its family calls them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SAMPLED_EVERY = 997
"""Distance between the weights that are looked at to see whether a model was trained."""


def transformer_layers(model: nn.Module, n_layers: int | None = None) -> list[nn.Module]:
    """Return the layers, lowest first: the members of the lists of modules that are of one class.

    With `n_layers` those of the first list of so many, and none where there is no such list.

    >>> from transformers import BertConfig, BertModel
    >>> tiny = BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=3, num_attention_heads=2)
    >>> [type(layer).__name__ for layer in transformer_layers(BertModel(tiny))]
    ['BertLayer', 'BertLayer', 'BertLayer']
    """
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList) and len(module) > 0]
    alike = [list(layers) for layers in lists if len({type(one) for one in layers}) == 1]
    if n_layers is not None:
        return next((layers for layers in alike if len(layers) == n_layers), [])
    return [layer for layers in alike for layer in layers]


def weights_sample(*encoders: nn.Module | None) -> Tensor:
    """Return the sum of every 997th weight of each parameter, `(n_parameters,)`: training changes it.

    >>> weights_sample(nn.Linear(3, 2), None).shape
    torch.Size([2])
    """
    parameters = [p.detach() for encoder in encoders if encoder is not None for p in encoder.parameters()]
    samples = [p.flatten()[::SAMPLED_EVERY].float().cpu() for p in parameters]
    if not samples:
        return torch.zeros(0)
    return torch.segment_reduce(torch.cat(samples), "sum", lengths=torch.tensor([len(own) for own in samples]))


def freeze_lower_layers(encoder: nn.Module, share: float) -> None:
    """Keep everything below the upper layers from learning: embeddings, and `share` of the layers."""
    layers = transformer_layers(encoder)
    if not layers:
        return
    frozen = int(share * len(layers))
    learning = {id(parameter) for layer in layers[frozen:] for parameter in layer.parameters()}
    for parameter in encoder.parameters():
        parameter.requires_grad_(parameter.requires_grad and id(parameter) in learning)
