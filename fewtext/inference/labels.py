"""Labels as users give them: one a text, several, or a distribution; of any type that can be ordered."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from fewtext.data.columns import check_unicode

Label = Any
"""A class label: anything hashable; all labels of a classifier must be of types that can be ordered."""

Shares = Mapping[Label, float]
"""What an example says: the share of each class in it, 1 for every class that it is an example of."""

INDICATOR = "A list has each label once; rows of an indicator matrix are passed as one array: numpy.array(labels)."
"""What to say of lists that look like the rows of an indicator matrix."""


def check_label(label: Any, where: str = "label") -> Label:
    """Return a label as a plain Python value, or raise `TypeError` saying why it cannot be one.

    >>> check_label(np.int64(3))
    3
    """
    if isinstance(label, np.generic) or getattr(label, "ndim", None) == 0:  # of numpy, or a tensor of one number
        label = label.item()
    if _is_missing(label):
        raise TypeError(f"{where} is {label!r}; a label is a class name, a number or another hashable value.")
    if isinstance(label, str):
        check_unicode(label, where)
    if not isinstance(label, Hashable):
        raise TypeError(f"{where} is {label!r} ({type(label).__name__}), which cannot be hashed.")
    try:
        hash(label)
    except TypeError:
        raise TypeError(f"{where} is {label!r}, which holds something that cannot be hashed.") from None
    return label


def _is_missing(label: Any) -> bool:
    """Whether a label is None, NaN, pandas' NA, or an empty string."""
    try:
        return label is None or bool(label != label) or (isinstance(label, str) and not label.strip())
    except (TypeError, ValueError):  # pandas' NA is neither true nor false; neither is what holds an array
        return isinstance(label, Hashable)


def label_shares(labels: Any, n_texts: int, where: str = "labels") -> tuple[list[Shares], bool]:
    """Return what each label says, and whether they are several a text.

    Args:
        labels: One label for all texts; or one entry a text: a label, a list or set of labels (several), or a
            dictionary of shares that add up to 1 (a distribution); or an indicator matrix `(n_texts, n_way)`
            of 0 and 1, whose classes are the names of its columns (a data frame) or their numbers.
        n_texts: Number of texts.
        where: What to call them in an error.

    Raises:
        TypeError: a label that is missing or cannot be hashed, with its row; labels that cannot be ordered.
        ValueError: a different number of labels, an empty list, one that names a label twice, shares that do not add
            up to 1, two labels that differ in case or blanks alone.

    >>> label_shares(["a", ["a", "b"]], 2)
    ([{'a': 1.0}, {'a': 1.0, 'b': 1.0}], True)
    """
    if labels is None:
        raise TypeError(f"{where} is None; pass one label a text.")
    if isinstance(labels, Mapping | set | frozenset):
        raise TypeError(f"{where} is a {type(labels).__name__}, whose order says nothing; pass one label a text.")
    if isinstance(labels, pa.Array | pa.ChunkedArray):
        labels = labels.to_pylist()
    if isinstance(labels, str) or not isinstance(labels, Iterable) or getattr(labels, "ndim", None) == 0:
        labels = [labels] * n_texts
    if hasattr(labels, "toarray"):  # a sparse matrix
        labels = labels.toarray()
    several = False
    if getattr(labels, "ndim", 1) == 2:
        columns = list(getattr(labels, "columns", range(labels.shape[1])))
        rows: list[Any] = [[columns[i] for i in row] for row in _from_indicator(np.asarray(labels), where)]
        several = True
    else:
        rows = list(labels)
    if len(rows) != n_texts:
        raise ValueError(f"{n_texts} texts but {len(rows)} labels; every text needs one label.")
    shares: list[Shares] = []
    for i, row in enumerate(rows):
        place = f"{where}, row {i}"
        if isinstance(row, Mapping):
            shares.append(_distribution(row, place))
        elif isinstance(row, list | set | frozenset | np.ndarray):
            several = True
            if not len(row):
                raise ValueError(
                    f"{place} is empty; every text needs at least one label. Texts of no class go to fit(unknown=...)."
                )
            shares.append({check_label(label, place): 1.0 for label in row})
            if len(shares[-1]) < len(row):
                raise ValueError(f"{place} is {row!r}, which names a label twice. {INDICATOR}")
        else:
            shares.append({check_label(row, place): 1.0})
    if several and len(shares) > 1 and all(row.keys() == {0, 1} for row in shares):
        raise ValueError(f"{where}: every row is 0 and 1. {INDICATOR}")
    ordered_classes((label for row in shares for label in row), where)
    return shares, several


def ordered_classes(labels: Iterable[Label], where: str = "labels") -> tuple[Label, ...]:
    """Return the distinct labels, sorted; raises where they cannot be, or where two differ in case or blanks alone."""
    distinct = dict.fromkeys(labels)  # as they come: most are in order already, which sorts fast
    try:
        classes = tuple(sorted(distinct))
    except TypeError:
        kinds = sorted({type(label).__name__ for label in distinct})
        types = (
            f"types {', '.join(kinds)}. Use one type."
            if len(kinds) > 1
            else f"type {kinds[0]}. Use strings or numbers."
        )
        raise TypeError(f"{where} cannot be ordered; they are of the {types}") from None
    words = [label for label in classes if isinstance(label, str)]
    read = [label.strip().casefold() for label in words]
    if len(set(read)) < len(words):
        spelled = dict(zip(read, words, strict=True))
        one, other = next((own, spelled[key]) for own, key in zip(words, read, strict=True) if spelled[key] != own)
        raise ValueError(f"{where} has {one!r} and {other!r}, which differ in case or blanks alone; use one spelling.")
    return classes


def given_label(shares: Shares, several: bool) -> Any:
    """Return a label in the form it was given in: one, a list, or a distribution."""
    if several:
        return sorted(shares)
    return dict(shares) if len(shares) > 1 or 1.0 not in shares.values() else next(iter(shares))


def label_matrix(shares: Sequence[Shares], classes: Sequence[Label]) -> np.ndarray:
    """Return the shares as `(n, n_way)`, columns as in `classes`."""
    column = {label: i for i, label in enumerate(classes)}
    matrix = np.zeros((len(shares), len(classes)), dtype=np.float32)
    for i, row in enumerate(shares):
        for label, share in row.items():
            matrix[i, column[label]] = share
    return matrix


def stored_label(label: Label) -> str | int | float | bool:
    """Return a label as JSON can hold it; raises `TypeError` for one that would not come back the same."""
    if isinstance(label, str | int | float):
        return label
    raise TypeError(
        f"the label {label!r} ({type(label).__name__}) cannot be saved; "
        "a saved classifier needs labels that are strings or numbers."
    )


def label_key(shares: Shares) -> str:
    """Return a text that stands for a label, whatever its type."""
    if len(shares) == 1 and 1.0 in shares.values():
        return str(next(iter(shares)))
    return json.dumps([[str(label), shares[label]] for label in sorted(shares)])


def _distribution(row: Mapping[Any, Any], place: str) -> Shares:
    try:
        shares = {check_label(label, place): float(share) for label, share in row.items() if share}
    except ValueError:
        shares = {}
    if not shares or min(shares.values()) < 0 or abs(sum(shares.values()) - 1) > 1e-3:
        raise ValueError(f"{place} is {dict(row)!r}; the shares of a distribution are positive and add up to 1.")
    return shares


def _from_indicator(matrix: np.ndarray, where: str) -> list[list[int]]:
    if matrix.shape[1] == 1:
        raise ValueError(f"{where} is a table of one column; pass the column by itself, one label a text.")
    if not np.isin(matrix, (0, 1)).all():
        raise ValueError(f"{where} is a matrix with other values than 0 and 1; an indicator matrix has only these.")
    if len(matrix) and not matrix.any(0).all():
        empty = int(np.flatnonzero(~matrix.any(0))[0])
        raise ValueError(
            f"column {empty} of the indicator matrix has no text; every class needs at least one example."
        )
    return [np.flatnonzero(row).tolist() for row in matrix]
