"""A task: one label space with its texts; and where tasks come from."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any, TypeAlias

from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict, concatenate_datasets

from fewtext.data.columns import LABEL_COLUMNS, TEXT_COLUMNS, check_labels, check_texts, find_column, label_names
from fewtext.data.sources import Splits, find_corpora, read_table

Source: TypeAlias = str | Path | Dataset | DatasetDict


@dataclass(frozen=True)
class Task:
    """One label space with its texts.

    Attributes:
        name: How errors and reports call it.
        texts: The texts, in their order in the source.
        labels: The class name of each text.
        weight: How often episodes are drawn from it, relative to the other tasks.

    >>> task = Task("pets", ["a dog", "a cat", "the cat"], ["dog", "cat", "cat"])
    >>> task.classes, task.count("cat")
    (('cat', 'dog'), 2)
    """

    name: str
    texts: Sequence[str]
    labels: Sequence[str]
    weight: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        """Check the columns against each other; raises `ValueError` or `TypeError` naming the row."""
        object.__setattr__(self, "texts", tuple(check_texts(self.texts, f"task {self.name!r}")))
        object.__setattr__(self, "labels", tuple(check_labels(self.labels, f"labels of task {self.name!r}")))
        if len(self.texts) != len(self.labels):
            raise ValueError(f"task {self.name!r} has {len(self.texts)} texts but {len(self.labels)} labels.")
        if not self.texts:
            raise ValueError(f"task {self.name!r} has no texts.")
        if not isinstance(self.weight, Real) or not self.weight > 0:
            raise ValueError(f"task {self.name!r} has weight {self.weight!r}; a weight is a number greater than 0.")

    def __repr__(self) -> str:
        return f"Task({self.name!r}, {len(self.texts)} texts of {len(self.classes)} classes)"

    @cached_property
    def texts_of(self) -> dict[str, tuple[str, ...]]:
        """The distinct texts of each class, in their order, classes by name."""
        texts: dict[str, dict[str, None]] = {}
        for text, label in zip(self.texts, self.labels, strict=True):
            texts.setdefault(label, {})[text] = None
        return {label: tuple(texts[label]) for label in sorted(texts)}

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names, sorted."""
        return tuple(self.texts_of)

    def count(self, label: str) -> int:
        """Number of distinct texts of a class."""
        return len(self.texts_of[label])

    def select(self, classes: Iterable[str], name: str | None = None) -> Task:
        """Return the task with only the given classes; raises `ValueError` for a class it does not have."""
        wanted = set(classes)
        unknown = sorted(wanted - set(self.texts_of))
        if unknown:
            raise ValueError(f"task {self.name!r} has no class {', '.join(map(repr, unknown))}.")
        rows = [row for row, label in enumerate(self.labels) if label in wanted]
        return replace(
            self,
            name=name or self.name,
            texts=[self.texts[row] for row in rows],
            labels=[self.labels[row] for row in rows],
        )


def load_tasks(
    source: Source | Sequence[Source | Mapping[str, Any]],
    *,
    split: str | None = None,
    config: str | None = None,
    revision: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    task_column: str | None = None,
    name: str | None = None,
    weight: float = 1.0,
) -> list[Task]:
    """Load the tasks of a corpus, or of several.

    Args:
        source: `fewtext/intents` or `fewtext/sentiment` (the sample corpora); a CSV, JSONL or Parquet file;
            a folder with `train`, `validation`, `test` files, or a folder of such folders (a family: one
            task each); a `Dataset` or `DatasetDict`; the id of a data set on the Hub. A list loads several
            corpora: each a source, or a mapping of this function's arguments.
        split: `train`, `test`, or several joined by `+`. Needed where the corpus has more than one.
        config: Configuration of a Hub data set.
        revision: Branch, tag or commit of a Hub data set.
        text_column: Column of the texts; found by its name (`text`, `sentence`, ...) where not given.
        label_column: Column of the labels; found likewise. ClassLabel, strings and whole numbers work.
        task_column: Column whose values split the corpus into tasks, such as the domain of a review.
        name: Name of the task; by default that of the source. Of several tasks it is the first part of their names.
        weight: How often episodes are drawn from this corpus relative to others, shared by its tasks.

    Returns:
        The tasks, at least one.

    Raises:
        FileNotFoundError: no such file or folder.
        ValueError: an unknown column or split, a file that does not parse (with its line), a bad label.
        TypeError: a text that is not a string (with its row).

    >>> [task] = load_tasks("fewtext/intents")
    >>> len(task.classes), len(task.texts)
    (50, 1350)
    """
    if isinstance(source, Mapping) and not isinstance(source, DatasetDict):
        source = [source]
    if isinstance(source, IterableDataset | IterableDatasetDict):
        raise TypeError("a streamed data set cannot be drawn from at random; load it with streaming=False.")
    if isinstance(source, Sequence) and not isinstance(source, str):
        if not source:
            raise ValueError("load_tasks: the list of sources is empty.")
        shared = {
            "split": split, "config": config, "revision": revision, "text_column": text_column,
            "label_column": label_column, "task_column": task_column, "name": name, "weight": weight,
        }  # fmt: skip
        tasks_of = [load_tasks(**{**shared, **_entry(entry, {"source", *shared})}) for entry in source]
        return [task for tasks in tasks_of for task in tasks]
    if not isinstance(weight, Real):
        raise ValueError(f"weight is {weight!r}; it is a number greater than 0.")
    if str(source) == "fewtext/sentiment":
        task_column = task_column or "domain"
    corpora = find_corpora(source, config, revision)
    without = [corpus for corpus, splits in corpora.items() if not _has_split(splits, split)]
    if len(without) == len(corpora):
        available = ", ".join(sorted({name for splits in corpora.values() for name in splits}))
        if split is None:
            raise ValueError(f"{source} has the splits {available}; choose with split=, or join some with '+'.")
        raise ValueError(f"{source} has no split {split!r}; it has {available}.")
    if without:
        warnings.warn(f"left out, they have no split {split!r}: {', '.join(without)}", stacklevel=2)
    tasks: list[Task] = []
    for corpus in [corpus for corpus in corpora if corpus not in without]:
        table = _select_split(corpora[corpus], split)
        columns = table.column_names
        text_column_found = find_column(columns, text_column, TEXT_COLUMNS, "text", corpus)
        label_column_found = find_column(columns, label_column, LABEL_COLUMNS, "label", corpus)
        texts = check_texts(table[text_column_found], f"{corpus}, column {text_column_found!r}")
        labels = label_names(table, label_column_found, corpus)
        if task_column is None:
            several = len(corpora) - len(without) > 1
            tasks.append(Task(corpus if name is None else f"{name}/{corpus}" if several else name, texts, labels))
            continue
        groups: dict[str, list[int]] = {}
        for row, value in enumerate(table[find_column(columns, task_column, (), "task", corpus)]):
            if value is None:
                raise ValueError(
                    f"{corpus}, column {task_column!r}, row {row} is empty; it names the task of the row."
                )
            groups.setdefault(str(value) if name is None else f"{name}/{value}", []).append(row)
        tasks += [Task(key, [texts[i] for i in rows], [labels[i] for i in rows]) for key, rows in groups.items()]
    return [replace(task, weight=weight / len(tasks)) for task in tasks]


def _entry(entry: Source | Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    """The arguments that one of several corpora has of its own; raises `ValueError` for what is none."""
    if not isinstance(entry, Mapping) or isinstance(entry, DatasetDict):
        return {"source": entry}
    if unknown := sorted(set(entry) - known):
        raise ValueError(f"a corpus has no setting {unknown[0]!r}; it has {', '.join(sorted(known))}.")
    if "source" not in entry:
        raise ValueError(f"the corpus {dict(entry)} has no source.")
    return dict(entry)


def _has_split(splits: Splits, split: str | None) -> bool:
    return len(splits) == 1 if split is None else all(part in splits for part in split.split("+"))


def _select_split(splits: Splits, split: str | None) -> Dataset:
    """The rows of a split, of several joined by +, or of the only one."""
    names = list(splits) if split is None else split.split("+")
    parts = [read_table(splits[name]) for name in names]
    return parts[0] if len(parts) == 1 else concatenate_datasets(parts)
