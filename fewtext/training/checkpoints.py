"""Which checkpoints are whole: a marker is written last, and only marked ones are resumed from."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from fewtext.data.tasks import Task
from fewtext.models.configuration import MatchingNetworkConfig
from fewtext.training.arguments import EpisodicTrainingArguments

logger = logging.getLogger(__name__)

MARKER = "complete"


class CheckpointMarker(TrainerCallback):
    """Mark a checkpoint once all of it is written: a killed run leaves cut ones behind.

    Args:
        settings: What must be the same when training goes on from it.

    Attributes:
        seconds_before: Seconds of training until the checkpoint that training goes on from.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.seconds_before = 0.0
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds of training so far, those before it was interrupted among them."""
        return self.seconds_before + time.perf_counter() - self._started

    def on_train_begin(self, *args: object, **kwargs: object) -> None:
        """Count from here."""
        self._started = time.perf_counter()

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        """Write the marker by an atomic rename."""
        if not state.is_world_process_zero or args.output_dir is None:
            return
        folder = Path(args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        if folder.is_dir():
            temporary = folder / f".{MARKER}"
            known = {**self.settings, "seconds": round(self.seconds, 1)}
            temporary.write_text(json.dumps(known) + "\n", encoding="utf-8")
            temporary.replace(folder / MARKER)


def run_settings(
    args: EpisodicTrainingArguments, config: MatchingNetworkConfig, tasks: Sequence[Task]
) -> dict[str, Any]:
    """Return what decides a run's episodes, how it learns, and its model's settings: another cannot go on from it."""
    drawn = {
        name: getattr(args, name) for name in ("way", "shot", "query", "turns", "n_unknown", "names", "hard", "seed")
    }
    learned = {name: getattr(args, name) for name in ("learning_rate", "matching_learning_rate", "freeze_encoder")}
    model = {name: value for name, value in config.to_dict().items() if name in MatchingNetworkConfig.__annotations__}
    model = {name: value for name, value in model.items() if name not in ("encoder", "trained_on", "base_encoder")}
    known = json.dumps([[task.name, task.weight, *task.texts, *task.labels] for task in tasks])
    digest = hashlib.sha256(known.encode()).hexdigest()[:16]
    return {**drawn, **learned, **model, "episodes_per_step": args.episodes_per_step, "tasks": digest}


def check_same_run(checkpoint: str | Path, settings: Mapping[str, Any]) -> None:
    """Raise `ValueError` naming what differs, if a checkpoint is of a run with other settings."""
    if not (before := _marked(checkpoint)):
        return
    now = json.loads(json.dumps(settings))  # a range is a list there
    before = {"turns": 1} | before  # runs that knew no turns
    if not (other := [name for name in now if name in before and before[name] != now[name]]):
        return
    told = ", ".join(f"{name} was {before.get(name)!r} and is {now[name]!r}" for name in other)
    raise ValueError(f"{checkpoint} is of a run with other settings ({told}); give those, or another output_dir.")


def seconds_until(checkpoint: str | Path) -> float:
    """Return the seconds of training until a checkpoint, as its marker says; 0 where it says none."""
    return float(_marked(checkpoint).get("seconds", 0.0))


def _marked(checkpoint: str | Path) -> dict[str, Any]:
    """Return what the marker of a checkpoint says; nothing where there is none, or one of an earlier version."""
    marker = Path(checkpoint) / MARKER
    known = json.loads(marker.read_text(encoding="utf-8") or "null") if marker.is_file() else None
    return known if isinstance(known, dict) else {}


def resumes_from(choice: str | bool | None) -> str | bool | None:
    """Return True for the newest checkpoint, a checkpoint's folder, or None; a word is what a command line has.

    >>> resumes_from("true"), resumes_from("False"), resumes_from("runs/checkpoint-50")
    (True, None, 'runs/checkpoint-50')
    """
    word = str(choice).lower()
    if word in ("true", "1"):
        return True
    return None if word in ("false", "0", "", "none") else choice


def last_complete_checkpoint(output_dir: str | Path) -> str | None:
    """Return the newest checkpoint folder that was written to its end, or None."""
    steps = {}
    for folder in Path(output_dir).glob(f"{PREFIX_CHECKPOINT_DIR}-*"):
        step = folder.name.rsplit("-", 1)[1]
        if step.isdigit():
            steps[int(step)] = folder
    for number in sorted(steps, reverse=True):
        if (steps[number] / MARKER).is_file():
            return str(steps[number])
        logger.warning("%s was cut off while it was written; going back to an earlier one", steps[number])
    return None
