"""Typed arguments of the commands: dataclasses, filled from a YAML file and `key=value` overrides."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from fewtext.commands.values import convert, read_value, read_yaml, settings_of_words


@dataclass
class DataArguments:
    """Which corpora to learn from, and how to split them.

    Args:
        data: A Hub id, a file or folder, `fewtext/intents`, `fewtext/sentiment`; or a list of mappings, one a
            corpus, with the arguments of `load_tasks` (source, weight, ...).
        config: Configuration of a Hub data set.
        revision: Branch, tag or commit of a Hub data set.
        text_column: Column of the texts; found by its name where not given.
        label_column: Column of the labels; found likewise.
        task_column: Column that splits the corpus into tasks.
        split_by: `given` (the splits train, validation, test), `classes` or `tasks` (disjoint, by fraction);
            `auto` takes the given ones where they share no class, else splits by classes.
        leave_out: Classes that are not used, such as a corpus's out-of-scope class.
        split: Which splits to pool before splitting by classes or tasks; by default all. With it, `auto` splits by
            classes.
        split_seed: Which classes or tasks go where.
        validation_tasks: Names of the tasks to validate on, for `split_by: tasks`.
        test_tasks: Names of the tasks to test on; all others are trained on.
        licenses: Licence of each entry of `data`, for the model card.
        data_name: What the card calls `data`, where that is a file or a folder.
        data_license: Its licence as the Hub names it, where `licenses` does not have it.
    """

    data: Any = "fewtext/intents"
    config: str | None = None
    revision: str | None = None
    text_column: str | None = None
    label_column: str | None = None
    task_column: str | None = None
    leave_out: list[str] = field(default_factory=list)
    split_by: str = "auto"
    split: str | None = None
    split_seed: int = 0
    validation_tasks: list[str] | None = None
    test_tasks: list[str] | None = None
    licenses: dict[str, str] = field(default_factory=dict)
    data_name: str | None = None
    data_license: str | None = None


@dataclass
class ModelArguments:
    """Which model to start from.

    Args:
        model: A fewtext model to go on from, or an encoder (folder or Hub id); by default all-MiniLM-L6-v2.
        model_settings: Fields of `MatchingNetworkConfig`, for an encoder.
        adapter_rank: Train a low-rank adapter of the encoder instead of all its weights; it is saved in `adapter/`,
            and merged into the model.
    """

    model: str | None = None
    model_settings: dict[str, Any] = field(default_factory=dict)
    adapter_rank: int | None = None


@dataclass
class TestArguments:
    """How to measure, on classes or tasks that training has not seen.

    Args:
        protocol: `episodes`, or `support`: the training split of each task is its support set, and all of its
            test split is classified.
        test_split: Split, or part of the classes or tasks, to evaluate on, for `fewtext evaluate`.
        test_way: Classes an episode.
        test_shots: Support texts a class; several are several settings.
        test_query: Queries a class.
        test_names: With and without class names in the support set: a list of true and false.
        test_episodes: Episodes of each setting.
        test_seed: Which episodes.
        small_classes: `error` names classes with too few texts for an episode; `drop` leaves them out with a warning.
    """

    protocol: str = "episodes"
    test_split: str = "test"
    test_way: int = 5
    test_shots: list[int] = field(default_factory=lambda: [1, 5])
    test_query: int = 5
    test_names: list[bool] = field(default_factory=lambda: [False, True])
    test_episodes: int = 600
    test_seed: int = 0
    small_classes: str = "error"

    def __post_init__(self) -> None:
        """Refuse what would go wrong after hours of training."""
        if self.protocol not in ("episodes", "support"):
            raise ValueError(f"protocol is {self.protocol!r}; it is 'episodes' or 'support'.")
        for name in ("test_shots", "test_names"):
            if not getattr(self, name):
                raise ValueError(f"{name} is empty; there is nothing to measure.")


@dataclass
class SupportArguments:
    """Which classifier.

    Args:
        model: A saved classifier or model, or an encoder; by default fewtext/minilm, which is meta-trained.
        support: File of examples (text, label), which replace those of a saved classifier.
        text_column: Column of the texts; found by its name where not given.
        label_column: Column of the labels; found likewise.
    """

    model: str | None = None
    support: str | None = None
    text_column: str | None = None
    label_column: str | None = None


@dataclass
class ClassifyArguments(SupportArguments):
    """What to classify, with what.

    Args:
        model: A saved classifier or model, or an encoder; by default fewtext/minilm, which is meta-trained.
        support: File of examples (text, label), which replace those of a saved classifier.
        input: File of texts: CSV, JSONL or Parquet with a text column, or .txt with one text a line; `-` is
            standard input, one text a line.
        output: File to write: CSV or JSONL with text, label and score; by default the screen.
        keep: Columns of `input` to write beside every answer, such as `[id]`, where there is an output.
        resume: Go on with what an interrupted run left in `output`.partial.
        text_column: Column of the texts, in `support` and in `input`; found by its name where not given.
        label_column: Column of the labels in `support`; found likewise.
        top_k: How many classes to name for each text.
        abstain: When to name none (an empty label in CSV, null in JSONL): `auto`, or a threshold between 0 and 1;
            by default as the classifier was saved.
        abstain_by: What is compared: `membership`, `confidence` or `margin`; by default as the classifier was saved.
        explain: How many of the examples behind an answer to write with its first class, in JSONL or on the screen.
    """

    POSITIONAL = "input"

    input: str | None = None
    output: str | None = None
    keep: list[str] = field(default_factory=list)
    resume: bool = False
    top_k: int = 1
    abstain: str | float | None = None
    abstain_by: str | None = None
    explain: int | None = None


def parse(arguments: Sequence[str], *kinds: type, ignored: Sequence[type] = ()) -> list[Any]:
    """Return one object of each kind from `[CONFIG.yaml] [key=value | --key value ...]`.

    Settings of the `ignored` kinds may stand there too. A kind may name in POSITIONAL the setting that a word
    by itself is.

    Raises:
        FileNotFoundError: the YAML file is not there.
        ValueError: it does not parse, a key that no kind has, or a word that is neither.

    >>> [test] = parse(["test_way=20", "test_shots=[1]"], TestArguments)
    >>> test.test_way, test.test_shots
    (20, [1])
    """
    positional = next((kind.POSITIONAL for kind in kinds if hasattr(kind, "POSITIONAL")), None)
    values: dict[str, Any] = {}
    files: list[Path] = []
    words = settings_of_words((*kinds, *ignored))
    for argument in _joined(arguments, _flags((*kinds, *ignored))):
        if argument.endswith((".yaml", ".yml")) and "=" not in argument:
            files.append(Path(argument))
        elif "=" in argument:
            key, _, text = argument.partition("=")
            name = key.lstrip("-").replace("-", "_")
            values[name] = read_value(argument, text, name in words)
        elif positional is not None and positional not in values:
            values[positional] = argument
        else:
            raise ValueError(f"{argument!r} is neither a .yaml file nor key=value.")
    of_files = {key: value for file in files for key, value in read_yaml(file).items()}
    values = of_files | values  # what was said by itself wins, wherever it stands
    known = {f.name for kind in (*kinds, *ignored) for f in fields(kind) if f.init}
    for key in values:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise ValueError(f"there is no setting {key!r}.{hint}")
    objects = []
    for kind in kinds:
        hints = get_type_hints(kind)
        own = [f.name for f in fields(kind) if f.init and f.name in values]
        objects.append(kind(**{name: convert(name, hints[name], values[name]) for name in own}))
    return objects


def _flags(kinds: Sequence[type]) -> set[str]:
    """The settings that may stand without a value: those that can be true."""
    flags = set()
    for kind in kinds:
        for name, hint in get_type_hints(kind).items():
            if bool in get_args(hint) or hint is bool or name == "resume_from_checkpoint":
                flags.add(name)
    return flags


def _joined(words: Sequence[str], flags: Collection[str]) -> list[str]:
    """Return `--key value` as `--key=value`, and a flag by itself as `--key=true`.

    Raises `ValueError` for another key without a value.
    """
    joined: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or len(word) == 2 or "=" in word:
            joined.append(word)
        elif rest and not (rest[0].startswith("--") and len(rest[0]) > 2) and "=" not in rest[0]:
            joined.append(f"{word}={rest.pop(0)}")
        elif word.lstrip("-").replace("-", "_") in flags:
            joined.append(f"{word}=true")
        else:
            raise ValueError(f"{word} needs a value: {word} VALUE, or {word.lstrip('-')}=VALUE.")
    return joined


def describe(*kinds: type) -> str:
    """Return the settings of each kind with their defaults, as help text."""
    blocks = []
    for kind in kinds:
        # Of transformers' own arguments, which some kinds inherit, there are too many.
        ours = [base for base in kind.__mro__ if base.__module__.startswith("fewtext.")]
        own = {name for base in ours for name in base.__annotations__}
        lines = [f"{(kind.__doc__ or kind.__name__).strip()}", "", "Defaults:"]
        for f in fields(kind):
            if f.init and f.name in own:
                default = f.default_factory() if f.default_factory is not MISSING else f.default
                lines.append(f"    {f.name}={default}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
