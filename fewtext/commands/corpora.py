"""From the data arguments of a command to training, validation and test tasks."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from fewtext.commands.arguments import DataArguments
from fewtext.data.sources import find_corpora
from fewtext.data.splits import FRACTIONS, split_corpora, split_tasks
from fewtext.data.tasks import Task, load_tasks

logger = logging.getLogger(__name__)

PARTS = ("train", "validation", "test")


def load_split(arguments: DataArguments, split: str | None) -> list[Task]:
    """Load the tasks of one split, or of the whole corpus."""
    tasks = load_tasks(
        arguments.data,
        split=split,
        config=arguments.config,
        revision=arguments.revision,
        text_column=arguments.text_column,
        label_column=arguments.label_column,
        task_column=arguments.task_column,
    )
    left_out = set(arguments.leave_out)
    if absent := sorted(left_out - {label for task in tasks for label in task.classes}):
        warnings.warn(f"leave_out names no class of {arguments.data}: {', '.join(absent)}", stacklevel=2)
    return [
        task.select(label for label in task.classes if label not in left_out) if left_out & set(task.classes) else task
        for task in tasks
    ]


def load_parts(arguments: DataArguments) -> dict[str, list[Task]]:
    """Return the tasks to train on, to validate on and to test on, which share no class or no task.

    Raises:
        ValueError: an unknown way to split, or given splits that are not there.
    """
    if arguments.split_by not in ("auto", "given", "classes", "tasks"):
        raise ValueError(f"split_by is {arguments.split_by!r}; it is auto, given, classes or tasks.")
    parts = _by_tasks(arguments) if arguments.split_by == "tasks" else _given_or_by_classes(arguments)
    warn_shared(parts)
    return parts


def given_split(arguments: DataArguments, split: str) -> list[Task]:
    """Load the tasks of one split; raises `ValueError` where a corpus names a split of its own, which would win."""
    if own := _own_splits(arguments):
        raise ValueError(
            f"the split {split} of every corpus is taken here, but {own[0]['source']} names a split of its own: leave "
            "that out, or split by classes or tasks."
        )
    return load_split(arguments, split)


def warn_shared(parts: dict[str, list[Task]]) -> None:
    """Warn where more than one in a hundred of the texts to test on are texts to train on."""
    train, test = ({text for task in parts.get(part, ()) for text in task.texts} for part in ("train", "test"))
    if len(shared := train & test) > len(test) / 100:
        warnings.warn(
            f"{len(shared)} of the {len(test)} texts to test on are also texts to train on, such as {min(shared)!r}: "
            "what is measured on them is too good.",
            stacklevel=3,
        )


def _given_or_by_classes(arguments: DataArguments) -> dict[str, list[Task]]:
    splits = _split_names(arguments)
    given = arguments.split_by == "given"
    pools = arguments.split is not None or bool(_own_splits(arguments))
    if given or (arguments.split_by == "auto" and not pools and set(PARTS) <= set(splits)):
        parts = {part: given_split(arguments, part) for part in PARTS}
        if given or _disjoint(parts):
            logger.info("the splits train, validation and test are used as given")
            return parts
    pooled = load_split(arguments, arguments.split or "+".join(splits))
    logger.info("split by classes, seed %d", arguments.split_seed)
    return split_corpora(pooled, FRACTIONS, seed=arguments.split_seed)


def _own_splits(arguments: DataArguments) -> list[dict[str, Any]]:
    """Return the corpora that name a split of their own."""
    return [entry for entry in entries_of(arguments) if isinstance(entry, dict) and entry.get("split")]


def _by_tasks(arguments: DataArguments) -> dict[str, list[Task]]:
    if arguments.validation_tasks and arguments.test_tasks is None:
        raise ValueError(
            "validation_tasks are named but test_tasks are not; name both, or neither to split by chance."
        )
    tasks = load_split(arguments, arguments.split or "+".join(_split_names(arguments)))
    if arguments.test_tasks is None:
        return split_tasks(tasks, FRACTIONS, seed=arguments.split_seed)
    held_out = {*arguments.test_tasks, *(arguments.validation_tasks or [])}
    names = [task.name for task in tasks]
    parts = {"train": [name for name in names if name not in held_out], "test": arguments.test_tasks}
    if arguments.validation_tasks:
        parts["validation"] = arguments.validation_tasks
    return {"validation": [], **split_tasks(tasks, parts)}


def _disjoint(parts: dict[str, list[Task]]) -> bool:
    classes = [{label for task in tasks for label in task.classes} for tasks in parts.values()]
    return all(not one & other for one, other in combinations(classes, 2))


def entries_of(arguments: DataArguments) -> list[Any]:
    """Return the corpora of `data`, each as it stands there."""
    return arguments.data if isinstance(arguments.data, list) else [arguments.data]


def _split_names(arguments: DataArguments) -> list[str]:
    """The names of the splits that every corpus has."""
    names: list[list[str]] = []
    for entry in entries_of(arguments):
        options = entry if isinstance(entry, dict) else {"source": entry}
        if "source" not in options:
            raise ValueError(f"the corpus {options} has no source.")
        config, revision = options.get("config", arguments.config), options.get("revision", arguments.revision)
        names += [list(splits) for splits in find_corpora(options["source"], config, revision).values()]
    return [name for name in names[0] if all(name in others for others in names)]


def names_of(tasks: Sequence[Task]) -> str:
    """The tasks in a few words, for the log."""
    classes = sum(len(task.classes) for task in tasks)
    return f"{len(tasks)} task(s), {classes} classes, {sum(len(task.texts) for task in tasks)} texts"
