from fewtext.inference.repeats import contradicting, repeated


def test_repeated_texts_and_those_that_say_different_things():
    texts, shares = ("a", "b", "a", "b", "c", ""), ({"x": 1}, {"x": 1}, {"y": 1}, {"x": 1}, {"x": 1}, {"x": 1})
    assert repeated(texts) == [(0, 2), (1, 3)] and repeated(texts, {"b", "c"}) == [(1, 3)]
    assert contradicting(repeated(texts), shares) == [(0, 2)]
