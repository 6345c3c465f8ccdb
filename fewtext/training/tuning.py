"""Hyperparameter search by grid or at random, with Optuna (extra `tuning`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fewtext.training.trainer import EpisodicTrainer


@dataclass(frozen=True)
class Trial:
    """One setting that was tried, and what it scored."""

    settings: dict[str, Any]
    score: float


def search(
    make_trainer: Callable[..., EpisodicTrainer],
    space: Mapping[str, Sequence[Any] | Mapping[str, Any]],
    *,
    method: str = "random",
    n_trials: int = 20,
    metric: str = "eval_accuracy",
    seed: int = 0,
) -> list[Trial]:
    """Train a model for each of several settings and return them, the best first.

    Args:
        make_trainer: Called with one keyword an entry of `space`; returns a trainer with a new model.
        space: For each name a list of values, or `{"low": 1e-5, "high": 1e-3, "log": True}` (random only).
        method: `grid` tries every combination of the lists, `random` draws `n_trials` settings.
        n_trials: Number of settings to draw.
        metric: The metric of `EpisodicTrainer.evaluate` to maximise.
        seed: Which settings are drawn.

    Raises:
        ImportError: Optuna is not installed.
        ValueError: an empty space, an unknown method or metric, a range in a grid, or one that is none.
    """
    try:
        import optuna
    except ImportError as error:
        raise ImportError("hyperparameter search needs Optuna: pip install 'fewtext[tuning]'") from error
    if not space:
        raise ValueError("search: the space is empty.")
    for name, values in space.items():
        if isinstance(values, Mapping):
            if not {"low", "high"} <= set(values) <= {"low", "high", "log"}:
                raise ValueError(f"{name} is {dict(values)}; a range has low and high, and may have log.")
        elif isinstance(values, str) or not len(values):
            raise ValueError(f"{name} is {values!r}; give a list of values, or a range with low and high.")
    lists = {name: list(values) for name, values in space.items() if not isinstance(values, Mapping)}
    if method == "grid":
        if len(lists) < len(space):
            ranges = ", ".join(sorted(set(space) - set(lists)))
            raise ValueError(f"a grid needs a list of values for each name; {ranges} is a range.")
        sampler = optuna.samplers.GridSampler(lists, seed=seed)
        n_trials = 1
        for values in lists.values():
            n_trials *= len(values)
    elif method == "random":
        sampler = optuna.samplers.RandomSampler(seed=seed)
    else:
        raise ValueError(f"method is {method!r}; it is 'grid' or 'random'.")

    def objective(trial: Any) -> float:
        settings = {
            name: _draw(trial, name, values)
            if isinstance(values, Mapping)
            else trial.suggest_categorical(name, lists[name])
            for name, values in space.items()
        }
        trainer = make_trainer(**settings)
        if metric not in (known := _metrics(trainer)):  # before it trains
            raise ValueError(f"there is no metric {metric!r}; there is {', '.join(known)}.")
        trainer.train()
        return float(trainer.evaluate()[metric])

    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(objective, n_trials=n_trials, show_progress_bar=True)
    trials = [Trial(dict(trial.params), float(trial.value)) for trial in study.trials if trial.value is not None]
    return sorted(trials, key=lambda trial: -trial.score)


def _draw(trial: Any, name: str, values: Mapping[str, Any]) -> float | int:
    """A value of a range; a whole number where both ends are."""
    whole = all(isinstance(values[end], int) for end in ("low", "high"))
    suggest: Callable[..., float | int] = trial.suggest_int if whole else trial.suggest_float
    return suggest(name, values["low"], values["high"], log=values.get("log", False))


def _metrics(trainer: EpisodicTrainer) -> list[str]:
    of_settings = [f"eval_{s.key}_{what}" for s in trainer.args.eval_settings for what in ("accuracy", "f1")]
    return ["eval_accuracy", *of_settings]
