"""What a run tells for the model card: data with licences, episodes, results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fewtext.commands.arguments import DataArguments
from fewtext.models.modeling import MatchingNetwork
from fewtext.sharing.model_card import CardFacts, Result
from fewtext.training.arguments import EpisodicTrainingArguments


def training_facts(
    name: str,
    network: MatchingNetwork,
    data: DataArguments,
    training: EpisodicTrainingArguments,
    n_episodes: int,
    rows: Sequence[dict[str, Any]],
) -> CardFacts:
    """Return the facts of a run of `n_episodes`, `rows` being what `measure` found after it."""
    entries = data.data if isinstance(data.data, list) else [data.data]
    sources = [str(entry["source"] if isinstance(entry, dict) else entry) for entry in entries]
    # A file or folder goes by its name alone: where it lies is nobody's business.
    names = [Path(source).name if Path(source).exists() else source for source in sources]
    episodes = f"{n_episodes} episodes of {_range(training.way)} classes, {_range(training.shot)} examples"
    episodes += f" and {_range(training.query)} queries a class; class names in {training.names:.0%} of them"
    learned = "the encoder as it was" if training.freeze_encoder else f"learning rate {training.learning_rate:g}"
    rates = f"{training.optim}, {learned}, {training.matching_learning_rate:g} for what is new; seed {training.seed}"
    return CardFacts(
        name,
        network.config.base_encoder,
        data={name: data.licenses.get(source, "") for name, source in zip(names, sources, strict=True)},
        training=[episodes, rates],
        results=[_result(", ".join(names), row) for row in rows],
    )


def _result(data: str, row: dict[str, Any]) -> Result:
    setting = f"{row['setting']}, {row['episodes']} episodes" if "episodes" in row else row["setting"]
    metric = "balanced_accuracy" if "balanced accuracy" in setting else "accuracy"
    return Result(data, setting, row["accuracy"], row["interval"], metric)


def _range(value: Any) -> str:
    return str(value) if isinstance(value, int) else "{} to {}".format(*value)
