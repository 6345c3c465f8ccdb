import warnings
from dataclasses import replace

import pytest

from fewtext.inference.classifier import FewShotClassifier
from fewtext.inference.repeats import alike_names, contradicting, read_alike, repeated


def test_repeated_texts_and_those_that_say_different_things():
    texts, shares = ("a", "b", "a", "b", "c", ""), ({"x": 1}, {"x": 1}, {"y": 1}, {"x": 1}, {"x": 1}, {"x": 1})
    assert repeated(texts) == [(0, 2), (1, 3)] and repeated(texts, {"b", "c"}) == [(1, 3)]
    assert contradicting(repeated(texts), shares) == [(0, 2)]


def test_examples_that_differ_in_case_or_blanks_alone_read_alike(model):
    texts = ["Where is it", "money back", " where  is it ", "where is it?"]
    support = FewShotClassifier(model).fit(texts, ["a", "b", "a", "a"]).support
    numbers = dict(zip(support.texts, read_alike(support), strict=True))
    assert numbers["Where is it"] == numbers[" where  is it "] and len(set(numbers.values())) == 3


def test_without_texts_the_embeddings_tell(model):
    support = FewShotClassifier(model).fit(["one", "two", "three"], ["a", "b", "a"]).support
    vectors = support.vectors[[0, 1, 0]]
    assert read_alike(replace(support, texts=("", "", ""), vectors=vectors)).tolist() == [0, 1, 0]


def test_names_that_differ_in_case_or_blanks_alone_are_alike():
    names = {1: "card arrival", 2: "refund", 3: " Card  arrival", 4: "card arrivals"}
    assert alike_names(names) == [(1, 3)]


def test_classes_that_read_alike_are_told_where_they_come_in(model):
    with pytest.warns(UserWarning, match=r"'lost card' and 'lost_card' read alike \('lost card'\)"):
        clf = FewShotClassifier(model).fit(
            ["it is gone", "cannot find it", "money back"], ["lost_card", "lost card", "refund"]
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it was told: what has nothing to do with it says it no more
        clf.add(["where is my parcel"], "tracking")
    with pytest.warns(UserWarning, match="'re-fund' and 're_fund' read alike"):
        clf.add(["give it back", "i want it back"], ["re-fund", "re_fund"])
    clf.merge_classes(["lost card", "lost_card"], into="lost card")
    assert alike_names(clf.support.names) == [("re-fund", "re_fund")]


def test_classes_that_are_described_or_renamed(model):
    clf = FewShotClassifier(model).fit(["it is gone", "money back"], ["lost card", "refund"])
    with pytest.warns(UserWarning, match="'lost.card' and 'lost.card' read alike"):
        clf.rename("refund", "lost-card")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.add(["cannot find it"], "lost card")  # known already: it was told
        clf.describe("lost card", "the card is gone").describe("lost-card", "money for a lost card")
        clf.fit(clf.support)  # each says what it is about


def test_a_class_that_comes_in_by_a_description_or_a_change_is_told_too(model):
    clf = FewShotClassifier(model).fit(["it is gone", "not here", "money back"], ["lost card", "lost card", "refund"])
    with pytest.warns(UserWarning, match="read alike"):
        clf.describe("lost_card", "the card is gone")
    with pytest.warns(UserWarning, match="read alike") as told:
        clf.update(clf.support.ids[clf.support.texts.index("not here")], label="lost-card")
    assert told[0].filename == __file__
