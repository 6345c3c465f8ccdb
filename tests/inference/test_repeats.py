from dataclasses import replace

from fewtext.inference.classifier import FewShotClassifier
from fewtext.inference.repeats import contradicting, read_alike, repeated


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
