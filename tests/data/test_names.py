import pytest

from fewtext.data.names import names_are_words, readable_name


@pytest.mark.parametrize(
    ("label", "text"),
    [("card_arrival", "card arrival"), ("BookFlight", "book flight"), ("top-up", "top up"), ("Lost", "Lost"),
     ("lost luggage", "lost luggage"), ("a/b:c", "a b c")],
)  # fmt: skip
def test_names_read_as_a_person_would_write_them(label, text):
    assert readable_name(label) == text


@pytest.mark.parametrize("labels", [["0", "1"], ["LABEL_0", "LABEL_1"], ["class 7", "joy"], ["a", "b"], []])
def test_these_are_no_words(labels):
    assert not names_are_words(labels)


@pytest.mark.parametrize(
    "labels",
    [
        ["positive", "negative"],
        ["card_arrival", "atm"],
        ["grüße", "ja"],
        ["wifi 2"],
        [*(f"intent {c}{c}" for c in "abcdefghijk"), "w2"],
    ],
)
def test_these_are_words(labels):
    assert names_are_words(labels)
