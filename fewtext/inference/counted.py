"""All that counts as an example of a support set, as texts and tensors: its examples, then names and descriptions."""

from __future__ import annotations

import torch
from torch import Tensor

from fewtext.inference.labels import label_matrix
from fewtext.inference.support import SupportSet
from fewtext.models.one_hot import Labels, OneHot


def counted_texts(support: SupportSet, use_names: bool) -> list[str]:
    """Return the examples, then the names (where `use_names`) and descriptions that count as such."""
    return [*support.texts, *support.class_texts(use_names)[0]]


def counted_labels(support: SupportSet, use_names: bool) -> Labels:
    """Return what each of `counted_texts` says: one class each, or where one has several the shares `(n, n_way)`."""
    _, labels = support.class_texts(use_names)
    shares = [*support.shares, *({label: 1.0} for label in labels)]
    if all(len(row) == 1 and 1.0 in row.values() for row in shares):
        column = {label: number for number, label in enumerate(support.classes)}
        return OneHot(torch.tensor([column[label] for row in shares for label in row], dtype=torch.long), len(column))
    return torch.from_numpy(label_matrix(shares, support.classes))


def counted_tensors(support: SupportSet, use_names: bool, name_weight: float) -> tuple[Tensor, Labels, Tensor]:
    """Return embeddings `(n, dim)`, labels and weights `(n,)` of an embedded support set.

    An example weighs 1, a name or description `name_weight`.
    """
    assert isinstance(support.vectors, Tensor)
    texts, _ = support.class_texts(use_names)
    vectors, weights = support.vectors, support.vectors.new_ones(len(support))
    if texts:
        vectors = torch.cat([vectors, torch.stack([support.class_vectors[text] for text in texts])])
        weights = torch.cat([weights, weights.new_full((len(texts),), name_weight)])
    labels = counted_labels(support, use_names)
    return vectors, labels.to(vectors) if isinstance(labels, Tensor) else labels, weights
