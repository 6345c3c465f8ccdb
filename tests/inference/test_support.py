import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fewtext.data.columns import check_labels
from fewtext.inference.support import SupportSet, check_examples, example_id, use_names


def make(texts, labels):
    vectors = torch.tensor([[float(len(t)), hash(y) % 7] for t, y in zip(texts, labels, strict=True)])
    return SupportSet.create(texts, labels, vectors, {y: torch.full((2,), float(len(y))) for y in set(labels)})


@given(st.permutations([("a", "x"), ("bb", "y"), ("ccc", "x"), ("dddd", "z"), ("a", "y")]))
def test_the_order_of_the_examples_is_canonical(pairs):
    one = make(*zip(*pairs, strict=True))
    other = make(["a", "bb", "ccc", "dddd", "a"], ["x", "y", "x", "z", "y"])
    assert (one.texts, one.labels) == (other.texts, other.labels)
    assert torch.equal(one.vectors, other.vectors)


def test_add_and_remove_give_what_was_there():
    whole = make(["a", "b", "c"], ["x", "y", "z"])
    less = whole.remove("z")
    assert less.classes == ("x", "y") and len(less) == 2
    again = less.add(["c"], ["z"], whole.vectors[[whole.texts.index("c")]], {"z": whole.name_vectors["z"]})
    assert (again.texts, again.labels) == (whole.texts, whole.labels)
    assert torch.equal(again.vectors, whole.vectors)
    with pytest.raises(KeyError, match="no class 'q' to remove; the classes are 'x', 'y', 'z'"):
        whole.remove("q")


def test_tensors_put_the_names_last_with_their_weight():
    vectors, labels, weights = make(["a", "b", "c"], ["x", "y", "x"]).tensors(True, 0.5)
    assert vectors.shape == (5, 2)
    assert labels[3:].tolist() == [[1, 0], [0, 1]]
    assert weights.tolist() == [1, 1, 1, 0.5, 0.5]


def test_saved_and_loaded(tmp_path):
    texts = ["plain", 'with "quotes", commas\nand lines', "ümläut", "x" * 5000, "line\u2028two\x85three\u2029"]
    support = make(texts, ["a,b", "c", "a,b", "d\n", "e\u2028f"])
    support.save(tmp_path, {"label_names": "auto"})
    again, metadata = SupportSet.load(tmp_path, 2)
    assert (again.texts, again.labels) == (support.texts, support.labels)
    assert torch.equal(again.vectors, support.vectors)
    assert metadata["label_names"] == "auto"
    assert all(torch.equal(again.name_vectors[y], support.name_vectors[y]) for y in support.classes)


def test_files_of_two_saves_are_refused(tmp_path):
    make(["a", "b"], ["x", "y"]).save(tmp_path, {})
    texts = (tmp_path / "support.jsonl").read_text()
    with pytest.raises(ValueError, match="vectors of size 2, but the model has size 3"):
        SupportSet.load(tmp_path, 3)
    (tmp_path / "support.jsonl").write_text(texts.replace('"a"', '"A"'))
    with pytest.raises(ValueError, match="are not of one save"):
        SupportSet.load(tmp_path, 2)
    (tmp_path / "support.jsonl").unlink()
    with pytest.raises(ValueError, match=r"lacks support\.jsonl"):
        SupportSet.load(tmp_path, 2)


def test_examples_are_checked_with_their_rows():
    assert check_examples(["a", "b"], "x") == (["a", "b"], ["x", "x"])
    assert check_labels([1, "two", True, np.bool_(False), np.int64(7), np.str_("s")]) == [
        "1", "two", "True", "False", "7", "s"
    ]  # fmt: skip
    for texts, labels, error, sentence in (
        ([], [], ValueError, "no examples were given"),
        (["a", "b"], ["x"], ValueError, "2 texts but 1 labels"),
        (["a"], [None], TypeError, "labels, row 0 is None"),
        (["a"], [0.5], TypeError, "labels, row 0 is 0.5"),
        (["a", "b"], torch.tensor([0.2, 1.7]), TypeError, "labels, row 0 is tensor"),
        (None, ["x"], TypeError, "texts is None"),
        (["a"], None, TypeError, "labels is None"),
        (["a", float("nan")], ["x", "y"], TypeError, "texts, row 1 is nan"),
        ("abc", "x", TypeError, "single string"),
    ):
        with pytest.raises(error, match=sentence):
            check_examples(texts, labels)


def test_ids_are_stable_and_names_are_used_where_they_are_words():
    assert example_id("a", "x") == example_id("a", "x") != example_id("x", "a")
    assert use_names("auto", ["card arrival", "lost"]) and not use_names("auto", ["0", "lost"])
    assert not use_names(False, ["lost"]) and use_names(True, ["0"])
