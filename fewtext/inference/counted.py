"""All that counts as an example of a support set, as texts and tensors: its examples, then names and descriptions."""

from __future__ import annotations

import torch
from torch import Tensor

from fewtext.inference.labels import label_matrix
from fewtext.inference.support import SupportSet


def counted_texts(support: SupportSet, use_names: bool) -> list[str]:
    """Return the examples, then the names (where `use_names`) and descriptions that count as such."""
    return [*support.texts, *support.class_texts(use_names)[0]]


def counted_labels(support: SupportSet, use_names: bool) -> Tensor:
    """Return what each of `counted_texts` says: the share of each class, `(n, n_way)`."""
    _, labels = support.class_texts(use_names)
    return torch.from_numpy(label_matrix([*support.shares, *({label: 1.0} for label in labels)], support.classes))


def counted_tensors(support: SupportSet, use_names: bool, name_weight: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return embeddings `(n, dim)`, labels `(n, n_way)` and weights `(n,)` of an embedded support set.

    An example weighs 1, a name or description `name_weight`.
    """
    assert support.vectors is not None
    texts, _ = support.class_texts(use_names)
    vectors, weights = support.vectors, support.vectors.new_ones(len(support))
    if texts:
        vectors = torch.cat([vectors, torch.stack([support.class_vectors[text] for text in texts])])
        weights = torch.cat([weights, weights.new_full((len(texts),), name_weight)])
    return vectors, counted_labels(support, use_names).to(vectors), weights
