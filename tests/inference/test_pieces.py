import numpy as np
import pyarrow as pa
import pytest
import torch

from fewtext.inference.pieces import OneClass, Strings, Vectors, only_class

PIECES = {
    "strings": lambda some: Strings(pa.array([f"text {i}" for i in some], pa.large_string())),
    "classes": lambda some: OneClass.of([{f"class {i % 3}": 1.0} for i in some]),
    "float32": lambda some: Vectors.of(torch.tensor([[i, 0.5] for i in some]), "float32"),
    "int8": lambda some: Vectors.of(torch.tensor([[i, -i] for i in some]), "int8"),
}


@pytest.mark.parametrize("kind", PIECES)
def test_pieces_that_follow_one_another_are_one(kind):
    make = PIECES[kind]
    whole = make([0.0, 1.0, 2.0]).followed([make([5.0, 4.0]), make([3.0])])
    assert type(whole) is type(make([1.0])) and len(whole) == 6
    rows = np.array([5, 0, 3], dtype=np.int64)
    expected = make([3.0, 0.0, 5.0]).take(np.arange(3))
    for found in (whole.take(rows), whole.some(rows).take(np.arange(3))):
        assert list(map(str, found)) == list(map(str, expected))


def test_what_says_several_classes_is_named():
    assert only_class({"a": 1.0}, 0) == "a"
    with pytest.raises(ValueError, match="row 3 says {'a': 0.5, 'b': 0.5}; this support set is large"):
        only_class({"a": 0.5, "b": 0.5}, 3)
