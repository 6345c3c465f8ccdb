"""The support set: the examples, their labels, names and embeddings; immutable, so nothing is half changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fewtext.data.columns import LABEL_COLUMNS, TEXT_COLUMNS, find_column, label_names
from fewtext.inference.classes import given_names, relabelled_descriptions, relabelled_names, relabelled_shares
from fewtext.inference.examples import Examples
from fewtext.inference.labels import Label, Shares, check_label, ordered_classes, stored_label
from fewtext.inference.rows import Rows, relabelled_column, some_vectors

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class SupportSet(Examples):
    """Examples with their labels, and the names and descriptions of their classes, in a canonical order.

    The order is that of a hash of label and text, so it looks random, as in training, and does not depend
    on the order in which the examples came. Every change returns a new support set. One that is large, as a classifier
    makes it of tens of thousands of examples, has columns (`Rows`) instead of tuples and a tensor: they may lie on
    disk, and stay in the order in which they came.

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

    @classmethod
    def from_dataset(
        cls, dataset: Dataset, text_column: str | None = None, label_column: str | None = None
    ) -> SupportSet:
        """Make a support set of a data set's rows; columns are found by their usual names, or named.

        Labels keep their type, save those of a ClassLabel, which are its names. Of a data set from `to_dataset` the
        examples keep their ids.
        """
        from datasets import ClassLabel  # imported late: it takes half a second

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
        from datasets import Dataset

        self.check_has_texts()
        for label in self.classes:
            stored_label(label)
        return Dataset.from_dict({"id": list(self.ids), "text": list(self.texts), "label": self.labels})

    def merge(self, other: SupportSet) -> SupportSet:
        """Return both support sets as one; descriptions of `other` win, and names that it was given."""
        if new := [label for label in other.names if label not in self.names]:
            ordered_classes([*self.names, *new])
        return replace(
            self.with_examples(other),
            names={**other.names, **self.names, **given_names(other.names)},
            descriptions={**self.descriptions, **other.descriptions},
            several=self.several or other.several,
            class_vectors={**self.class_vectors, **other.class_vectors},
            unknown=tuple(dict.fromkeys([*self.unknown, *other.unknown])),
        )

    def select(self, classes: Iterable[Label] | None = None, ids: Iterable[str] | None = None) -> SupportSet:
        """Return the examples of some classes, or those of some ids, with their classes.

        Raises `KeyError` naming the classes or ids that are not there.
        """
        kept = set(self.classes if classes is None else classes)
        if unknown := kept - set(self.names):
            raise KeyError(f"no class {unknown.pop()!r}; the classes are {', '.join(map(repr, self.classes))}")
        wanted = np.arange(len(self)) if ids is None else self.rows_of_ids(ids)
        if self.is_large:
            inside = np.array([label in kept for label in self.classes])[self.class_of_rows()]
            chosen = self._rows(wanted[inside[wanted]])
        else:
            rows, shares = [], []
            for i in wanted.tolist():
                own = {label: share for label, share in self.shares[i].items() if label in kept}
                if own:
                    rows.append(i)
                    shares.append(own if self.several else {c: s / sum(own.values()) for c, s in own.items()})
            chosen = replace(self._rows(np.array(rows, dtype=np.int64)), shares=tuple(shares))
        if ids is not None:
            kept &= chosen.classes_with_examples
        return replace(chosen, **self._classes(kept))

    def remove(self, label: Label) -> SupportSet:
        """Return the support set without a class; raises `KeyError` if there is no such class."""
        self.rows_of(label)
        return self.select([own for own in self.classes if own != label])

    def remove_ids(self, ids: Iterable[str]) -> SupportSet:
        """Return the support set without some examples; a class whose last one goes, goes too unless described."""
        rows = self.rows_of_ids(ids)
        less = self._rows(np.delete(np.arange(len(self)), rows))
        return less._without_emptied({c for i in rows for c in self.shares[i]})

    def update(self, example_id: str, text: str | None = None, label: Any = None) -> SupportSet:
        """Return the support set with another text or label for an example, which keeps its id.

        A class whose last example gets another label goes, unless described. A new text has no embedding, so the
        others lose theirs too; a classifier embeds only what is new.
        """
        return self.replaced(example_id, self.changed(example_id, text, label))

    def replaced(self, example_id: str, other: SupportSet) -> SupportSet:
        """Return the support set with the examples of another in place of one."""
        [row] = self.rows_of_ids([example_id])
        whole = self._rows(np.delete(np.arange(len(self)), row)).merge(other)
        new = {label for shares in other.shares for label in shares}
        return whole._without_emptied(set(self.shares[row]) - new)

    def changed(self, example_id: str, text: str | None = None, label: Any = None) -> SupportSet:
        """Return one example alone, with another text or label, and its id."""
        [row] = self.rows_of_ids([example_id])
        given = self.labels[row] if label is None else label
        own = self.texts[row]
        new = self.create([text if text is not None else own or "left out"], [given])
        return replace(
            new,
            texts=new.texts if text is not None else (own,),
            ids=(example_id,),
            several=new.several or self.several,
            vectors=some_vectors(self.vectors, np.array([row]))
            if self.vectors is not None and text in (None, own)
            else None,
            order_keys=(),
        )

    def rename(self, old: Label, new: Label) -> SupportSet:
        """Return the support set with another label for a class; raises `ValueError` if there is one of that name."""
        self.rows_of(old)
        if check_label(new, "the new label") in self.names:
            raise ValueError(f"there is a class {new!r} already; merge_classes([{old!r}], {new!r}) joins both.")
        return self._relabel({old: new})

    def merge_classes(self, labels: Iterable[Label], into: Label) -> SupportSet:
        """Return the support set with several classes as one."""
        old = list(labels)
        for label in old:
            self.rows_of(label)
        check_label(into, "into")
        return self._relabel(dict.fromkeys(old, into))

    def describe(self, label: Label, description: str) -> SupportSet:
        """Return the support set with a sentence about a class, which may be new."""
        no_vectors = None if self.vectors is None else some_vectors(self.vectors, np.arange(0))
        return self.merge(replace(self.create(descriptions={label: description}), vectors=no_vectors))

    def _without_emptied(self, touched: set[Label]) -> SupportSet:
        """Return it without those of the touched classes that have neither an example nor a description."""
        gone = touched and touched - self.classes_with_examples - set(self.descriptions)
        return replace(self, **self._classes(set(self.names) - gone)) if gone else self

    def _classes(self, kept: set[Label]) -> dict[str, Any]:
        return {
            "names": {label: name for label, name in self.names.items() if label in kept},
            "descriptions": {label: text for label, text in self.descriptions.items() if label in kept},
        }

    def _relabel(self, new: Mapping[Label, Label]) -> SupportSet:
        names = relabelled_names(self.names, new)
        ordered_classes(names)
        shares: Sequence[Shares]
        if isinstance(self.shares, Rows):
            shares = relabelled_column(self.shares, new)
        else:
            shares = tuple(relabelled_shares(row, new, self.several) for row in self.shares)
        descriptions = relabelled_descriptions(self.descriptions, new)
        return replace(self, shares=shares, names=names, descriptions=descriptions, order_keys=()).canonical()
