"""Examples with their labels, names and embeddings, in a canonical order: what a support set holds."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from fewtext.data.columns import check_texts
from fewtext.data.ids import example_id
from fewtext.data.names import readable_name
from fewtext.inference.ids import distinct_ids, ids_beside
from fewtext.inference.labels import (
    Label,
    Shares,
    check_label,
    given_label,
    label_key,
    label_shares,
    ordered_classes,
)
from fewtext.inference.repeats import contradicting, repeated
from fewtext.inference.rows import Rows, class_numbers, inserted, joined, rows_among, selected

if TYPE_CHECKING:
    from typing_extensions import Self

COLUMNS = ("texts", "shares", "ids")
"""What there is of each example, besides its embedding."""


@dataclass(frozen=True)
class Examples:
    """What a `SupportSet` holds, which says it: examples with what is known of them and of their classes."""

    texts: Sequence[str]
    shares: Sequence[Shares]
    ids: Sequence[str]
    names: Mapping[Label, str]
    descriptions: Mapping[Label, str] = field(default_factory=dict)
    several: bool = False
    vectors: Tensor | Rows[Tensor] | None = None
    class_vectors: Mapping[str, Tensor] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    order_keys: tuple[str, ...] = field(default=(), repr=False, compare=False)  # by which the rows are in order

    @classmethod
    def create(
        cls,
        texts: Iterable[str] = (),
        labels: Any = (),
        *,
        names: Mapping[Label, str] | None = None,
        descriptions: Mapping[Label, str] | None = None,
        ids: Iterable[str] | None = None,
    ) -> Self:
        """Make a support set from examples in any order.

        Args:
            texts: The examples.
            labels: The label of each: one, a list (several), or a dictionary (a distribution).
            names: How classes read, where not as their label; also of classes without an example.
            descriptions: A sentence about a class; also of classes without an example.
            ids: The id of each example; by default made of its text and label.

        Raises:
            TypeError, ValueError: a text or label that cannot be used, with its row; ids that are not distinct.
        """
        checked = check_texts(texts)
        shares, several = label_shares(labels, len(checked))
        names, descriptions = dict(names or {}), dict(descriptions or {})
        for what, given in (("names", names), ("descriptions", descriptions)):
            check_texts(given.values(), what)
        classes = ordered_classes([*(c for row in shares for c in row), *names, *descriptions])
        readable = {label: names.get(label, readable_name(str(label))) for label in classes}
        if ids is None:
            own = distinct_ids(example_id(text, label_key(row)) for text, row in zip(checked, shares, strict=True))
        else:
            own = tuple(str(one) for one in ids)
            if len(own) != len(checked) or len(set(own)) < len(own):
                raise ValueError(f"{len(checked)} texts but {len(set(own))} distinct ids; every example has its own.")
        return cls(tuple(checked), tuple(shares), own, readable, descriptions, several).canonical()

    @cached_property
    def classes(self) -> tuple[Label, ...]:
        """The labels, sorted."""
        return ordered_classes(self.names)

    @cached_property
    def class_array(self) -> NDArray[Any]:
        """The labels, sorted, as an array that cannot be written to."""
        classes = self.classes
        array: NDArray[Any] = np.empty(len(classes), dtype=object)
        array[:] = classes
        kinds = {type(label) for label in classes}
        array = np.array(classes) if kinds in ({str}, {int}, {float}, {bool}) else array
        array.flags.writeable = False
        return array

    @cached_property
    def labels(self) -> list[Any]:
        """The label of each example in the form it was given in."""
        return [given_label(shares, self.several) for shares in self.shares]

    @cached_property
    def has_texts(self) -> bool:
        """Whether the texts are there; they may be left out of what is saved."""
        return not len(self) or (bool(self.texts[0]) and (self.is_large or all(self.texts)))

    @property
    def is_large(self) -> bool:
        """Whether it is kept in columns."""
        return isinstance(self.texts, Rows)

    @cached_property
    def classes_with_examples(self) -> set[Label]:
        """The labels that an example says."""
        if self.is_large:
            return {self.classes[number] for number in np.unique(self.class_of_rows()).tolist()}
        return {label for shares in self.shares for label in shares}

    def __len__(self) -> int:
        return len(self.texts)

    def class_of_rows(self) -> NDArray[np.int64]:
        """Return the number, among `classes`, of each example of a large support set."""
        assert isinstance(self.shares, Rows)
        return class_numbers(self.shares, self.classes)[self.shares.kept]

    def rows_of(self, label: Label) -> list[int]:
        """Return the rows of a class; raises `KeyError` naming the classes there are."""
        if check_label(label) not in self.names:
            raise KeyError(f"no class {label!r}; the classes are {', '.join(map(repr, self.classes))}")
        if self.is_large:
            return np.flatnonzero(self.class_of_rows() == self.classes.index(label)).tolist()
        return [i for i, shares in enumerate(self.shares) if label in shares]

    def check_has_texts(self) -> None:
        """Raise `ValueError` where the texts were left out."""
        if not self.has_texts:
            raise ValueError("this support set was saved without its texts; only its embeddings are there.")

    @property
    def duplicates(self) -> list[tuple[int, ...]]:
        """The rows of each text that occurs more than once."""
        return repeated(self.texts)

    @property
    def contradictions(self) -> list[tuple[int, ...]]:
        """The rows of each text that occurs under different labels."""
        return contradicting(self.duplicates, self.shares)

    def class_texts(self, use_names: bool) -> tuple[list[str], list[Label]]:
        """Return the names (where `use_names`) and descriptions that count as examples, with their classes."""
        named = [(self.names[label], label) for label in self.classes] if use_names else []
        described = [(self.descriptions[label], label) for label in self.classes if label in self.descriptions]
        return [text for text, _ in named + described], [label for _, label in named + described]

    def without_vectors(self) -> Self:
        """Return the support set as it was before it was embedded."""
        return replace(self, vectors=None, class_vectors={})

    def canonical(self) -> Self:
        """Return the examples in the canonical order; in columns they stay as they are."""
        if self.is_large:  # no LSTM reads it, so nothing depends on the order
            return self
        keys = self.order_keys
        if len(keys) != len(self):
            rows = zip(self.texts, self.shares, self.ids, strict=True)
            keys = tuple(example_id(text, label_key(shares)) if text else own for text, shares, own in rows)
        order = sorted(zip(keys, self.ids, range(len(keys)), strict=True))
        return replace(self, order_keys=keys)._rows(np.array([row for _, _, row in order], dtype=np.int64))

    def with_examples(self, other: Examples) -> Self:
        """Return the same with the examples of another too: each in its place, or in columns at the end."""
        other = replace(other, ids=ids_beside(self.ids, other.ids))
        if self.is_large or other.is_large:
            columns: dict[str, Any] = {name: joined(getattr(self, name), getattr(other, name)) for name in COLUMNS}
            return replace(self, vectors=_both(self.vectors, other.vectors, joined), order_keys=(), **columns)
        one = self if len(self.order_keys) == len(self) else self.canonical()
        other = other.canonical()
        known = range(len(one))
        places = [
            bisect_left(known, own, key=lambda row: (one.order_keys[row], one.ids[row]))
            for own in zip(other.order_keys, other.ids, strict=True)
        ]
        insert = partial(inserted, places=places)
        columns = {name: insert(getattr(one, name), getattr(other, name)) for name in (*COLUMNS, "order_keys")}
        return replace(one, vectors=_both(one.vectors, other.vectors, insert), **columns)

    def _rows(self, rows: NDArray[np.int64]) -> Self:
        vectors = self.vectors
        return replace(
            self,
            texts=selected(self.texts, rows),
            shares=selected(self.shares, rows),
            ids=selected(self.ids, rows),
            vectors=vectors.select(rows) if isinstance(vectors, Rows) else None if vectors is None else vectors[rows],
            order_keys=tuple(selected(self.order_keys, rows)) if self.order_keys else (),
        )

    def rows_of_ids(self, ids: Iterable[str]) -> NDArray[np.int64]:
        """Return the rows of some ids, in order; raises `KeyError` naming one that no example has."""
        wanted = set(ids)
        rows = rows_among(self.ids, wanted)
        if unknown := wanted - {self.ids[row] for row in rows.tolist()}:
            raise KeyError(f"no example has the id {min(unknown)!r}; support.ids lists them.")
        return rows


def _both(first: Any, second: Any, join: Callable[[Any, Any], Any]) -> Any:
    """Return the embeddings of two support sets as one; None where one of them has none."""
    return None if first is None or second is None else join(first, second)
