import numpy as np
import pytest

from fewtext.inference.classifier import FewShotClassifier

TEXTS, LABELS = ["where is it", "not here yet", "money back", "a return"], ["track", "track", "refund", "refund"]


@pytest.fixture
def clf(model):
    return FewShotClassifier(model).fit(TEXTS, LABELS)


def same(clf, texts, labels):
    other = FewShotClassifier(clf.model, adaptation=clf.adaptation).fit(texts, labels)
    np.testing.assert_allclose(clf.predict_proba(["hello"]), other.predict_proba(["hello"]), atol=1e-5)
    assert clf.classes_.tolist() == other.classes_.tolist()


@pytest.mark.parametrize("adaptation", [None, "memory"])
def test_every_change_gives_what_a_new_fit_gives(model, adaptation):
    clf = FewShotClassifier(model, adaptation=adaptation).fit(TEXTS, LABELS)
    clf.add(["hi there"], "greet")
    same(clf, [*TEXTS, "hi there"], [*LABELS, "greet"])
    clf.update(clf.support.ids[clf.support.texts.index("hi there")], text="good morning")
    same(clf, [*TEXTS, "good morning"], [*LABELS, "greet"])
    clf.rename("greet", "welcome")
    same(clf, [*TEXTS, "good morning"], [*LABELS, "welcome"])
    clf.remove(ids=[clf.support.ids[clf.support.texts.index("a return")]])
    same(clf, [*TEXTS[:3], "good morning"], [*LABELS[:3], "welcome"])
    clf.remove("welcome")
    same(clf, TEXTS[:3], LABELS[:3])


def test_a_class_known_by_its_description_alone(minilm):
    clf = FewShotClassifier(minilm).fit(TEXTS, LABELS)
    clf.describe("weather", "questions about rain, sun and temperature")
    assert clf.predict(["will it be sunny tomorrow?"]).tolist() == ["weather"]


def test_descriptions_are_enough_to_start(minilm):
    clf = FewShotClassifier(minilm).describe("weather", "questions about rain, sun and temperature")
    with pytest.raises(ValueError, match="knows only the class 'weather'"):
        clf.predict(["will it rain?"])
    clf.describe("money", "questions about prices, bills and refunds")
    assert clf.predict(["will it be sunny tomorrow?", "I was charged twice"]).tolist() == ["weather", "money"]


def test_a_class_of_another_case_is_refused(clf):
    with pytest.raises(ValueError, match="differ in case or blanks alone"):
        clf.add(["hello"], "Track")
    assert clf.classes_.tolist() == ["refund", "track"]


def test_what_is_not_there_cannot_be_changed(clf):
    for change in (
        lambda: clf.update("nope", text="x"),
        lambda: clf.remove("nope"),
        lambda: clf.remove(ids=["nope"]),
        lambda: clf.rename("nope", "yes"),
    ):
        with pytest.raises(KeyError):
            change()
    with pytest.raises(ValueError, match="there is a class 'refund' already"):
        clf.rename("track", "refund")
    assert len(clf.support) == 4


def test_classes_are_merged(clf):
    clf.add(["hello", "hi there"], ["greet", "welcome"]).merge_classes(["greet", "welcome"], "greet")
    same(clf, [*TEXTS, "hello", "hi there"], [*LABELS, "greet", "greet"])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda clf: clf.remove(), ValueError, "remove takes a label, or ids="),
        (lambda clf: clf.remove("track", ids=["x"]), ValueError, "remove takes a label, or ids="),
        (lambda clf: clf.remove(ids="abc"), TypeError, r"ids=\['abc'\]"),
        (lambda clf: clf.remove(["track", "refund"]), TypeError, r"\['track', 'refund'\] \(list\), which cannot be"),
        (lambda clf: clf.rename("track", None), TypeError, "the new label is None"),
        (lambda clf: clf.merge_classes(["track"], ["a"]), TypeError, "into is .* which cannot be hashed"),
        (lambda clf: clf.update(clf.support.ids[0]), ValueError, "update takes text=, label= or both"),
    ],
)
def test_a_change_that_says_nothing_or_too_much_is_refused(clf, change, error, message):
    with pytest.raises(error, match=message):
        change(clf)
    assert sorted(clf.support.texts) == sorted(TEXTS) and clf.classes_.tolist() == ["refund", "track"]
