"""What is there more than once: texts, those that say different things, and names of classes."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from fewtext.inference.labels import Label, Shares, given_label
from fewtext.inference.rows import rows_among

if TYPE_CHECKING:
    from fewtext.inference.examples import Examples


def repeated(texts: Sequence[str], among: Collection[str] | None = None) -> list[tuple[int, ...]]:
    """Return the rows of each text that occurs more than once, of all texts or of those `among` some.

    >>> repeated(["a", "b", "a"])
    [(0, 2)]
    """
    rows: defaultdict[str, list[int]] = defaultdict(list)
    if among is None:
        pairs: Iterable[tuple[int, str]] = enumerate(texts)
    else:
        pairs = ((i, texts[i]) for i in rows_among(texts, among).tolist())
    for i, text in pairs:
        rows[text].append(i)
    return [tuple(same) for text, same in rows.items() if text and len(same) > 1]


def read_alike(support: Examples) -> NDArray[np.int64]:
    """Return a number for each example, `(n_support,)`: the same for those that differ in case or blanks alone.

    Where the texts were left out, those with the same embedding have the same number.
    """
    if support.has_texts:
        keys: Sequence[object] = list(map(_as_read, support.texts))
    else:
        assert isinstance(support.vectors, Tensor)
        keys = [vector.tobytes() for vector in support.vectors.float().cpu().numpy()]
    number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    return np.array([number[key] for key in keys], dtype=np.int64)


def contradicting(rows: Iterable[tuple[int, ...]], shares: Sequence[Shares]) -> list[tuple[int, ...]]:
    """Return those rows of one text each that do not all say the same."""
    return [same for same in rows if any(shares[same[0]] != shares[i] for i in same)]


def alike_names(names: Mapping[Label, str]) -> list[tuple[Label, ...]]:
    """Return the labels of classes whose names differ in case or blanks alone.

    >>> alike_names({"card_arrival": "card arrival", "card-arrival": "card arrival", "refund": "refund"})
    [('card_arrival', 'card-arrival')]
    """
    labels = list(names)
    return [tuple(labels[i] for i in same) for same in repeated([_as_read(name) for name in names.values()])]


def _as_read(text: str) -> str:
    """Return a text without what case and blanks alone make different."""
    return " ".join(text.split()).casefold()


def warn_alike_names(support: Examples, among: Iterable[Label] | None = None, stacklevel: int = 3) -> None:
    """Warn about classes that read alike, of all or of those `among` some, unless each is described.

    They are probably one class, spelled twice.
    """
    wanted = support.names.keys() if among is None else set(among)
    alike = [
        labels
        for labels in alike_names(support.names)
        if not (wanted.isdisjoint(labels) or support.descriptions.keys() >= set(labels))
    ]
    if alike:
        first, second = alike[0][:2]
        warnings.warn(
            f"the classes {first!r} and {second!r} read alike ({support.names[first]!r}): make them one "
            f"(merge_classes([{first!r}, {second!r}], into={first!r})), or describe each (describe(label, sentence)).",
            stacklevel=stacklevel,
        )


def warn_repeated(support: Examples, among: Iterable[str] | None = None) -> None:
    """Warn about texts that are there twice, and about those that say different things."""
    twice = repeated(support.texts, None if among is None else set(among))
    contradictions = contradicting(twice, support.shares)
    if contradictions:
        rows = contradictions[0]
        ids = ", ".join(support.ids[i] for i in rows)
        labels = sorted({str(given_label(support.shares[i], support.several)) for i in rows})
        warnings.warn(
            f"{len(contradictions)} text(s) stand under several labels, such as {support.texts[rows[0]]!r} under "
            f"{' and '.join(labels)}: remove one of them (remove(ids=[...]) of {ids}), or give "
            "the text a list of labels.",
            stacklevel=3,
        )
    different = set(contradictions)
    same = [rows for rows in twice if rows not in different]
    if same:
        warnings.warn(
            f"{len(same)} text(s) are there more than once under one label and count as often, such as "
            f"{support.texts[same[0][0]]!r}.",
            stacklevel=3,
        )
