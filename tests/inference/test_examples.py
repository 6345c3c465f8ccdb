import pytest

from fewtext.inference.support import SupportSet


def test_keys_of_the_order_go_with_their_examples():
    support = SupportSet.create(["a", "b", "c"], ["x", "y", "x"])
    assert len(support.order_keys) == 3 and support.order_keys == tuple(sorted(support.order_keys))
    again = SupportSet.create(support.remove("y").texts, support.remove("y").labels)
    assert support.remove("y").order_keys == again.order_keys
    assert support.rename("y", "z").order_keys == SupportSet.create(["a", "b", "c"], ["x", "z", "x"]).order_keys


def test_rows_of_ids_and_classes_with_examples():
    support = SupportSet.create(["a", "b", "c"], ["x", "y", "x"], descriptions={"w": "nothing of it yet"})
    assert support.rows_of_ids(support.ids[1:]).tolist() == [1, 2]
    assert support.classes == ("w", "x", "y") and support.classes_with_examples == {"x", "y"}
    with pytest.raises(KeyError, match="no example has the id 'other'"):
        support.rows_of_ids(["other"])
