"""The support set: the examples, their labels, names and embeddings; immutable, so nothing is half changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from datasets import ClassLabel, Dataset
from torch import Tensor

from fewtext.data.columns import LABEL_COLUMNS, TEXT_COLUMNS, check_texts, find_column, label_names
from fewtext.data.names import readable_name
from fewtext.inference.classes import given_names, relabelled_descriptions, relabelled_names, relabelled_shares
from fewtext.inference.ids import distinct_ids, example_id
from fewtext.inference.labels import (
    Label,
    Shares,
    given_label,
    label_key,
    label_shares,
    ordered_classes,
    stored_label,
)


@dataclass(frozen=True)
class SupportSet:
    """Examples with their labels, and the names and descriptions of their classes, in a canonical order.

    The order is that of a hash of label and text, so it looks random, as in training, and does not depend
    on the order in which the examples came. Every change returns a new support set.

    Attributes:
        texts: The examples; empty strings where the texts were left out when it was saved.
        shares: What each example says: the share of each class, 1 for every class it is an example of.
        ids: A stable id of each example.
        names: How each class reads; a class may have a name and no example.
        descriptions: A sentence about a class, for those that have one.
        several: Whether a text may have several labels.
        vectors: `(n_support, dim)` embeddings g' of the examples; None before they were embedded.
        class_vectors: The embedding `(dim,)` of each name and description, by its text.
        unknown: Texts that belong to no class, from which thresholds learn.

    >>> support = SupportSet.create(["where is it", "money back"], ["tracking", "refund"])
    >>> support.rename("refund", "refunds").classes
    ('refunds', 'tracking')
    """

    texts: tuple[str, ...]
    shares: tuple[Shares, ...]
    ids: tuple[str, ...]
    names: Mapping[Label, str]
    descriptions: Mapping[Label, str] = field(default_factory=dict)
    several: bool = False
    vectors: Tensor | None = None
    class_vectors: Mapping[str, Tensor] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    @classmethod
    def create(
        cls,
        texts: Iterable[str] = (),
        labels: Any = (),
        *,
        names: Mapping[Label, str] | None = None,
        descriptions: Mapping[Label, str] | None = None,
        ids: Iterable[str] | None = None,
    ) -> SupportSet:
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
        return cls(tuple(checked), tuple(shares), own, readable, descriptions, several)._canonical()

    @classmethod
    def from_dataset(
        cls, dataset: Dataset, text_column: str | None = None, label_column: str | None = None
    ) -> SupportSet:
        """Make a support set of a data set's rows; columns are found by their usual names, or named.

        Labels keep their type, save those of a ClassLabel, which are its names. Of a data set from `to_dataset` the
        examples keep their ids.
        """
        text = find_column(dataset.column_names, text_column, TEXT_COLUMNS, "text", "the data set")
        label = find_column(dataset.column_names, label_column, LABEL_COLUMNS, "label", "the data set")
        is_class_label = isinstance(dataset.features[label], ClassLabel)
        labels = label_names(dataset, label, "the data set") if is_class_label else list(dataset[label])
        ids = dataset["id"] if set(dataset.column_names) == {"id", "text", "label"} else None
        return cls.create(dataset[text], labels, ids=ids)

    def to_dataset(self) -> Dataset:
        """Return the examples as a data set with the columns id, text and label; names and descriptions stay here.

        Raises `TypeError` for labels that are neither strings nor numbers: a table would change them.
        """
        self.check_has_texts()
        for label in self.classes:
            stored_label(label)
        return Dataset.from_dict({"id": list(self.ids), "text": list(self.texts), "label": self.labels})

    @cached_property
    def classes(self) -> tuple[Label, ...]:
        """The labels, sorted."""
        return ordered_classes(self.names)

    @cached_property
    def labels(self) -> list[Any]:
        """The label of each example in the form it was given in."""
        return [given_label(shares, self.several) for shares in self.shares]

    @property
    def has_texts(self) -> bool:
        """Whether the texts are there; they may be left out of what is saved."""
        return all(self.texts)

    def __len__(self) -> int:
        return len(self.texts)

    def rows_of(self, label: Label) -> list[int]:
        """Return the rows of a class; raises `KeyError` naming the classes there are."""
        if label not in self.names:
            raise KeyError(f"no class {label!r}; the classes are {', '.join(map(repr, self.classes))}")
        return [i for i, shares in enumerate(self.shares) if label in shares]

    def merge(self, other: SupportSet) -> SupportSet:
        """Return both support sets as one; descriptions of `other` win, and names that it was given."""
        ordered_classes([*self.names, *other.names])
        vectors = None
        if self.vectors is not None and other.vectors is not None:
            vectors = torch.cat([self.vectors, other.vectors])
        return SupportSet(
            (*self.texts, *other.texts),
            (*self.shares, *other.shares),
            distinct_ids([*self.ids, *other.ids]),
            {**other.names, **self.names, **given_names(other.names)},
            {**self.descriptions, **other.descriptions},
            self.several or other.several,
            vectors,
            {**self.class_vectors, **other.class_vectors},
            tuple(dict.fromkeys([*self.unknown, *other.unknown])),
        )._canonical()

    def select(self, classes: Iterable[Label] | None = None, ids: Iterable[str] | None = None) -> SupportSet:
        """Return the examples of some classes, or those of some ids, with their classes.

        Raises `KeyError` naming the classes or ids that are not there.
        """
        kept = set(self.classes if classes is None else classes)
        if unknown := kept - set(self.names):
            raise KeyError(f"no class {unknown.pop()!r}; the classes are {', '.join(map(repr, self.classes))}")
        wanted = set(self.ids if ids is None else self.check_ids(ids))
        rows, shares = [], []
        for i, row in enumerate(self.shares):
            inside = {label: share for label, share in row.items() if label in kept}
            if inside and self.ids[i] in wanted:
                rows.append(i)
                shares.append(inside if self.several else {c: s / sum(inside.values()) for c, s in inside.items()})
        if ids is not None:
            kept &= {label for row in shares for label in row}
        return replace(self._rows(rows), shares=tuple(shares), **self._classes(kept))

    def remove(self, label: Label) -> SupportSet:
        """Return the support set without a class; raises `KeyError` if there is no such class."""
        self.rows_of(label)
        return self.select([own for own in self.classes if own != label])

    def remove_ids(self, ids: Iterable[str]) -> SupportSet:
        """Return the support set without some examples; a class whose last one goes, goes too unless described."""
        gone = set(self.check_ids(ids))
        less = self._rows([i for i, own in enumerate(self.ids) if own not in gone])
        touched = {c for i, own in enumerate(self.ids) if own in gone for c in self.shares[i]}
        left = {c for row in less.shares for c in row} | set(self.descriptions)
        return replace(less, **self._classes(set(self.names) - (touched - left)))

    def update(self, example_id: str, text: str | None = None, label: Any = None) -> SupportSet:
        """Return the support set with another text or label for an example, which keeps its id.

        A new text has no embedding, so the others lose theirs too; a classifier embeds only what is new.
        """
        [row] = [i for i, own in enumerate(self.ids) if own in self.check_ids([example_id])]
        given = self.labels[row] if label is None else label
        own = self.texts[row]
        new = SupportSet.create([text if text is not None else own or "left out"], [given])
        changed = replace(
            new,
            texts=new.texts if text is not None else (own,),
            ids=(example_id,),
            several=new.several or self.several,
            vectors=self.vectors[[row]] if self.vectors is not None and text in (None, own) else None,
        )
        return self._rows([i for i in range(len(self)) if i != row]).merge(changed)

    def rename(self, old: Label, new: Label) -> SupportSet:
        """Return the support set with another label for a class; raises `ValueError` if there is one of that name."""
        self.rows_of(old)
        if new in self.names:
            raise ValueError(f"there is a class {new!r} already; merge_classes([{old!r}], {new!r}) joins both.")
        return self._relabel({old: new})

    def merge_classes(self, labels: Iterable[Label], into: Label) -> SupportSet:
        """Return the support set with several classes as one."""
        old = list(labels)
        for label in old:
            self.rows_of(label)
        return self._relabel(dict.fromkeys(old, into))

    def describe(self, label: Label, description: str) -> SupportSet:
        """Return the support set with a sentence about a class, which may be new."""
        no_vectors = None if self.vectors is None else self.vectors[:0]
        return self.merge(replace(SupportSet.create(descriptions={label: description}), vectors=no_vectors))

    def check_ids(self, ids: Iterable[str]) -> list[str]:
        """Return the ids, or raise `KeyError` naming one that no example has."""
        wanted, known = list(ids), set(self.ids)
        for one in wanted:
            if one not in known:
                raise KeyError(f"no example has the id {one!r}; support.ids lists them.")
        return wanted

    def check_has_texts(self) -> None:
        """Raise `ValueError` where the texts were left out."""
        if not self.has_texts:
            raise ValueError("this support set was saved without its texts; only its embeddings are there.")

    @property
    def duplicates(self) -> list[tuple[int, ...]]:
        """The rows of each text that occurs more than once."""
        rows: defaultdict[str, list[int]] = defaultdict(list)
        for i, text in enumerate(self.texts):
            rows[text].append(i)
        return [tuple(same) for text, same in rows.items() if text and len(same) > 1]

    @property
    def contradictions(self) -> list[tuple[int, ...]]:
        """The rows of each text that occurs under different labels."""
        return [rows for rows in self.duplicates if any(self.shares[rows[0]] != self.shares[i] for i in rows)]

    def class_texts(self, use_names: bool) -> tuple[list[str], list[Label]]:
        """Return the names (where `use_names`) and descriptions that count as examples, with their classes."""
        named = [(self.names[label], label) for label in self.classes] if use_names else []
        described = [(self.descriptions[label], label) for label in self.classes if label in self.descriptions]
        return [text for text, _ in named + described], [label for _, label in named + described]

    def without_vectors(self) -> SupportSet:
        """Return the support set as it was before it was embedded."""
        return replace(self, vectors=None, class_vectors={})

    def _canonical(self) -> SupportSet:
        rows = zip(self.texts, self.shares, self.ids, strict=True)
        keys = [(example_id(text, label_key(shares)) if text else own, own) for text, shares, own in rows]
        return self._rows(sorted(range(len(keys)), key=keys.__getitem__))

    def _rows(self, rows: Sequence[int]) -> SupportSet:
        return replace(
            self,
            texts=tuple(self.texts[i] for i in rows),
            shares=tuple(self.shares[i] for i in rows),
            ids=tuple(self.ids[i] for i in rows),
            vectors=None if self.vectors is None else self.vectors[list(rows)],
        )

    def _classes(self, kept: set[Label]) -> dict[str, Any]:
        return {
            "names": {label: name for label, name in self.names.items() if label in kept},
            "descriptions": {label: text for label, text in self.descriptions.items() if label in kept},
        }

    def _relabel(self, new: Mapping[Label, Label]) -> SupportSet:
        names = relabelled_names(self.names, new)
        ordered_classes(names)
        shares = tuple(relabelled_shares(row, new, self.several) for row in self.shares)
        descriptions = relabelled_descriptions(self.descriptions, new)
        return replace(self, shares=shares, names=names, descriptions=descriptions)._canonical()
