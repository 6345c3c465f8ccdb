"""Which checkpoints are whole: a marker is written last, and only marked ones are resumed from."""

from __future__ import annotations

import hashlib
import json
import logging
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
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        """Write the marker by an atomic rename."""
        if not state.is_world_process_zero or args.output_dir is None:
            return
        folder = Path(args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        if folder.is_dir():
            temporary = folder / f".{MARKER}"
            temporary.write_text(json.dumps(self.settings) + "\n", encoding="utf-8")
            temporary.replace(folder / MARKER)


def run_settings(
    args: EpisodicTrainingArguments, config: MatchingNetworkConfig, tasks: Sequence[Task]
) -> dict[str, Any]:
    """Return what decides the episodes of a run, and the form of its model: another run cannot go on from it."""
    drawn = {
        name: getattr(args, name) for name in ("way", "shot", "query", "turns", "n_unknown", "names", "hard", "seed")
    }
    model = {name: getattr(config, name) for name in ("context", "context_steps", "context_size", "class_vote")}
    known = json.dumps([[task.name, len(task.texts), task.classes, task.weight] for task in tasks])
    digest = hashlib.sha256(known.encode()).hexdigest()[:16]
    return {**drawn, **model, "episodes_per_step": args.episodes_per_step, "tasks": digest}


def check_same_run(checkpoint: str | Path, settings: Mapping[str, Any]) -> None:
    """Raise `ValueError` naming what differs, if a checkpoint is of a run with other settings."""
    marker = Path(checkpoint) / MARKER
    if not marker.is_file():
        return
    before = json.loads(marker.read_text(encoding="utf-8") or "null")
    now = json.loads(json.dumps(settings))  # a range is a list there
    if not isinstance(before, dict):
        return
    before = {"turns": 1} | before  # runs that knew no turns
    if not (other := [name for name in now if before.get(name) != now[name]]):
        return
    told = ", ".join(f"{name} was {before.get(name)!r} and is {now[name]!r}" for name in other)
    raise ValueError(f"{checkpoint} is of a run with other settings ({told}); give those, or another output_dir.")


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
