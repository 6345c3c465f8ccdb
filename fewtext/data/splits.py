"""Splits that share no class (intents) or no task (sentiment domains)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fewtext.data.tasks import Task

FRACTIONS = {"train": 0.5, "validation": 0.25, "test": 0.25}


def split_classes(
    task: Task, parts: Mapping[str, float] | Mapping[str, Sequence[str]] = FRACTIONS, *, seed: int = 0
) -> dict[str, Task]:
    """Split a task into tasks that share no class.

    Args:
        task: The task.
        parts: For each part its fraction of the classes (they add up to at most 1), or its class names.
        seed: Which classes go where, when fractions are given.

    Returns:
        The parts by name, each with at least one class.

    Raises:
        ValueError: fractions that add up to more than 1, a part without a class, a class in two parts.

    >>> task = Task("letters", list("abcd"), list("ABCD"))
    >>> {part: half.classes for part, half in split_classes(task, {"train": 0.5, "test": 0.5}).items()}
    {'train': ('A', 'C'), 'test': ('B', 'D')}
    """
    return {
        part: task.select(names, f"{task.name}/{part}")
        for part, names in _divide(task.classes, parts, seed, f"task {task.name!r}", "class").items()
    }


def split_corpora(
    tasks: Sequence[Task], parts: Mapping[str, float] = FRACTIONS, *, seed: int = 0
) -> dict[str, list[Task]]:
    """Split several tasks into parts that share no class, not even one task's with another's.

    A class that an earlier task has is in the same part in all of them; a task none of whose classes is in a part has
    no task there, and so few new classes that not every part would get one go to the first.

    Raises `ValueError` as `split_classes` does.
    """
    part_of: dict[str, str] = {}
    divided: dict[str, list[Task]] = {part: [] for part in parts}
    for task in tasks:
        new = [label for label in task.classes if label not in part_of]
        if len(new) < len(task.classes) and len(new) * min(parts.values()) < 1:
            part_of.update(dict.fromkeys(new, next(iter(parts))))
        else:
            own = _divide(new, parts, seed, f"task {task.name!r}", "class")
            part_of.update({label: part for part, labels in own.items() for label in labels})
        for part, found in divided.items():
            if labels := [label for label in task.classes if part_of[label] == part]:
                found.append(task.select(labels, f"{task.name}/{part}"))
    return divided


def split_tasks(
    tasks: Sequence[Task], parts: Mapping[str, float] | Mapping[str, Sequence[str]] = FRACTIONS, *, seed: int = 0
) -> dict[str, list[Task]]:
    """Split a family of tasks into parts that share no task, by fraction or by lists of names.

    Raises `ValueError` as `split_classes` does.
    """
    by_name = {task.name: task for task in tasks}
    if len(by_name) < len(tasks):
        raise ValueError("split_tasks: two tasks have the same name, so names cannot tell them apart.")
    return {
        part: [by_name[name] for name in names]
        for part, names in _divide(tuple(by_name), parts, seed, "the family", "task").items()
    }


def _divide(
    names: Sequence[str], parts: Mapping[str, float] | Mapping[str, Sequence[str]], seed: int, where: str, kind: str
) -> dict[str, list[str]]:
    if not parts:
        raise ValueError(f"{where}: no parts to split into.")
    lists = {part: wanted for part, wanted in parts.items() if not isinstance(wanted, int | float)}
    if lists:
        if len(lists) < len(parts):
            raise ValueError("parts are either all fractions or all lists of names.")
        return _check_lists({part: list(wanted) for part, wanted in lists.items()}, set(names), where, kind)
    fractions = {part: float(wanted) for part, wanted in parts.items() if isinstance(wanted, int | float)}
    total = sum(fractions.values())
    if min(fractions.values()) <= 0 or total > 1 + 1e-9:
        raise ValueError(f"fractions must be greater than 0 and add up to at most 1; these add up to {total:g}.")
    order = np.random.default_rng(seed).permutation(len(names))
    bounds = np.round(np.cumsum([0.0, *fractions.values()]) * len(names)).astype(int)
    divided = {}
    for part, start, end in zip(fractions, bounds[:-1], bounds[1:], strict=True):
        if start == end:
            raise ValueError(f"{where} has {len(names)}: too few for the part {part!r} to get a {kind}.")
        divided[part] = sorted(names[i] for i in order[start:end])
    return divided


def _check_lists(lists: dict[str, list[str]], known: set[str], where: str, kind: str) -> dict[str, list[str]]:
    seen: dict[str, str] = {}
    for part, wanted in lists.items():
        if not wanted:
            raise ValueError(f"the part {part!r} lists no {kind}.")
        for name in wanted:
            if name not in known:
                raise ValueError(f"{where} has no {kind} {name!r} (part {part!r}).")
            if name in seen:
                raise ValueError(f"{kind} {name!r} is in the parts {seen[name]!r} and {part!r}.")
            seen[name] = part
    return lists
