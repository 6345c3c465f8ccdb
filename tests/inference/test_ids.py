from fewtext.data.ids import example_id
from fewtext.inference.ids import distinct_ids


def test_an_id_depends_on_text_and_label():
    assert len({example_id(text, label) for text in "ab" for label in "cd"}) == 4
    assert example_id("where is my card", "card arrival") == "4da019990dd53c44"


def test_the_same_example_twice_has_two_ids():
    assert distinct_ids(["x", "y", "x", "x"]) == ("x", "y", "x-2", "x-3")
