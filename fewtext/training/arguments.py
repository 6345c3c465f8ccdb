"""The arguments of episodic training: those of transformers, and what an episode needs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import torch
from transformers import TrainingArguments

from fewtext.data.episodes import Range, as_range
from fewtext.evaluation.episodic import EpisodeSetting


@dataclass
class EpisodicTrainingArguments(TrainingArguments):
    """Arguments of `EpisodicTrainer`: all of `transformers.TrainingArguments`, and these.

    `per_device_train_batch_size` counts episodes (default 1). The length of training is `n_episodes`, not
    epochs or steps. Several defaults of transformers that go silently wrong with episodes are set right.

    Args:
        n_episodes: Episodes to train on, over all processes.
        way: Classes an episode, a number or a range `[low, high]`.
        shot: Support texts a class, a number or a range.
        query: Queries a class, a number or a range.
        turns: Episodes made of the texts of one: the texts of a class take turns at being its support texts, so that
            texts that are encoded once (twice where queries and examples have encoders or prompts of their own) give
            so many losses. At most the least `shot + query`; 1 leaves each text its role.
        n_unknown: Queries of absent classes an episode, which train the membership head.
        names: Share of the episodes in which class names join the support set.
        hard: Share of the episodes whose classes are hard to tell apart: one, and those most like it for the
            encoder that training starts from.
        small_classes: `error` names classes with too few texts; `drop` leaves them out with a warning.
        matching_learning_rate: Learning rate of all that is not the encoder: context, kernel, vote, head.
        freeze_encoder: Train only those, on embeddings computed once.
        gradient_cache: Encode an episode in passes of which one at a time takes memory, each run twice: for episodes
            of many texts (GradCache, Gao et al. 2021). The gradients are the same.
        early_stopping_patience: Stop after so many evaluations without a better `eval_accuracy`, and keep the
            best model; None trains to the end.
        eval_episodes: Episodes of each evaluation setting.
        eval_way: Classes an evaluation episode.
        eval_shots: Support texts a class; several are several settings.
        eval_query: Queries a class.
        eval_names: Whether class names join the support set in evaluation.

    Raises:
        ValueError: a number of episodes that the processes cannot share evenly, or an option of
            transformers that cannot work with episodes.
    """

    output_dir: str | None = field(default="runs/fewtext")
    per_device_train_batch_size: int = field(default=1)
    learning_rate: float = field(default=2e-5)
    num_train_epochs: float = field(default=1.0)
    remove_unused_columns: bool = field(default=False)
    train_sampling_strategy: str = field(default="sequential")
    ddp_find_unused_parameters: bool | None = field(default=False)
    logging_nan_inf_filter: bool = field(default=False)
    restore_callback_states_from_checkpoint: bool = field(default=True)
    accelerator_config: dict | str | None = field(
        default_factory=lambda: {"dispatch_batches": False, "split_batches": False}
    )
    report_to: str | list[str] | None = field(default="none")
    logging_steps: float = field(default=10)
    hub_strategy: str = field(default="end")

    n_episodes: int = 1000
    way: Range = 5
    shot: Range = 1
    query: Range = 5
    turns: int = 1
    n_unknown: Range = 0
    names: float = 0.0
    hard: float = 0.0
    small_classes: str = "error"
    matching_learning_rate: float = 1e-3
    freeze_encoder: bool = False
    gradient_cache: bool = False
    early_stopping_patience: int | None = None
    eval_episodes: int = 200
    eval_way: int = 5
    eval_shots: tuple[int, ...] = (1,)
    eval_query: int = 5
    eval_names: bool = False

    def __post_init__(self) -> None:
        """Refuse what would go wrong later."""
        if not torch.accelerator.is_available():
            # Said aloud, or processes on a CPU do not find each other and each trains a copy of its own.
            self.use_cpu = True
        if self.early_stopping_patience is not None:
            self.load_best_model_at_end = True
            self.metric_for_best_model = "eval_accuracy"
            self.greater_is_better = True
        super().__post_init__()
        if self.device.type == "cpu":
            self.dataloader_pin_memory = False  # pinning has nothing to copy to, and torch warns of it
        if self.auto_find_batch_size:
            raise ValueError("auto_find_batch_size changes which episodes a step sees; set the batch size instead.")
        if self.gradient_cache and (self.gradient_checkpointing or self.freeze_encoder):
            other = "gradient_checkpointing" if self.gradient_checkpointing else "freeze_encoder"
            raise ValueError(f"gradient_cache does nothing beside {other}; leave one of them out.")
        most = as_range("shot", self.shot, least=1)[0] + as_range("query", self.query, least=1)[0]
        if not 1 <= self.turns <= most:
            raise ValueError(f"turns is {self.turns}; it is from 1 to the least shot + query, which is {most}.")
        if self.max_steps > 0 or self.num_train_epochs != 1:
            raise ValueError("the length of training is n_episodes; leave max_steps and num_train_epochs alone.")
        if self.hub_strategy != "end":
            raise ValueError(f"hub_strategy is {self.hub_strategy!r}; a model is pushed once, at the 'end'.")
        if self.train_sampling_strategy != "sequential":
            raise ValueError("episodes are random draws already; train_sampling_strategy must stay 'sequential'.")
        if self.n_gpu > 1:
            raise ValueError(
                f"{self.n_gpu} GPUs in one process: DataParallel cannot split episodes. Start with "
                f"`accelerate launch --num_processes {self.n_gpu}`, or set CUDA_VISIBLE_DEVICES to one GPU."
            )
        if self.eval_episodes < self.world_size:
            raise ValueError(f"eval_episodes is {self.eval_episodes}, fewer than the {self.world_size} processes.")
        step = self.episodes_per_step
        if self.n_episodes < 1 or self.n_episodes % step:
            lower = self.n_episodes // step * step
            choice = f"{lower} or {lower + step}" if lower else f"{step}"
            raise ValueError(
                f"n_episodes is {self.n_episodes}; {self.world_size} process(es) × {self.gradient_accumulation_steps} "
                f"accumulated × {self.per_device_train_batch_size} a device take {step} a step: use {choice}."
            )

    @property
    def episodes_per_step(self) -> int:
        """Episodes that one step of the optimizer sees, over all processes."""
        return self.world_size * self.gradient_accumulation_steps * self.per_device_train_batch_size

    @property
    def eval_settings(self) -> list[EpisodeSetting]:
        """The settings that evaluation runs, one a shot."""
        return [EpisodeSetting(self.eval_way, shot, self.eval_query, self.eval_names) for shot in self.eval_shots]


def check_processes(args: EpisodicTrainingArguments) -> None:
    """Stop where the processes would train copies of their own."""
    wanted = int(os.environ.get("WORLD_SIZE", "1"))
    if args.world_size != wanted:
        raise ValueError(
            f"{wanted} processes were started but {args.world_size} found each other. On a CPU set "
            "ACCELERATE_USE_CPU=true, or launch with recipes/accelerate/cpu_2.yaml."
        )
