"""Large support sets: when one is, and how it is kept and searched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from torch import Tensor

from fewtext.inference.examples import COLUMNS
from fewtext.inference.index import faiss_is_installed
from fewtext.inference.labels import Shares
from fewtext.inference.pieces import PRECISIONS, OneClass, Strings, Vectors
from fewtext.inference.rows import Rows, some_vectors

if TYPE_CHECKING:
    from fewtext.inference.support import SupportSet

LARGE = 50_000
"""Examples from which a support set is large, where each has one class."""

SEARCHES = ("auto", "exact", "index")

MOST_PIECES = 64
"""Pieces of a column, of which every change makes one, before all but the first are joined."""


@dataclass(frozen=True)
class LargeSettings:
    """How a large support set is kept and searched.

    Attributes:
        search: `exact` (all examples, in blocks), `index` (the nearest, by FAISS), or `auto`: `index` where FAISS is
            installed.
        precision: Of its embeddings: `float32`, `float16` or `int8`.
        size: Examples from which a support set is large.
    """

    search: str = "auto"
    precision: str = "float16"
    size: int = LARGE

    def __post_init__(self) -> None:
        """Check before any work."""
        if self.search not in SEARCHES:
            raise ValueError(f"search is {self.search!r}; it is one of {', '.join(SEARCHES)}.")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision is {self.precision!r}; it is one of {', '.join(PRECISIONS)}.")
        if self.size < 1:
            raise ValueError(f"large_size is {self.size}; it must be at least 1 example.")
        if self.search == "index" and not faiss_is_installed():
            raise ImportError("search='index' needs the extra faiss: pip install 'fewtext[faiss]'")

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> LargeSettings:
        """Return the settings among the parameters of a classifier."""
        names = {"search": "search", "precision": "precision", "large_size": "size"}
        return cls(**{field: parameters[name] for name, field in names.items() if name in parameters})

    @property
    def by_index(self) -> bool:
        """Whether an index finds the nearest examples."""
        return self.search == "index" or (self.search == "auto" and faiss_is_installed())

    def apply_to(self, shares: Sequence[Shares]) -> bool:
        """Tell whether examples are many and each says one class."""
        if isinstance(shares, Rows):  # what shrinks a little stays as it is
            return len(shares) >= max(1, self.size / 2)
        return len(shares) >= self.size and all(len(row) == 1 and 1.0 in row.values() for row in shares)


BY_DEFAULT = LargeSettings()


def too_large(n_examples: int, what: str) -> ValueError:
    """Return the error for what cannot be done with a large support set."""
    return ValueError(
        f"{what} compares the examples with each other, and {n_examples:,} are too many: fit a part of them, or set "
        "large_size above their number and fit again."
    )


def precision_of(vectors: Rows[Tensor]) -> str:
    """Return in what a column of vectors is kept."""
    first = vectors.pieces[0]
    assert isinstance(first, Vectors)
    return first.precision


def reduced(support: SupportSet) -> SupportSet:
    """Return a support set as tuples and a tensor, in the canonical order."""
    if not support.is_large:
        return support
    vectors = None if support.vectors is None else some_vectors(support.vectors, np.arange(len(support)))
    return replace(
        support, texts=tuple(support.texts), shares=tuple(support.shares), ids=tuple(support.ids), vectors=vectors
    ).canonical()


def enlarged(support: SupportSet, precision: str) -> SupportSet:
    """Return an embedded support set of one class an example in columns, without what went where that is the most."""
    if isinstance(support.vectors, Rows):
        return _each(support, Rows.gathered) if support.vectors.whole > 2 * len(support) else support
    assert support.vectors is not None
    vectors = Rows((Vectors.of(some_vectors(support.vectors, np.arange(len(support))).cpu(), precision),))
    return replace(
        support,
        texts=Rows((Strings(pa.array(support.texts, pa.large_string())),)),
        shares=Rows((OneClass.of(support.shares),)),
        ids=Rows((Strings(pa.array(support.ids, pa.large_string())),)),
        vectors=vectors,
    )


def in_few_pieces(support: SupportSet) -> SupportSet:
    """Return a large support set with the pieces of its columns joined where there are many; no row moves."""
    assert isinstance(support.vectors, Rows)
    return _each(support, Rows.in_two_pieces) if len(support.vectors.pieces) > MOST_PIECES else support


def _each(support: SupportSet, change: Callable[[Rows[Any]], Rows[Any]]) -> SupportSet:
    columns: dict[str, Any] = {name: change(getattr(support, name)) for name in (*COLUMNS, "vectors")}
    return replace(support, **columns)
