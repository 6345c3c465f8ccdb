"""What a run tells for the model card: data with licences, episodes, results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers.training_args import OptimizerNames

from fewtext.commands.arguments import DataArguments
from fewtext.commands.corpora import entries_of
from fewtext.data.tasks import Task
from fewtext.models.modeling import MatchingNetwork
from fewtext.models.publishing import known_facts
from fewtext.sharing.model_card import CardFacts, Result
from fewtext.training.arguments import EpisodicTrainingArguments


def training_facts(
    name: str,
    network: MatchingNetwork,
    data: DataArguments,
    parts: Mapping[str, Sequence[Task]],
    training: EpisodicTrainingArguments,
    n_episodes: int,
    rows: Sequence[dict[str, Any]],
) -> CardFacts:
    """Return the facts of a run of `n_episodes` on the training part, `rows` being what `measure` found after it."""
    entries = entries_of(data)
    names = _names(entries, data)
    held_out = [_held_out(entry, data, parts) for entry in entries]
    in_test = {task.name for task in parts["test"]}
    licences = [data.licenses.get(_source(entry)) or _local_licence(entry, data) for entry in entries]
    learned_from = {n: licence for n, licence, held in zip(names, licences, held_out, strict=True) if not held}
    tested_on = [n for n, e in zip(names, entries, strict=True) if data.split_by == "tasks" and _name(e) in in_test]
    tested_on = tested_on or list(learned_from)
    earlier = known_facts(name, network.config)  # what the model that was gone on from had learned
    episodes = f"{n_episodes} episodes of {_range(training.way)} classes, {_range(training.shot)} examples"
    episodes += f" and {_range(training.query)} queries a class; class names in {training.names:.0%} of them"
    if training.hard:
        episodes += f", classes that are hard to tell apart in {training.hard:.0%}"
    if training.turns > 1:
        episodes += f"; the texts of each take {training.turns} turns at being examples"
    learned = "the encoder as it was" if training.freeze_encoder else f"learning rate {training.learning_rate:g}"
    optimizer = OptimizerNames(training.optim).value
    rates = f"{optimizer}, {learned}, {training.matching_learning_rate:g} for what is new; seed {training.seed}"
    return CardFacts(
        name,
        network.config.base_encoder,
        data={**earlier.data, **learned_from},
        training=[*earlier.training, episodes, rates],
        results=[_result(", ".join(tested_on), row) for row in rows],
    )


def _source(entry: Any) -> str:
    return str(entry["source"] if isinstance(entry, dict) else entry)


def _local_licence(entry: Any, data: DataArguments) -> str:
    return (data.data_license or "") if Path(_source(entry)).exists() else ""


def _names(entries: Sequence[Any], data: DataArguments) -> list[str]:
    """What the corpora are called, each by a name of its own."""
    names = [_name(entry) for entry in entries]
    if data.data_name is not None and len(entries) == 1 and Path(_source(entries[0])).exists():
        return [data.data_name]
    twice = {name for name in names if names.count(name) > 1}
    return [
        "/".join(Path(_source(entry)).parts[-2:]) if name in twice else name
        for entry, name in zip(entries, names, strict=True)
    ]


def _name(entry: Any) -> str:
    """What a corpus is called; a file or folder goes by its name alone: where it lies is nobody's business."""
    source = _source(entry)
    given = entry.get("name") if isinstance(entry, dict) else None
    return given or (Path(source).name if Path(source).exists() else source)


def _held_out(entry: Any, data: DataArguments, parts: Mapping[str, Sequence[Task]]) -> bool:
    """Tell whether a corpus is one of the tasks that are validated or tested on, and not learned from."""
    held_out = {task.name for part in ("validation", "test") for task in parts[part]}
    return data.split_by == "tasks" and _name(entry) in held_out


def _result(data: str, row: dict[str, Any]) -> Result:
    setting = f"{row['setting']}, {row['episodes']} episodes" if "episodes" in row else row["setting"]
    metric = "balanced_accuracy" if "balanced accuracy" in setting else "accuracy"
    return Result(data, setting, row["accuracy"], row["interval"], metric)


def _range(value: Any) -> str:
    return str(value) if isinstance(value, int) else "{} to {}".format(*value)
