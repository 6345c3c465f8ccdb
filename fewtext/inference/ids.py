"""Stable ids of examples."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def example_id(text: str, label: str) -> str:
    """Return the id of a new example, 16 hexadecimal digits.

    >>> example_id("where is my card", "card arrival")
    '4da019990dd53c44'
    """
    return hashlib.sha256(f"{label}\0{text}".encode()).hexdigest()[:16]


def distinct_ids(ids: Iterable[str]) -> tuple[str, ...]:
    """Number the ids that occur again: the same text may be an example twice."""
    seen: dict[str, int] = {}
    distinct = []
    for one in ids:
        seen[one] = seen.get(one, 0) + 1
        distinct.append(one if seen[one] == 1 else f"{one}-{seen[one]}")
    return tuple(distinct)
