from fewtext.inference.ids import distinct_ids


def test_the_same_example_twice_has_two_ids():
    assert distinct_ids(["x", "y", "x", "x"]) == ("x", "y", "x-2", "x-3")
