"""Long columns: in pieces that may lie on disk, of which some rows are kept; read only where somebody asks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Generic, TypeVar, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor

from fewtext.inference.labels import Label, Shares
from fewtext.inference.pieces import OneClass, Piece, Strings

T = TypeVar("T", covariant=True)


class Rows(Sequence[T], Generic[T]):
    """A column of several pieces, or some rows of it; adding and selecting copy none of the pieces.

    Args:
        pieces: The pieces, one after another: the whole column.
        kept: The rows of the whole column that are there, by their number in it; None is all.

    >>> column = Rows((Strings(pa.array(["a", "b", "c"])),))
    >>> list(column.select(np.array([2, 0])).extended(["d"]))
    ['c', 'a', 'd']
    """

    def __init__(self, pieces: tuple[Piece[T], ...], kept: NDArray[np.int64] | None = None) -> None:
        self.pieces = pieces
        self.ends = np.cumsum([len(piece) for piece in pieces])
        self._kept = kept

    @property
    def whole(self) -> int:
        """Rows of the whole column, kept or not."""
        return int(self.ends[-1]) if len(self.ends) else 0

    @property
    def kept(self) -> NDArray[np.int64]:
        """The numbers, in the whole column, of the rows that are there."""
        return np.arange(self.whole) if self._kept is None else self._kept

    @property
    def is_whole(self) -> bool:
        """Whether no row was taken away."""
        return self._kept is None

    def __len__(self) -> int:
        return self.whole if self._kept is None else len(self._kept)

    @overload
    def __getitem__(self, row: int) -> T: ...

    @overload
    def __getitem__(self, row: slice) -> Sequence[T]: ...

    def __getitem__(self, row: int | slice) -> T | Sequence[T]:
        if isinstance(row, slice):
            return self.take(np.arange(*row.indices(len(self))))
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        return self.take(np.array([row % len(self)]))[0]

    def __iter__(self) -> Iterator[T]:
        for start in range(0, len(self), 65536):
            yield from self[start : start + 65536]

    def take(self, rows: NDArray[np.int64]) -> Sequence[T]:
        """Return some rows, counted among those that are kept."""
        numbers = rows if self._kept is None else self._kept[rows]
        homes = np.searchsorted(self.ends, numbers, side="right")
        first = int(homes[0]) if len(homes) else 0
        if (homes == first).all():
            return self.pieces[first].take(numbers - self._start(first))
        found = np.empty(len(numbers), dtype=object)
        for home in np.unique(homes):
            own = np.flatnonzero(homes == home)
            for place, value in zip(own, self.pieces[home].take(numbers[own] - self._start(home)), strict=True):
                found[place] = value
        return list(found)

    def select(self, rows: NDArray[np.int64]) -> Rows[T]:
        """Return a column of some rows, counted among those that are kept."""
        return Rows(self.pieces, self.kept[rows])

    def extended(self, values: Any) -> Rows[T]:
        """Return the column with more values, as one more piece of the kind of its first."""
        if isinstance(values, Rows):
            values = values.take(np.arange(len(values)))
        piece = self.pieces[0].more(values)
        more = np.arange(self.whole, self.whole + len(piece))
        kept = None if self._kept is None else np.concatenate([self._kept, more])
        return Rows((*self.pieces, piece), kept)

    def in_two_pieces(self) -> Rows[T]:
        """Return the same column with all that came after the first piece as one."""
        first, second, *rest = self.pieces
        return Rows((first, second.followed(rest)), self._kept)

    def gathered(self) -> Rows[T]:
        """Return what is kept as a whole column of one piece."""
        first, *rest = self.pieces
        return Rows((first.followed(rest).some(self.kept),))

    def _start(self, home: int) -> int:
        return int(self.ends[home]) - len(self.pieces[home])


def some_vectors(vectors: Tensor | Rows[Tensor], wanted: NDArray[np.int64]) -> Tensor:
    """Return some rows of embeddings as one tensor, `(n, dim)`."""
    if isinstance(vectors, Tensor):
        return vectors[torch.from_numpy(wanted)]
    found: Any = vectors.take(wanted)
    return found if isinstance(found, Tensor) else torch.stack(list(found))


def joined(first: Sequence[T], second: Sequence[T]) -> Sequence[T]:
    """Return two columns as one: a tuple, or rows where one of them is such."""
    if isinstance(first, Rows):
        return first.extended(second)
    if isinstance(second, Rows):
        return second.select(np.arange(0)).extended(first).extended(second)
    return (*first, *second)


def inserted(column: Any, more: Any, places: Sequence[int]) -> Any:
    """Return a tuple or tensor with the rows of another in between: each before the row of its place.

    Places are in order, so all that lies between two of them is copied at once.

    >>> inserted(("a", "c"), ("b", "d"), [1, 2])
    ('a', 'b', 'c', 'd')
    """
    parts, start = [], 0
    for row, place in enumerate(places):
        parts += [column[start:place], more[row : row + 1]]
        start = place
    parts.append(column[start:])
    return torch.cat(parts) if isinstance(column, Tensor) else tuple(chain.from_iterable(parts))


def selected(column: Sequence[T], rows: NDArray[np.int64]) -> Sequence[T]:
    """Return some rows of a column, as it is: rows of rows, or a tuple."""
    if isinstance(column, Rows):
        return column.select(rows)
    return tuple(map(column.__getitem__, rows.tolist()))


def rows_among(column: Sequence[str], wanted: Collection[str]) -> NDArray[np.int64]:
    """Return the rows whose string is one of the wanted, in order.

    >>> rows_among(("a", "b", "a"), {"a"})
    array([0, 2])
    """
    if not isinstance(column, Rows):
        wanted = set(wanted)
        if wanted.isdisjoint(column):  # the usual case, and the fastest to find out
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(np.fromiter(map(wanted.__contains__, column), bool, len(column)))
    values = pa.array(list(wanted), pa.large_string())
    hits = [np.empty(0, dtype=bool)]
    for piece in column.pieces:
        assert isinstance(piece, Strings)
        hits.append(pc.is_in(piece.array, value_set=values).to_numpy(zero_copy_only=False))
    return np.flatnonzero(np.concatenate(hits)[column.kept])


def class_numbers(rows: Rows[Shares], classes: Sequence[Label]) -> NDArray[np.int64]:
    """Return the number, among `classes`, of each row of the whole column; -1 for a class that is not among them."""
    column = {label: number for number, label in enumerate(classes)}
    found = [np.empty(0, dtype=np.int64)]
    for piece in rows.pieces:
        assert isinstance(piece, OneClass)
        found.append(piece.numbered(column))
    return np.concatenate(found)


def relabelled_column(rows: Rows[Shares], new: Mapping[Label, Label]) -> Rows[Shares]:
    """Return the same examples with other labels for some classes."""
    pieces = []
    for piece in rows.pieces:
        assert isinstance(piece, OneClass)
        pieces.append(OneClass(piece.numbers, [new.get(label, label) for label in piece.labels]))
    return Rows(tuple(pieces), None if rows.is_whole else rows.kept)
