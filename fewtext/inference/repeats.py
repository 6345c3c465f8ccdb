"""Texts that are there more than once, and those that say different things."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from fewtext.inference.labels import Shares
from fewtext.inference.rows import rows_among


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


def contradicting(rows: Iterable[tuple[int, ...]], shares: Sequence[Shares]) -> list[tuple[int, ...]]:
    """Return those rows of one text each that do not all say the same."""
    return [same for same in rows if any(shares[same[0]] != shares[i] for i in same)]
