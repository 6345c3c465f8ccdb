import pytest

from fewtext.commands.arguments import DataArguments
from fewtext.commands.corpora import given_split, load_parts, load_split


def classes(parts):
    return {part: {label for task in tasks for label in task.classes} for part, tasks in parts.items()}


def write(folder, **splits):
    folder.mkdir()
    for split, labels in splits.items():
        rows = "".join(f"{split} text {i} of {y},{y}\n" for y in labels for i in range(3))
        (folder / f"{split}.csv").write_text(f"text,label\n{rows}", encoding="utf-8")
    return str(folder)


def test_given_splits_without_a_common_class_are_used_as_they_are(tmp_path):
    data = write(tmp_path / "d", train=["a", "b"], validation=["c", "d"], test=["e", "f"])
    assert classes(load_parts(DataArguments(data=data))) == {
        "train": {"a", "b"},
        "validation": {"c", "d"},
        "test": {"e", "f"},
    }


def test_others_are_pooled_and_split_by_classes(tmp_path):
    labels = [f"k{i}" for i in range(8)]
    data = write(tmp_path / "d", train=labels, test=labels)
    parts = load_parts(DataArguments(data=data, leave_out=["k0"]))
    found = classes(parts)
    assert not found["train"] & found["test"] and not found["train"] & found["validation"]
    assert set.union(*found.values()) == set(labels[1:])
    assert all(task.count(label) == 6 for tasks in parts.values() for task in tasks for label in task.classes)
    given = classes(
        load_parts(
            DataArguments(data=write(tmp_path / "e", train=labels, validation=labels, test=labels), split_by="given")
        )
    )
    assert given["train"] == given["test"] == set(labels)
    with pytest.raises(ValueError, match="has no split 'validation'"):
        load_parts(DataArguments(data=data, split_by="given"))


def test_a_family_is_split_by_tasks():
    parts = load_parts(DataArguments(data="fewtext/sentiment", split_by="tasks"))
    names = [{task.name for task in tasks} for tasks in parts.values()]
    assert [len(part) for part in names] == [4, 2, 2] and len(set.union(*names)) == 8
    chosen = load_parts(DataArguments(data="fewtext/sentiment", split_by="tasks", test_tasks=["hotels"]))
    assert [task.name for task in chosen["test"]] == ["hotels"]
    assert len(chosen["train"]) == 7 and chosen["validation"] == []


def test_unknown_ways_to_split_are_named():
    with pytest.raises(ValueError, match="split_by is 'rows'"):
        load_parts(DataArguments(split_by="rows"))
    assert len(load_split(DataArguments(), None)) == 1


def test_given_splits_are_not_mixed_with_a_split_of_ones_own(tmp_path):
    data = write(tmp_path / "d", train=["a", "b"], validation=["c", "d"], test=["e", "f"])
    entry = [{"source": data, "split": "train"}]
    with pytest.raises(ValueError, match=f"the split train of every corpus is taken here, but {data} names a split"):
        load_parts(DataArguments(data=entry, split_by="given"))
    labels = [f"k{i}" for i in range(8)]
    whole = write(tmp_path / "e", train=labels, validation=["v"], test=["t"])
    found = classes(load_parts(DataArguments(data=[{"source": whole, "split": "train"}])))
    assert set.union(*found.values()) == set(labels)


def test_all_splits_of_a_family_are_pooled(tmp_path):
    (tmp_path / "family").mkdir()
    for name in "abcd":
        write(tmp_path / "family" / name, train=["x", "y"], test=["x", "y"])
    parts = load_parts(DataArguments(data=str(tmp_path / "family"), split_by="tasks"))
    assert sum(len(task.texts) for tasks in parts.values() for task in tasks) == 4 * 2 * 2 * 3
    with pytest.raises(ValueError, match="validation_tasks are named but test_tasks are not"):
        load_parts(DataArguments(data=str(tmp_path / "family"), split_by="tasks", validation_tasks=["a"]))


def test_a_corpus_without_a_source_is_named():
    with pytest.raises(ValueError, match=r"the corpus \{'sorce': 'x'\} has no source"):
        load_parts(DataArguments(data=[{"sorce": "x"}]))


def test_corpora_with_common_classes_share_none_between_parts(tmp_path):
    one = write(tmp_path / "one", train=[f"k{i}" for i in range(8)])
    two = write(tmp_path / "two", train=[f"k{i}" for i in range(12)])
    found = classes(load_parts(DataArguments(data=[one, two], split_by="classes")))
    assert not found["train"] & found["test"] and not found["train"] & found["validation"]
    assert set.union(*found.values()) == {f"k{i}" for i in range(12)}


def test_texts_to_test_on_that_are_learned_from_are_told(tmp_path):
    """The same texts under the classes of two corpora."""
    for name, size in (("a", 8), ("b", 9)):
        rows = "".join(f"text {i},{name}{i % size}\n" for i in range(72))
        (tmp_path / f"{name}.csv").write_text(f"text,label\n{rows}")
    with pytest.warns(UserWarning, match="of the .* texts to test on are also texts to train on"):
        load_parts(DataArguments(data=[str(tmp_path / "a.csv"), str(tmp_path / "b.csv")], split_by="classes"))


def test_a_split_of_ones_own_does_not_stand_in_for_another(tmp_path):
    data = DataArguments(data=[{"source": write(tmp_path / "d", train=["a"], test=["b"]), "split": "train"}])
    with pytest.raises(ValueError, match="the split test of every corpus is taken here"):
        given_split(data, "test")
