import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fewtext.inference.pieces import OneClass, Strings, Vectors
from fewtext.inference.rows import (
    Rows,
    class_numbers,
    joined,
    relabelled_column,
    rows_among,
    selected,
    some_vectors,
)


def strings(*pieces):
    return Rows(tuple(Strings(pa.array(piece, pa.large_string())) for piece in pieces))


@settings(deadline=None)  # other tests may be at work on the cores
@given(
    st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4), min_size=1, max_size=3),
    st.lists(st.integers(0, 99), max_size=8),
    st.lists(st.sampled_from("abcdef"), max_size=3),
)
def test_a_column_is_what_a_list_would_be(pieces, chosen, more):
    flat = [one for piece in pieces for one in piece]
    rows = np.array([number % len(flat) for number in chosen], dtype=np.int64)
    column = strings(*pieces).select(rows).extended(more)
    expected = [flat[row] for row in rows] + more
    assert list(column) == expected and len(column) == len(expected)
    assert [column[i] for i in range(len(expected))] == expected and column[1:] == expected[1:]
    assert rows_among(column, {"a", "b"}).tolist() == [i for i, one in enumerate(expected) if one in ("a", "b")]
    with pytest.raises(IndexError):
        column[len(expected)]
    assert list(column.gathered()) == expected and column.gathered().is_whole
    if len(column.pieces) > 1:
        few = column.in_two_pieces()
        assert list(few) == expected and len(few.pieces) == 2 and few.kept.tolist() == column.kept.tolist()


def test_columns_are_joined_whatever_they_are():
    column = strings(["a", "b"])
    assert joined(("x",), ("y",)) == ("x", "y")
    assert list(joined(column, ("y",))) == ["a", "b", "y"] and list(joined(("x",), column)) == ["x", "a", "b"]
    assert selected(("x", "y"), np.array([1])) == ("y",) and list(selected(column, np.array([1]))) == ["b"]


def test_classes_by_number_and_by_another_label():
    column = Rows((OneClass.of([{"b": 1.0}, {"a": 1.0}]), OneClass.of([{"c": 1.0}]))).select(np.array([0, 2]))
    assert list(column) == [{"b": 1.0}, {"c": 1.0}]
    assert class_numbers(column, ("a", "b", "c")).tolist() == [1, 0, 2]
    assert class_numbers(column, ("b",)).tolist() == [0, -1, -1]
    assert list(relabelled_column(column, {"c": "z"})) == [{"b": 1.0}, {"z": 1.0}]


@pytest.mark.parametrize(("precision", "error"), [("float32", 0), ("float16", 4e-4), ("int8", 4e-3)])
def test_vectors_come_back_in_single_precision(precision, error):
    vectors = torch.nn.functional.normalize(torch.randn(7, 16, generator=torch.Generator().manual_seed(0)), dim=-1)
    column = Rows((Vectors.of(vectors[:5], precision),)).extended(vectors[5:]).select(np.array([6, 0, 4]))
    found = some_vectors(column, np.arange(3))
    assert found.dtype == torch.float32 and (found - vectors[[6, 0, 4]]).abs().max() <= error
    assert column.pieces[1].precision == precision and some_vectors(column, np.arange(0)).shape == (0, 16)
