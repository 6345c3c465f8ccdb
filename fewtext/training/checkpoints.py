"""Which checkpoints are whole: a marker is written last, and only marked ones are resumed from."""

from __future__ import annotations

import logging
from pathlib import Path

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

logger = logging.getLogger(__name__)

MARKER = "complete"


class CheckpointMarker(TrainerCallback):
    """Mark a checkpoint once all of it is written: a killed run leaves cut ones behind."""

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        """Write the marker by an atomic rename."""
        if not state.is_world_process_zero or args.output_dir is None:
            return
        folder = Path(args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        if folder.is_dir():
            temporary = folder / f".{MARKER}"
            temporary.write_text(f"{state.global_step}\n", encoding="utf-8")
            temporary.replace(folder / MARKER)


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
