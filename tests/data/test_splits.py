import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewtext.data.splits import split_classes, split_corpora, split_tasks
from fewtext.data.tasks import Task


def letters(n):
    names = [f"class {i}" for i in range(n)]
    return Task("letters", [f"text {i}" for i in range(n)], names)


@given(n=st.integers(4, 60), seed=st.integers(0, 99))
def test_parts_share_no_class_and_leave_none_out(n, seed):
    task = letters(n)
    parts = split_classes(task, seed=seed)
    classes = [label for part in parts.values() for label in part.classes]
    assert sorted(classes) == sorted(task.classes)
    assert {part: task.classes for part, task in split_classes(task, seed=seed).items()} == {
        part: task.classes for part, task in parts.items()
    }


def test_the_seed_decides():
    task = letters(30)
    assert split_classes(task, seed=0)["test"].classes != split_classes(task, seed=1)["test"].classes


def test_explicit_lists():
    parts = split_classes(letters(4), {"train": ["class 0", "class 2"], "test": ["class 1"]})
    assert parts["train"].classes == ("class 0", "class 2") and parts["test"].texts == ("text 1",)


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"train": 0.8, "test": 0.4}, "add up to at most 1; these add up to 1.2"),
        ({"train": 0.9, "test": 0.01}, "too few for the part 'test'"),
        ({"train": ["class 0"], "test": ["class 0"]}, "class 'class 0' is in the parts 'train' and 'test'"),
        ({"train": ["class 9"]}, "no class 'class 9'"),
        ({"train": []}, "'train' lists no class"),
        ({"train": ["class 0"], "test": 0.5}, "all fractions or all lists"),
        ({}, "no parts"),
    ],
)
def test_what_cannot_be_split_is_named(parts, sentence):
    with pytest.raises(ValueError, match=sentence):
        split_classes(letters(4), parts)


def test_a_family_splits_by_task():
    tasks = [Task(name, ["a", "b"], ["x", "y"]) for name in "pqrs"]
    parts = split_tasks(tasks, {"train": ["p", "q"], "test": ["s"]})
    assert [[task.name for task in part] for part in parts.values()] == [["p", "q"], ["s"]]
    halves = split_tasks(tasks, {"train": 0.5, "test": 0.5}, seed=3)
    assert sorted(task.name for part in halves.values() for task in part) == list("pqrs")
    with pytest.raises(ValueError, match="same name"):
        split_tasks([tasks[0], tasks[0]])


def test_tasks_share_no_class_between_parts():
    one, two = (
        Task(name, [f"{name} {i}" for i in range(n)], [f"k{i}" for i in range(n)]) for name, n in (("a", 8), ("b", 9))
    )
    apart = split_corpora([one], seed=3)
    assert {part: tasks[0].classes for part, tasks in apart.items()} == {
        part: task.classes for part, task in split_classes(one, seed=3).items()
    }
    both = split_corpora([one, two], seed=3)
    of = {part: {c for task in tasks for c in task.classes} for part, tasks in both.items()}
    assert sum(map(len, of.values())) == 9 and "k8" in of["train"]  # too few new ones for every part
    assert [task.name for task in both["test"]] == ["a/test", "b/test"]
