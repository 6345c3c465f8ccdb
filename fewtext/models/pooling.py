"""From the hidden states of a text to one vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from fewtext.models.configuration import MatchingNetworkConfig


def pool(hidden: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """Return one vector a text, `(n_texts, dim)`, from `hidden` `(n_texts, length, dim)` and its mask.

    >>> pool(torch.tensor([[[2.0], [4.0], [9.0]]]), torch.tensor([[1, 1, 0]]), "mean")
    tensor([[3.]])
    """
    if pooling == "cls":
        return hidden[:, 0]
    if pooling == "lasttoken":
        last = mask.cumsum(1).argmax(1)  # argmax takes the first of the largest: the last token that is no padding
        return hidden[torch.arange(len(hidden), device=hidden.device), last]
    inside = mask[..., None].to(hidden.dtype)
    if pooling == "max":
        return hidden.masked_fill(inside == 0, torch.finfo(hidden.dtype).min).amax(1)
    count = inside.sum(1).clamp_min(1)
    return (hidden * inside).sum(1) / (count.sqrt() if pooling == "mean_sqrt_len" else count)


def joined_layers(last: Tensor, lower: Tensor, lower_share: float) -> Tensor:
    """Return vectors of two layers as one of length 1, `(n_texts, dim + lower_dim)`.

    The cosine of two of them is the mean of the layers' cosines, that of the lower one weighed by its share.

    >>> joined_layers(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 2.0]]), 0.36)
    tensor([[0.8000, 0.0000, 0.0000, 0.6000]])
    """
    parts = (1 - lower_share) ** 0.5 * normalize(last, dim=-1), lower_share**0.5 * normalize(lower, dim=-1)
    return torch.cat(parts, dim=-1)


def embedding(
    last: Tensor, lower: Tensor | None, mask: Tensor, config: MatchingNetworkConfig, projection: nn.Module | None
) -> Tensor:
    """Return the embeddings of texts, `(n_texts, dim)`.

    Args:
        last: `(n_texts, length, dim)` states of the last layer.
        lower: `(n_texts, length, dim)` those of a lower one, where it stands in an embedding beside the last.
        mask: `(n_texts, length)` 1 for a token, 0 for padding.
        config: How states become an embedding.
        projection: That of the last layer, where there is one.
    """
    vectors = pool(last, mask, config.pooling)
    if projection is not None:
        vectors = projection(vectors)
    if lower is not None:
        return joined_layers(vectors, pool(lower, mask, config.pooling), config.lower_share)
    return normalize(vectors, dim=-1) if config.normalize else vectors
