"""Ids that are distinct, beside each other and beside those that are there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fewtext.inference.rows import rows_among


def distinct_ids(ids: Iterable[str]) -> tuple[str, ...]:
    """Number the ids that occur again: the same text may be an example twice.

    >>> distinct_ids(["x", "x-2", "x"])
    ('x', 'x-2', 'x-3')
    """
    last: dict[str, int] = {}
    distinct: dict[str, None] = {}
    for one in ids:
        new, number = one, last.get(one, 1)
        while new in distinct:
            number += 1
            new = f"{one}-{number}"
        last[one] = number
        distinct[new] = None
    return tuple(distinct)


def ids_beside(known: Sequence[str], ids: Sequence[str]) -> tuple[str, ...]:
    """Return ids that none of the known has: numbered where they occur again.

    >>> ids_beside(["x", "y"], ["x", "z"])
    ('x-2', 'z')
    """
    if not len(rows_among(known, set(ids))):
        return distinct_ids(ids)
    return distinct_ids([*known, *ids])[len(known) :]
