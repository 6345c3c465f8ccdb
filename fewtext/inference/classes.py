"""What becomes of the names, descriptions and shares of classes that get other labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from fewtext.data.names import readable_name
from fewtext.inference.labels import Label, Shares


def given_names(names: Mapping[Label, str]) -> dict[Label, str]:
    """Return the names that somebody gave, which read other than their label does."""
    return {label: name for label, name in names.items() if name != readable_name(str(label))}


def relabelled_names(names: Mapping[Label, str], new: Mapping[Label, Label]) -> dict[Label, str]:
    """Return how classes read after some got new labels; a name that somebody gave goes with its class.

    >>> relabelled_names({"r": "money back", "t": "t"}, {"r": "refund"})
    {'t': 't', 'refund': 'money back'}
    """
    given = given_names(names)
    found: dict[Label, str] = {}
    for label in sorted(names, key=lambda c: new.get(c, c) != c):  # a class that stays keeps its own name
        target = new.get(label, label)
        found.setdefault(target, given.get(label, readable_name(str(target))))
    return found


def relabelled_descriptions(descriptions: Mapping[Label, str], new: Mapping[Label, Label]) -> dict[Label, str]:
    """Return the descriptions after some classes got new labels; a class that joins several is told by all of them."""
    told: defaultdict[Label, dict[str, None]] = defaultdict(dict)
    for label, text in descriptions.items():
        told[new.get(label, label)][text] = None
    return {label: " ".join(texts) for label, texts in told.items()}


def relabelled_shares(row: Shares, new: Mapping[Label, Label], several: bool) -> dict[Label, float]:
    """Return what an example says after some classes got new labels; shares of one class add up."""
    renamed: dict[Label, float] = {}
    for label, share in row.items():
        target = new.get(label, label)
        renamed[target] = max(renamed.get(target, 0.0), share) if several else renamed.get(target, 0) + share
    return renamed
