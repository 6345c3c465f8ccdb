"""One-hot labels held as class numbers, so that memory and time do not grow with examples × classes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class OneHot:
    """Labels of examples that have one class each.

    Attributes:
        numbers: `(n_support,)` the class of each example.
        n_way: Number of classes.

    >>> label_table(OneHot(torch.tensor([1, 0]), 3))
    tensor([[0., 1., 0.],
            [1., 0., 0.]])
    """

    numbers: Tensor
    n_way: int

    @property
    def shape(self) -> tuple[int, int]:
        """That of the table: `(n_support, n_way)`."""
        return len(self.numbers), self.n_way

    def __getitem__(self, rows: slice | Tensor) -> OneHot:
        return OneHot(self.numbers[rows], self.n_way)

    def to(self, device: torch.device) -> OneHot:
        """Return the labels on a device."""
        return OneHot(self.numbers.to(device), self.n_way)


Labels = Tensor | OneHot
"""What examples say: `(..., n_support, n_way)` shares of each class, or one class each."""


def label_table(labels: Labels) -> Tensor:
    """Return the labels as a table of shares, `(n_support, n_way)`."""
    if isinstance(labels, Tensor):
        return labels
    return torch.nn.functional.one_hot(labels.numbers, labels.n_way).float()


def largest_share(labels: Labels) -> Tensor:
    """Return the class that an example says most of, `(n_support,)`."""
    return labels.argmax(-1) if isinstance(labels, Tensor) else labels.numbers


def sum_by_class(values: Tensor, labels: Labels, weights: Tensor) -> Tensor:
    """Return Σ_i w_i y_ic v_i `(..., n, n_way)` of values `(..., n, n_support)`; of class numbers `(n, n_support)`.

    >>> sum_by_class(torch.tensor([[1.0, 2.0, 4.0]]), OneHot(torch.tensor([0, 1, 0]), 2), torch.ones(3))
    tensor([[5., 2.]])
    """
    if isinstance(labels, Tensor):
        return values @ (labels * weights[..., None])
    if values.is_cuda:  # sums over indices come out in any order there
        return values @ (label_table(labels).to(values) * weights[:, None])
    sums = values.new_zeros(labels.n_way, len(values))
    return sums.index_add_(0, labels.numbers, (values * weights).mT).mT


def class_sizes(labels: Labels, weights: Tensor) -> Tensor:
    """Return the weight of the examples of each class, `(..., n_way)`."""
    return sum_by_class(torch.ones_like(weights)[..., None, :], labels, weights)[..., 0, :]


def classes_present(labels: Labels, weights: Tensor) -> Tensor:
    """Tell which classes have an example that counts, `(..., n_way)`."""
    if isinstance(labels, Tensor):
        return ((labels > 0) & (weights > 0)[..., None]).any(-2)
    return torch.bincount(labels.numbers[weights > 0], minlength=labels.n_way) > 0


def of_own_class(values: Tensor, labels: Labels) -> Tensor:
    """Return Σ_c y_ic v_c `(..., n, n_support)`: what each example has a part in, of values `(..., n, n_way)`."""
    return values @ labels.mT if isinstance(labels, Tensor) else values[:, labels.numbers]
