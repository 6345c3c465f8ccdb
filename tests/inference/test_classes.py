"""Classes that get other labels."""

from fewtext.inference.classes import (
    given_names,
    relabelled_descriptions,
    relabelled_names,
    relabelled_shares,
)


def test_a_name_that_was_given_goes_with_its_class():
    names = {"a": "a", "card_arrival": "card arrival", "r": "money back"}
    assert given_names(names) == {"r": "money back"}
    new = {"r": "refund", "card_arrival": "card_lost"}
    assert relabelled_names(names, new) == {"a": "a", "refund": "money back", "card_lost": "card lost"}


def test_a_class_that_others_join_keeps_its_name_and_tells_all():
    new = {"a": "b", "b": "b"}
    assert relabelled_names({"a": "first", "b": "second"}, new) == {"b": "second"}
    assert relabelled_descriptions({"a": "One.", "b": "Two.", "c": "Three."}, new) == {"b": "One. Two.", "c": "Three."}
    assert relabelled_descriptions({"a": "One.", "b": "One."}, new) == {"b": "One."}


def test_shares_of_classes_that_become_one():
    new = {"a": "b", "b": "b"}
    assert relabelled_shares({"a": 0.25, "b": 0.5, "c": 0.25}, new, several=False) == {"b": 0.75, "c": 0.25}
    assert relabelled_shares({"a": 1.0, "b": 1.0}, new, several=True) == {"b": 1.0}
