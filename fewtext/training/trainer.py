"""Meta-training: transformers' Trainer, driven by Accelerate, on episodes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import gather_object
from huggingface_hub import CommitInfo
from torch import nn
from transformers import EarlyStoppingCallback, IntervalStrategy, Trainer, TrainerCallback

from fewtext.data.collator import EpisodeCollator, VectorCollator
from fewtext.data.episodes import EpisodeDataset
from fewtext.data.names import readable_name
from fewtext.data.tasks import Task
from fewtext.evaluation.episodic import EpisodeSetting, check_names, draw_episodes, evaluate_episodes
from fewtext.evaluation.statistics import mean_interval
from fewtext.models.devices import attention_of_any_shape
from fewtext.models.embedding import TextVectors, text_vectors
from fewtext.models.modeling import MatchingNetwork
from fewtext.sharing.model_card import CardFacts
from fewtext.training.arguments import EpisodicTrainingArguments, check_processes
from fewtext.training.checkpoints import (
    CheckpointMarker,
    check_same_run,
    last_complete_checkpoint,
    resumes_from,
    run_settings,
    seconds_until,
)
from fewtext.training.freezing import learning
from fewtext.training.likeness import class_likeness
from fewtext.training.sharding import prepare_sharding, whole_model


class EpisodicTrainer(Trainer):
    """Meta-train a Matching Network on episodes; callbacks, trackers, checkpoints and devices are Trainer's.

    Item i of the data is episode i, drawn by (seed, i), and dropout is seeded by the episode too: the same
    seed gives the same weights on one process or several, killed and resumed or not.

    Args:
        model: The model, with its tokenizer.
        args: The arguments.
        train_tasks: Tasks to draw training episodes from.
        eval_tasks: Tasks of classes that training does not see, for evaluation and early stopping.
        callbacks: Callbacks of transformers, such as `EarlyStoppingCallback`.

    Raises:
        ValueError: classes with too few texts, more ways than classes, processes that did not find each other, FSDP 1.
        TypeError: the model has no tokenizer.
    """

    args: EpisodicTrainingArguments

    def __init__(
        self,
        model: MatchingNetwork,
        args: EpisodicTrainingArguments,
        train_tasks: Sequence[Task],
        eval_tasks: Sequence[Task] | None = None,
        callbacks: list[TrainerCallback] | None = None,
    ) -> None:
        if model.tokenizer is None:
            raise TypeError("EpisodicTrainer: the model has no tokenizer; set model.tokenizer.")
        check_processes(args)
        self.train_tasks = list(train_tasks)
        self.eval_tasks = list(eval_tasks or [])
        episodes = EpisodeDataset(
            self.train_tasks,
            length=args.n_episodes,
            way=args.way,
            shot=args.shot,
            query=args.query,
            n_unknown=args.n_unknown,
            names=args.names,
            hard=args.hard,
            likeness=partial(class_likeness, model, args.device),
            seed=args.seed,
            small_classes=args.small_classes,
        )
        eval_dataset = None
        evaluates = bool(self.eval_tasks) and IntervalStrategy(args.eval_strategy) != IntervalStrategy.NO
        for setting in args.eval_settings if evaluates else []:  # a bad setting shows before training
            eval_dataset = self._eval_episodes(args, setting)
        self.trains_membership = episodes.n_unknown[1] > 0
        self.vectors: TextVectors | None = None
        collator: EpisodeCollator | VectorCollator
        if args.freeze_encoder:
            model.to(args.device)  # type: ignore[arg-type]
            self.vectors = text_vectors(model, _all_texts([*self.train_tasks, *self.eval_tasks]))
            collator = VectorCollator(
                self.vectors.rows,
                self.vectors.queries.cpu(),
                self.vectors.examples.cpu(),
                model.config.name_weight,
                args.turns,
            )
        else:
            config = model.config
            collator = EpisodeCollator(
                model.tokenizer,
                model.max_length,
                config.name_weight,
                config.query_prompt,
                config.support_prompt,
                args.turns,
            )
        model.gradient_cache = args.gradient_cache
        model.label_smoothing = args.label_smoothing_factor
        self._about = run_settings(args, model.config, self.train_tasks)
        self._marker = CheckpointMarker(self._about)
        patience = args.early_stopping_patience
        stopping = [] if patience is None else [EarlyStoppingCallback(early_stopping_patience=patience)]
        super().__init__(
            model=model,
            args=args,
            data_collator=collator,
            train_dataset=episodes,
            eval_dataset=eval_dataset,
            callbacks=[self._marker, *stopping, *(callbacks or [])],
        )
        prepare_sharding(self.accelerator, model)

    def train(  # type: ignore[override]
        self, resume_from_checkpoint: str | bool | None = None, **kwargs: Any
    ) -> Any:
        """Train; with `resume_from_checkpoint=True` go on from the newest checkpoint that is whole, if any.

        Raises `ValueError` for a checkpoint of a run with other episodes or another model.
        """
        resume_from_checkpoint = resumes_from(resume_from_checkpoint)
        if resume_from_checkpoint is True:
            resume_from_checkpoint = last_complete_checkpoint(self.args.output_dir or ".")
        if resume_from_checkpoint is not None:
            check_same_run(str(resume_from_checkpoint), self._about)
            self._marker.seconds_before = seconds_until(str(resume_from_checkpoint))
        with learning(self.model, self.args.freeze_encoder, self.trains_membership):  # type: ignore[arg-type]
            found = super().train(resume_from_checkpoint=resume_from_checkpoint, **kwargs)
        self.seconds = self._marker.seconds
        return found

    def _eval_episodes(self, args: EpisodicTrainingArguments, setting: EpisodeSetting) -> EpisodeDataset:
        try:
            check_names(setting, self.eval_tasks)
            return draw_episodes(self.eval_tasks, setting, args.eval_episodes, args.seed, args.small_classes)
        except ValueError as error:
            raise ValueError(f"evaluation (eval_way, eval_shots, eval_query): {error}") from error

    def whole_model(self) -> MatchingNetwork:
        """Return the model with all its weights, out of what Accelerate wrapped it in; on all processes at once."""
        return whole_model(self.accelerator.unwrap_model(self.model))

    def push_to_hub(  # type: ignore[override]
        self,
        commit_message: str | None = "End of training",
        blocking: bool = True,
        token: str | None = None,
        revision: str | None = None,
        private: bool | None = None,
        *,
        facts: CardFacts | None = None,
        **options: Any,
    ) -> CommitInfo | None:
        """Push the model with its card to `hub_model_id`, in one commit; to be called on all processes at once.

        Args:
            commit_message: The message of the commit.
            blocking: True: it returns when the push is done.
            token: Access token; by default `hub_token`, else the stored one.
            revision: A branch; by default `hub_revision`.
            private: Whether a new repository is private; by default `hub_private_repo`.
            facts: What the card says; by default the base encoder alone.
            **options: As in `push_folder`.

        Returns:
            The commit; None on all processes but the first.

        Raises:
            ValueError: `blocking=False`.
            PermissionError, FileNotFoundError, ConnectionError: as `push_folder`.
        """
        if not blocking:
            raise ValueError("a push is one commit that is waited for; leave blocking=True.")
        self.callback_handler.on_push_begin(self.args, self.state, self.control)
        model, args = self.whole_model(), self.args
        if not self.is_world_process_zero():
            return None
        return model.push_to_hub(
            self.hub_model_id or args.hub_model_id or Path(args.output_dir or "fewtext").absolute().name,
            facts=facts,
            commit_message=commit_message,
            token=token or args.hub_token,
            revision=revision or args.hub_revision,
            private=args.hub_private_repo if private is None else private,
            **options,
        )

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """Run one micro-batch with dropout seeded by its first episode, whatever process it is on."""
        first = int(inputs.pop("episode_numbers")[0])
        seed = int(np.random.SeedSequence((self.args.seed, first)).generate_state(1)[0])
        devices = [self.args.device] if self.args.device.type == "cuda" else []
        with torch.random.fork_rng(devices), attention_of_any_shape(self.args.device):
            torch.manual_seed(seed)
            return super().training_step(model, inputs, num_items_in_batch)

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the loss in the precision asked for; Accelerate leaves autocast out where weights are sharded."""
        with self.accelerator.autocast():
            return super().compute_loss(*args, **kwargs)

    def create_optimizer(self, *args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        """Make the optimizer: the encoder at `learning_rate`, all else at `matching_learning_rate`."""
        if self.optimizer is None:
            optimizer_class, options = self.get_optimizer_cls_and_kwargs(self.args)
            self.optimizer = optimizer_class(self._parameter_groups(), **options)
        return self.optimizer

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Evaluate on the episodes of `eval_tasks`, shared over the processes.

        Returns:
            `eval_accuracy` (mean over the settings), `eval_loss`, and accuracy, its interval and macro-F1
            of each setting, such as `eval_5way_1shot_accuracy`.
        """
        if not self.eval_tasks:
            raise ValueError("EpisodicTrainer.evaluate: no eval_tasks were given.")
        if eval_dataset is not None and eval_dataset is not self.eval_dataset:
            raise ValueError("EpisodicTrainer.evaluate takes no other eval_dataset: eval_tasks are evaluated on.")
        rank, world = self.args.process_index, self.args.world_size
        scores = evaluate_episodes(
            self.whole_model(),
            self.eval_tasks,
            self.args.eval_settings,
            n_episodes=self.args.eval_episodes,
            seed=self.args.seed,
            episodes=range(rank, self.args.eval_episodes, world),
            small_classes=self.args.small_classes,
            vectors=self.vectors,
            show_progress=None if rank == 0 and not self.args.disable_tqdm else False,
        )
        mine = [[(s.accuracies, s.f1s, s.losses) for s in scores]]
        every = gather_object(mine) if world > 1 else mine
        metrics: dict[str, float] = {}
        accuracies, losses = [], []
        for k, setting in enumerate(self.args.eval_settings):
            accuracy, f1, loss = (_interleave([process[k][j] for process in every]) for j in range(3))
            estimate = mean_interval(accuracy)
            metrics[f"{metric_key_prefix}_{setting.key}_accuracy"] = estimate.mean
            metrics[f"{metric_key_prefix}_{setting.key}_interval"] = estimate.half_width
            metrics[f"{metric_key_prefix}_{setting.key}_f1"] = float(f1.mean())
            accuracies.append(estimate.mean)
            losses.append(float(loss.mean()))
        metrics[f"{metric_key_prefix}_accuracy"] = float(np.mean(accuracies))
        metrics[f"{metric_key_prefix}_loss"] = float(np.mean(losses))
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _parameter_groups(self) -> list[dict[str, Any]]:
        model = self.model
        assert isinstance(model, nn.Module)
        decays = set(self.get_decay_parameter_names(model))
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            of_encoder = name.startswith(("encoder.", "support_encoder."))
            rate = self.args.learning_rate if of_encoder else self.args.matching_learning_rate
            # Scalars (temperature, gates, shares) have a meaning at 0, so decay must not pull them there.
            decay = self.args.weight_decay if name in decays and parameter.numel() > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
        return [{"params": p, "lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()]


def _interleave(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Put the results of the processes back in the order of the episodes: rank r had r, r + n, ..."""
    whole = np.empty(sum(len(part) for part in parts))
    for rank, part in enumerate(parts):
        whole[rank :: len(parts)] = part
    return whole


def _all_texts(tasks: Sequence[Task]) -> list[str]:
    return [text for task in tasks for text in (*task.texts, *map(readable_name, task.classes))]
