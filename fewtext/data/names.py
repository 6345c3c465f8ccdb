"""Class names as text: which read as words, and how they read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache


def readable_name(label: str) -> str:
    """Return a class name as a person would write it.

    >>> readable_name("card_arrival"), readable_name("BookFlight"), readable_name("lost luggage")
    ('card arrival', 'book flight', 'lost luggage')
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)
    words = re.sub(r"[\s_\-./:]+", " ", spaced).strip() or label
    return words.lower() if words != label else label


def one_line(text: str) -> str:
    """Return a text without characters that break the line or move the cursor.

    >>> one_line("up\\nto date")
    'up to date'
    """
    return "".join(c if c.isprintable() else " " for c in text)


def names_are_words(labels: Iterable[str]) -> bool:
    """Tell whether class names say something: `card_arrival` does, `7` or `LABEL_7` does not.

    One odd name among many, such as CLINC150's `w2`, does not make the others say nothing: nine in ten suffice.

    >>> names_are_words(["card_arrival", "top-up"]), names_are_words(["0", "1"]), names_are_words(["class 3"])
    (True, False, False)
    """
    words = list(map(_is_words, labels))
    return bool(words) and sum(words) >= 0.9 * len(words)


@lru_cache(maxsize=65_536)  # asked of every class again whenever one is added
def _is_words(name: str) -> bool:
    empty = re.fullmatch(r"(label|class|category|cluster|intent|topic|group|id)?[\W\d_]*", name, re.IGNORECASE)
    return not empty and bool(re.search(r"[^\W\d_]{2}", name))
