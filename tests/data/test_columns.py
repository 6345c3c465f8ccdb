import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from fewtext.data.columns import LABEL_COLUMNS, TEXT_COLUMNS, check_texts, find_column, label_names


def test_columns_are_found_by_their_name_or_named():
    assert find_column(["idx", "sentence", "label"], None, TEXT_COLUMNS, "text", "x") == "sentence"
    assert find_column(["label", "label_text"], None, LABEL_COLUMNS, "label", "x") == "label_text"
    assert find_column(["a", "b"], "b", TEXT_COLUMNS, "text", "x") == "b"
    with pytest.raises(ValueError, match="my.csv has no column 'c'; its columns are 'a', 'b'"):
        find_column(["a", "b"], "c", TEXT_COLUMNS, "text", "my.csv")
    with pytest.raises(ValueError, match="no text column found among 'a', 'b'; name it with text_column="):
        find_column(["a", "b"], None, TEXT_COLUMNS, "text", "my.csv")


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series, lambda t: Dataset.from_dict({"t": t})["t"]])
def test_texts_of_any_container(kind):
    assert check_texts(kind(["a", "b"])) == ["a", "b"]


@pytest.mark.parametrize(
    ("rows", "error", "sentence"),
    [
        (["a", None], TypeError, r"row 1 is None \(NoneType\)"),
        ([float("nan")], TypeError, r"row 0 is nan \(float\)"),
        (["a", "b", 7], TypeError, r"row 2 is 7 \(int\)"),
        (["a", ""], ValueError, "row 1 is empty"),
        (["\t\n"], ValueError, "row 0 is empty"),
        (["a", "\u200f\u200b \x00"], ValueError, "row 1 is empty"),
        (["fine é", "half \ud800"], ValueError, "row 1 is not valid Unicode"),
    ],
)
def test_a_bad_text_is_named_with_its_row(rows, error, sentence):
    with pytest.raises(error, match=sentence):
        check_texts(rows)


def test_labels_of_every_kind_become_names():
    rows = Dataset.from_dict({"s": ["x", "y"], "i": [3, 4], "b": [True, False]})
    assert label_names(rows, "s", "x") == ["x", "y"]
    assert label_names(rows, "i", "x") == ["3", "4"]
    assert label_names(rows, "b", "x") == ["True", "False"]
    named = Dataset.from_dict({"l": [1, 0]}, Features({"l": ClassLabel(names=["no", "yes"])}))
    assert label_names(named, "l", "x") == ["yes", "no"]


@pytest.mark.parametrize(
    ("values", "feature"),
    [(["x", None], Value("string")), (["x", ""], Value("string")), ([0.5, 1.0], Value("float32"))],
)
def test_a_bad_label_is_named_with_its_row(values, feature):
    rows = Dataset.from_dict({"l": values}, Features({"l": feature}))
    with pytest.raises(TypeError, match=r"pets, column 'l', row \d is"):
        label_names(rows, "l", "pets")


def test_an_unlabelled_row_of_a_classlabel_is_named():
    rows = Dataset.from_dict({"l": [0, -1]}, Features({"l": ClassLabel(names=["no", "yes"])}))
    with pytest.raises(ValueError, match="row 1 has no label"):
        label_names(rows, "l", "pets")


def test_a_table_is_not_texts():
    table = {"text": ["a", "b"], "label": ["x", "y"]}
    for kind in (pd.DataFrame(table), Dataset.from_dict(table), table, np.array([["a", "b"]])):
        with pytest.raises(TypeError, match=r"texts is a table \(\w+\); pass one column of it"):
            check_texts(kind)


def test_another_separator_is_named():
    with pytest.raises(ValueError, match="its only column is 'text;label'; the fields of a CSV file are set apart by"):
        find_column(["text;label"], None, TEXT_COLUMNS, "text", "mine.csv")


def test_a_set_has_no_order_and_an_arrow_array_has():
    with pytest.raises(TypeError, match="texts is a set, which has no order"):
        check_texts({"a", "b"})
    assert check_texts(pa.array(["a", "b"])) == check_texts(pa.chunked_array([["a"], ["b"]])) == ["a", "b"]
