"""Pictures: the learning curve, and the attention behind an answer (extra `plots`)."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fewtext.data.names import one_line


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


def plot_matrix(values: Any, labels: Sequence[str], file: str | Path, across: str, down: str, what: str) -> Path:
    """Draw a matrix `(n_way, n_way)` over classes, such as a confusion matrix or the attention between them.

    Args:
        values: The matrix.
        labels: The class names.
        file: The PNG to write.
        across: What the columns are.
        down: What the rows are.
        what: What the values are.
    """
    matrix = np.asarray(values, dtype=float)
    size = min(3.5 + 0.22 * len(labels), 26)
    figure, axes = _figure(size, size)
    picture = axes.imshow(matrix, cmap="Blues", vmin=0, vmax=max(float(matrix.max()), 1e-9))
    font = 8 if len(labels) <= 40 else 4
    axes.set_xticks(range(len(labels)), [_short(label) for label in labels], rotation=90, fontsize=font)
    axes.set_yticks(range(len(labels)), [_short(label) for label in labels], fontsize=font)
    axes.set_xlabel(across)
    axes.set_ylabel(down)
    figure.colorbar(picture, ax=axes, label=what, shrink=0.7)
    figure.savefig(file)
    return Path(file)


def plot_map(vectors: Any, of_class: Any, labels: Sequence[str], file: str | Path) -> Path:
    """Draw vectors on a plane by t-SNE (van der Maaten and Hinton 2008), coloured by class.

    Args:
        vectors: `(n, dim)`.
        of_class: `(n,)` the class of each.
        labels: The class names.
        file: The PNG to write.
    """
    from matplotlib import colormaps
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    points, rows = np.asarray(vectors, dtype=float), np.asarray(of_class)
    if len(points) < 8:
        places = PCA(2).fit_transform(points) if min(points.shape) > 1 else np.c_[points[:, :1], points[:, :1]]
    else:
        places = TSNE(perplexity=min(30, (len(points) - 1) / 3), init="pca", random_state=0).fit_transform(points)
    figure, axes = _figure(8, 7)
    colors = colormaps["turbo"](np.linspace(0.05, 0.95, len(labels)))
    axes.scatter(places[:, 0], places[:, 1], c=colors[rows], s=16)
    for number, label in enumerate(labels):
        own = places[rows == number]
        if len(own):
            x, y = np.median(own, axis=0)
            axes.annotate(_short(label), (x, y), fontsize=8 if len(labels) <= 40 else 5, ha="center")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title("Examples, near each other where they are alike")
    figure.savefig(file)
    return Path(file)


def _short(text: str) -> str:
    """Shorten a text, without what matplotlib would read as a formula or cannot draw."""
    words = " ".join(one_line(text).split())
    if len(words) > 46:  # at a space where there is one, else in the middle of what has none, such as Chinese
        words = textwrap.shorten(words, 46, placeholder="…") if " " in words[:46] else f"{words[:45]}…"
    return words.replace("$", r"\$")
