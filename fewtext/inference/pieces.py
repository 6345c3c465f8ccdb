"""The pieces of long columns: texts, classes and vectors, which may lie on disk; read only where somebody asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from fewtext.inference.labels import Label, Shares

T = TypeVar("T", covariant=True)

PRECISIONS = ("float32", "float16", "int8")
"""In which vectors of a large support set are kept."""


class Piece(Protocol[T]):
    """A part of a column."""

    def __len__(self) -> int:
        """Number of its rows."""
        ...

    def take(self, rows: NDArray[np.int64]) -> Sequence[T]:
        """Return some of its rows."""
        ...

    def more(self, values: Any) -> Piece[T]:
        """Return a piece of the same kind."""
        ...

    def followed(self, others: Sequence[Any]) -> Piece[T]:
        """Return it and others of its kind as one."""
        ...

    def some(self, rows: NDArray[np.int64]) -> Piece[T]:
        """Return a piece of some of its rows."""
        ...


class Strings(Piece[str]):
    """Texts or ids in an Arrow array, which may be a map of a file."""

    def __init__(self, array: pa.Array) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def take(self, rows: NDArray[np.int64]) -> Sequence[str]:
        """Return some of the strings."""
        found: list[str] = self.array.take(pa.array(rows)).to_pylist()
        return found

    def more(self, values: Sequence[str]) -> Strings:
        """Return other strings as a piece."""
        return Strings(pa.array(list(values), pa.large_string()))

    def followed(self, others: Sequence[Strings]) -> Strings:
        """Return it and others as one."""
        return Strings(pa.concat_arrays([self.array, *(other.array for other in others)]))

    def some(self, rows: NDArray[np.int64]) -> Strings:
        """Return a piece of some of its rows."""
        return Strings(self.array.take(pa.array(rows)))


class OneClass(Piece[Shares]):
    """What examples say that have one class each: the number of the class, and the labels by number."""

    def __init__(self, numbers: NDArray[np.int32], labels: Sequence[Label]) -> None:
        self.numbers = numbers
        self.labels = list(labels)
        self._shares: list[Shares] = [{label: 1.0} for label in labels]

    @classmethod
    def of(cls, shares: Iterable[Shares]) -> OneClass:
        """Return what examples of one class each say; raises `ValueError` for one that says several."""
        own = [only_class(row, i) for i, row in enumerate(shares)]
        labels = list(dict.fromkeys(own))
        column = {label: number for number, label in enumerate(labels)}
        return cls(np.fromiter((column[label] for label in own), np.int32, len(own)), labels)

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: NDArray[np.int64]) -> Sequence[Shares]:
        """Return some of them, as a support set holds them."""
        return [self._shares[number] for number in self.numbers[rows].tolist()]

    def more(self, values: Iterable[Shares]) -> OneClass:
        """Return other examples as a piece."""
        return OneClass.of(values)

    def numbered(self, column: Mapping[Label, int]) -> NDArray[np.int64]:
        """Return the number that a column of classes gives each example; -1 for a class that it has not."""
        return np.array([column.get(label, -1) for label in self.labels], dtype=np.int64)[self.numbers]

    def followed(self, others: Sequence[OneClass]) -> OneClass:
        """Return it and others as one."""
        pieces = [self, *others]
        labels = list(dict.fromkeys(label for piece in pieces for label in piece.labels))
        column = {label: number for number, label in enumerate(labels)}
        return OneClass(np.concatenate([piece.numbered(column) for piece in pieces]).astype(np.int32), labels)

    def some(self, rows: NDArray[np.int64]) -> OneClass:
        """Return a piece of some of its rows."""
        return OneClass(self.numbers[rows], self.labels)


def only_class(shares: Shares, row: int) -> Label:
    """Return the one class of an example; raises `ValueError`, naming the row, where it has several."""
    if len(shares) != 1 or 1.0 not in shares.values():
        raise ValueError(
            f"row {row} says {dict(shares)!r}; this support set is large, so its examples have one class each: "
            "fit with a large_size above their number to give several labels or distributions."
        )
    return next(iter(shares))


class Vectors(Piece[Tensor]):
    """Embeddings, in the precision in which they are kept; `take` gives single precision.

    Args:
        stored: `(n, dim)`, of kind float32, float16 or int8; may be a map of a file.
        scales: `(n,)` what a row of int8 is multiplied by.
    """

    def __init__(self, stored: Tensor, scales: Tensor | None = None) -> None:
        self.stored = stored
        self.scales = scales

    @classmethod
    def of(cls, vectors: Tensor, precision: str) -> Vectors:
        """Return vectors in a precision.

        >>> Vectors.of(torch.tensor([[1.0, -0.5]]), "int8").stored
        tensor([[127, -64]], dtype=torch.int8)
        """
        if precision != "int8":
            return cls(vectors.to(getattr(torch, precision)))
        scales = vectors.abs().amax(-1).clamp_min(torch.finfo(torch.float32).tiny) / 127
        return cls((vectors / scales[:, None]).round().to(torch.int8), scales)

    def __len__(self) -> int:
        return len(self.stored)

    def take(self, rows: NDArray[np.int64]) -> Tensor:  # type: ignore[override]  # a tensor is a sequence of rows
        """Return some of the vectors, `(n, dim)`."""
        own = torch.from_numpy(rows)
        found = self.stored[own].float()
        return found if self.scales is None else found * self.scales[own, None]

    def more(self, values: Sequence[Tensor] | Tensor) -> Vectors:
        """Return other vectors as a piece, in the same precision."""
        vectors = values if isinstance(values, Tensor) else torch.stack(list(values))
        return Vectors.of(vectors.cpu(), self.precision)

    def followed(self, others: Sequence[Vectors]) -> Vectors:
        """Return it and others, of the same precision, as one."""
        pieces = (self, *others)
        scales = [piece.scales for piece in pieces if piece.scales is not None]
        return Vectors(torch.cat([piece.stored for piece in pieces]), torch.cat(scales) if scales else None)

    def some(self, rows: NDArray[np.int64]) -> Vectors:
        """Return a piece of some of its rows."""
        own = torch.from_numpy(rows)
        return Vectors(self.stored[own], None if self.scales is None else self.scales[own])

    @property
    def precision(self) -> str:
        """What they are kept in."""
        return str(self.stored.dtype).removeprefix("torch.")
