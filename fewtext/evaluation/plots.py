"""Pictures: the learning curve, and the attention behind an answer (extra `plots`)."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def _figure(width: float, height: float) -> tuple[Any, Any]:
    """A figure with one axes, drawn without a display and without touching matplotlib's global state."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install 'fewtext[plots]'") from error
    figure = Figure(figsize=(width, height), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def plot_learning_curve(history: Sequence[Mapping[str, Any]], file: str | Path) -> Path:
    """Draw training loss and accuracy on unseen classes over the steps, from `trainer.state.log_history`."""
    figure, axes = _figure(7, 4)
    losses = [(entry["step"], float(entry["loss"])) for entry in history if "loss" in entry]
    scores = [(entry["step"], float(entry["eval_accuracy"])) for entry in history if "eval_accuracy" in entry]
    if losses:
        axes.plot(*zip(*losses, strict=True), color="tab:blue", label="training loss")
    axes.set_xlabel("step")
    axes.set_ylabel("loss, training episodes", color="tab:blue")
    if scores:
        right = axes.twinx()
        steps, accuracies = zip(*scores, strict=True)
        right.plot(
            steps, 100 * np.asarray(accuracies), color="tab:orange", marker="o", label="accuracy, unseen classes"
        )
        right.set_ylabel("accuracy on unseen classes, %", color="tab:orange")
    axes.set_title("Meta-training")
    figure.savefig(file)
    return Path(file)


def plot_attention(
    queries: Sequence[str], examples: Sequence[str], labels: Sequence[str], weights: Any, file: str | Path
) -> Path:
    """Draw which examples decided: one row a query, one column an example.

    Args:
        queries: `n_query` texts.
        examples: `n_support` texts.
        labels: Their classes.
        weights: `(n_query, n_support)` attention.
        file: The PNG to write.
    """
    shares = np.asarray(weights)
    figure, axes = _figure(3.5 + 0.42 * len(examples), 3.6 + 0.42 * len(queries))
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=max(float(shares.max()), 1e-9), aspect="auto")
    short = [_short(f"{label}: {text}") for text, label in zip(examples, labels, strict=True)]
    axes.set_xticks(range(len(examples)), short, rotation=60, ha="right", fontsize=7)
    axes.set_yticks(range(len(queries)), [_short(text) for text in queries], fontsize=8)
    figure.colorbar(picture, ax=axes, label="attention", shrink=0.8)
    axes.set_title("Which examples decided")
    figure.savefig(file)
    return Path(file)


def _short(text: str) -> str:
    return textwrap.shorten(text, 46, placeholder="…")
