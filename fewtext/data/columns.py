"""Which columns of a table hold the text and the label, and whether every row of them can be used."""

from __future__ import annotations

import operator
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from datasets import Dataset

TEXT_COLUMNS = (
    "text", "sentence", "utterance", "query", "question", "content",
    "review", "comment", "tweet", "message", "review_body", "headline", "title",
)  # fmt: skip
INVISIBLE = ("Cc", "Cf", "Zs", "Zl", "Zp")
"""Categories of Unicode: control and format characters, spaces, separators."""

LABEL_COLUMNS = (
    "label_text", "label_name", "label", "intent", "category", "class", "sentiment", "emotion", "topic", "target",
)  # fmt: skip


def find_column(available: Sequence[str], wanted: str | None, known: Sequence[str], role: str, source: str) -> str:
    """Return the column named `wanted`, else the first of the `known` names that the table has.

    Raises `ValueError` naming the columns there are, if none fits.

    >>> find_column(["id", "sentence"], None, TEXT_COLUMNS, "text", "my.csv")
    'sentence'
    """
    if wanted is not None:
        if wanted in available:
            return wanted
        raise ValueError(f"{source} has no column {wanted!r}; its columns are {', '.join(map(repr, available))}.")
    for name in known:
        if name in available:
            return name
    if len(available) == 1 and any(mark in available[0] for mark in ";\t|"):
        raise ValueError(
            f"{source}: its only column is {available[0]!r}; the fields of a CSV file are set apart by commas."
        )
    raise ValueError(
        f"{source}: no {role} column found among {', '.join(map(repr, available))}; name it with {role}_column=."
    )


def check_texts(texts: Iterable[Any], where: str = "texts", first: int = 0) -> list[str]:
    """Return the texts as a list, or raise naming the first row that is not a non-empty string.

    Args:
        texts: Anything that yields texts in order: a list, an array, a pandas Series, a `datasets.Column`.
        where: What to call them in the error.
        first: The number of the first row there, where these are a part of the texts.

    Raises:
        TypeError: `texts` is one string, a set or a table, or a row is None, NaN, or a number.
        ValueError: a row is empty or has nothing to see (white space, control characters), or half a character (a
            lone surrogate).

    >>> check_texts(["hello", ""])
    Traceback (most recent call last):
    ValueError: texts, row 1 is empty; every text needs at least one visible character.
    """
    if isinstance(texts, str | bytes):
        raise TypeError(f"{where} is a single string; pass a list of texts.")
    if not isinstance(texts, Iterable):
        raise TypeError(f"{where} is {texts!r} ({type(texts).__name__}); pass a list of texts.")
    if isinstance(texts, set | frozenset):
        raise TypeError(f"{where} is a {type(texts).__name__}, which has no order; pass a list of texts.")
    if len(getattr(texts, "shape", (0,))) > 1 or isinstance(texts, Mapping) or _is_dataset(texts):
        other = ", or to fit SupportSet.from_dataset(dataset)" if _is_dataset(texts) else ""
        raise TypeError(f"{where} is a table ({type(texts).__name__}); pass one column of it{other}.")
    checked = texts.to_pylist() if isinstance(texts, pa.Array | pa.ChunkedArray) else list(texts)
    for row, text in enumerate(checked, first):
        if not isinstance(text, str):
            raise TypeError(f"{where}, row {row} is {text!r} ({type(text).__name__}); every text must be a string.")
        if not is_visible(text):
            raise ValueError(f"{where}, row {row} is empty; every text needs at least one visible character.")
        check_unicode(text, f"{where}, row {row}")
    return checked


def check_unicode(text: str, where: str) -> None:
    """Raise `ValueError` for a text that holds half a character (a lone surrogate)."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{where} is not valid Unicode ({error}); decode the file anew.") from error


def is_visible(text: str) -> bool:
    """Whether a text has a character that can be seen: no white space, control or direction mark.

    >>> is_visible("?"), is_visible("\\u200f \\n")
    (True, False)
    """
    return any(unicodedata.category(c) not in INVISIBLE for c in text)


def check_labels(labels: Iterable[Any], where: str = "labels") -> list[str]:
    """Return class names as a list of strings; whole numbers and truth values become words.

    Raises `TypeError` naming the first row that is none of these.

    >>> check_labels(["dog", 7, True])
    ['dog', '7', 'True']
    """
    if not isinstance(labels, Iterable):
        raise TypeError(f"{where} is {labels!r} ({type(labels).__name__}); pass one label a text.")
    names = []
    for row, label in enumerate(labels):
        if isinstance(label, str) and label.strip():
            names.append(str(label))
        elif isinstance(label, bool | np.bool_):
            names.append(str(bool(label)))
        else:
            try:
                names.append(str(operator.index(label)))
            except TypeError:
                message = f"{where}, row {row} is {label!r}; a label is a class name or a whole number."
                raise TypeError(message) from None
    return names


def label_names(dataset: Dataset, column: str, source: str) -> list[str]:
    """Return the class name of every row of `column`: a ClassLabel, strings, or whole numbers.

    Raises `ValueError` or `TypeError` naming the first row without a usable label.
    """
    from datasets import ClassLabel  # imported late: it takes half a second

    feature = dataset.features[column]
    values = list(dataset[column])
    if isinstance(feature, ClassLabel):
        for row, value in enumerate(values):
            if value is None or value < 0:
                raise ValueError(f"{source}, column {column!r}, row {row} has no label ({value}).")
        return [feature.names[value] for value in values]
    return check_labels(values, f"{source}, column {column!r}")


def _is_dataset(texts: object) -> bool:
    """Tell whether these are a `Dataset`: there can be none before its package was imported."""
    return isinstance(texts, getattr(sys.modules.get("datasets"), "Dataset", ()))
