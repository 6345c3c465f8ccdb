from datetime import date
from enum import Enum

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from datasets import Dataset
from scipy.sparse import csr_matrix

from fewtext.inference.labels import check_label, given_label, label_key, label_matrix, label_shares, stored_label


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["a", "b"], [{"a": 1}, {"b": 1}]),
        ("a", [{"a": 1}, {"a": 1}]),
        (np.array([3, 4]), [{3: 1}, {4: 1}]),
        (pd.Series([True, False]), [{True: 1}, {False: 1}]),
        ([("x", 1), ("y", 2)], [{("x", 1): 1}, {("y", 2): 1}]),
        ([{"a": 0.5, "b": 0.5}, "a"], [{"a": 0.5, "b": 0.5}, {"a": 1}]),
    ],
)
def test_one_label_a_text(labels, expected):
    shares, several = label_shares(labels, 2)
    assert shares == expected and not several


@pytest.mark.parametrize("labels", [[["a"], ["a", "b"]], [{"a"}, {"a", "b"}], np.array([[1, 0], [1, 1]])])
def test_several_labels_a_text(labels):
    shares, several = label_shares(labels, 2)
    assert several and [len(row) for row in shares] == [1, 2] and set(shares[1].values()) == {1.0}


@pytest.mark.parametrize("rows", [[[0, 1, 1], [1, 0, 0]], [[1, 0], [0, 1]], list(np.eye(3)), [[True, False, True]]])
def test_lists_that_are_rows_of_an_indicator_matrix_are_refused(rows):
    with pytest.raises(ValueError, match=r"passed as one array: numpy.array\(labels\)"):
        label_shares(rows, len(rows))
    assert label_shares([[0, 1]], 1) == ([{0: 1.0, 1: 1.0}], True)  # both labels, as for one text of many


def test_labels_come_back_as_they_were():
    for labels in ([1, 2], ["a", "b"], [{"a": 0.5, "b": 0.5}, "a"], [["a"], ["a", "b"]]):
        shares, several = label_shares(labels, 2)
        assert [given_label(row, several) for row in shares] == labels
    assert type(label_shares(np.array([7]), 1)[0][0].popitem()[0]) is int


def test_labels_of_tensors_sparse_matrices_and_one_for_all():
    shares, several = label_shares(torch.tensor([0, 1, 1]), 3)
    assert (shares, several) == ([{0: 1.0}, {1: 1.0}, {1: 1.0}], False)
    torch_column = Dataset.from_dict({"label": [3, 4]}).with_format("torch")["label"]
    assert label_shares(torch_column, 2)[0] == [{3: 1.0}, {4: 1.0}]
    assert label_shares(csr_matrix([[1, 0], [1, 1]]), 2) == ([{0: 1.0}, {0: 1.0, 1: 1.0}], True)
    day = date(2026, 11, 24)
    assert label_shares(day, 2)[0] == [{day: 1.0}, {day: 1.0}]


@pytest.mark.parametrize(
    ("labels", "error", "sentence"),
    [
        (["a"], ValueError, "2 texts but 1 labels"),
        (["a", None], TypeError, "row 1 is None"),
        (["a", float("nan")], TypeError, "row 1 is nan"),
        (["a", ""], TypeError, "row 1 is ''"),
        (["a", object], TypeError, "cannot be ordered; they are of the types str, type"),
        (["a", 1], TypeError, "types int, str. Use one type"),
        ([("a", []), ("b", [])], TypeError, "row 0 .* holds something that cannot be hashed"),
        ([["a"], []], ValueError, "row 1 is empty"),
        ([["a"], ["b", "b"]], ValueError, "row 1 is .*, which names a label twice"),
        ([{"a": 0.5}, "b"], ValueError, "add up to 1"),
        ([{"a": 1.5, "b": -0.5}, "b"], ValueError, "add up to 1"),
        (np.array([[0, 2], [1, 0]]), ValueError, "other values than 0 and 1"),
        (np.array([[0, 0, 1], [1, 0, 0]]), ValueError, "column 1 of the indicator matrix has no text"),
        (["Refund", "refund"], ValueError, "'Refund' and 'refund', which differ in case or blanks alone"),
        (None, TypeError, "pass one label a text"),
        (["a", pd.NA], TypeError, "row 1 is <NA>"),
        ([{"name": "refund"}, "b"], ValueError, "row 0 is {'name': 'refund'}; the shares of a distribution"),
        (np.array([["a"], ["b"]]), ValueError, "a table of one column; pass the column by itself"),
        (pd.DataFrame({"label": ["a", "b"]}), ValueError, "a table of one column; pass the column by itself"),
    ],
)
def test_bad_labels_are_named(labels, error, sentence):
    with pytest.raises(error, match=sentence):
        label_shares(labels, 2)


def test_matrix_and_key():
    assert label_matrix([{"a": 1.0}, {"a": 0.3, "b": 0.7}], ["a", "b"]).tolist() == [[1, 0], pytest.approx([0.3, 0.7])]
    assert label_key({"a": 1.0}) == "a" and label_key({"b": 1.0, "a": 1.0}) == label_key({"a": 1.0, "b": 1.0})


def test_what_json_cannot_hold_is_not_saved():
    assert stored_label(check_label(np.int64(3))) == 3
    with pytest.raises(TypeError, match="cannot be saved"):
        stored_label(("a", 1))


def test_columns_of_a_data_frame_name_the_classes():
    frame = pd.DataFrame([[1, 0], [1, 1]], columns=["battery", "screen"])
    assert label_shares(frame, 2) == ([{"battery": 1.0}, {"battery": 1.0, "screen": 1.0}], True)


def test_arrow_arrays_are_labels():
    assert label_shares(pa.array(["a", "b"]), 2)[0] == [{"a": 1.0}, {"b": 1.0}]


class Colour(Enum):
    RED = 1
    BLUE = 2


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"a": 1, "b": 2}, "labels is a dict, whose order says nothing"),
        ({"a", "b"}, "labels is a set, whose order says nothing"),
        ([Colour.RED, Colour.BLUE], "of the type Colour. Use strings or numbers"),
        (["a", 1], "of the types int, str. Use one type"),
    ],
)
def test_labels_without_an_order_are_refused(labels, message):
    with pytest.raises(TypeError, match=message):
        label_shares(labels, 2)


def test_labels_that_differ_in_blanks_or_are_no_unicode_are_refused():
    with pytest.raises(ValueError, match="'a ' and 'a'|'a' and 'a ', which differ in case or blanks alone"):
        label_shares(["a", "a ", "b"], 3)
    with pytest.raises(ValueError, match="row 1 is not valid Unicode"):
        label_shares(["a", "\ud800"], 2)
