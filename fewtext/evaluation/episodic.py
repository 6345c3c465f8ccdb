"""Episodic evaluation: each distinct text is encoded once, the episodes are tensor work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from fewtext.data.collator import distinct_texts, index_episodes
from fewtext.data.episodes import Episode, EpisodeDataset
from fewtext.data.names import names_are_words
from fewtext.data.tasks import Task
from fewtext.evaluation.statistics import Estimate, accuracy, macro_f1, mean_interval
from fewtext.models.embedding import TextVectors, text_vectors
from fewtext.models.modeling import MatchingNetwork

BATCH = 64
"""Episodes matched at once."""


@dataclass(frozen=True)
class EpisodeSetting:
    """One kind of episode to evaluate on.

    Attributes:
        way: Classes an episode.
        shot: Support texts a class.
        query: Queries a class.
        names: Whether the class names join the support set.
    """

    way: int = 5
    shot: int = 1
    query: int = 5
    names: bool = False

    def __str__(self) -> str:
        """As in a table: `5-way 1-shot, names`."""
        return f"{self.way}-way {self.shot}-shot{', names' if self.names else ''}"

    @property
    def key(self) -> str:
        """As in a metric: `5way_1shot_names`."""
        return f"{self.way}way_{self.shot}shot{'_names' if self.names else ''}"


@dataclass(frozen=True)
class EpisodeScores:
    """The scores of one setting.

    Attributes:
        setting: The setting.
        accuracies: `(n_episodes,)` accuracy of each episode, in the order of the episodes.
        f1s: `(n_episodes,)` macro-F1 of each episode.
        losses: `(n_episodes,)` mean negative log-likelihood of each episode.
    """

    setting: EpisodeSetting
    accuracies: NDArray[np.float64] = field(repr=False)
    f1s: NDArray[np.float64] = field(repr=False)
    losses: NDArray[np.float64] = field(repr=False)

    @property
    def accuracy(self) -> Estimate:
        """Mean accuracy with its 95 % interval."""
        return mean_interval(self.accuracies)

    @property
    def f1(self) -> Estimate:
        """Mean macro-F1 with its 95 % interval."""
        return mean_interval(self.f1s)


def draw_episodes(
    tasks: Sequence[Task], setting: EpisodeSetting, n_episodes: int, seed: int, small_classes: str = "error"
) -> EpisodeDataset:
    """Return the episodes of a setting; with and without names they are the same draws."""
    return EpisodeDataset(
        tasks,
        length=n_episodes,
        way=setting.way,
        shot=setting.shot,
        query=setting.query,
        names=float(setting.names),
        seed=seed,
        small_classes=small_classes,
    )


def evaluate_episodes(
    model: MatchingNetwork,
    tasks: Sequence[Task],
    settings: Sequence[EpisodeSetting] = (EpisodeSetting(),),
    *,
    n_episodes: int = 600,
    seed: int = 0,
    episodes: range | None = None,
    small_classes: str = "error",
    vectors: TextVectors | None = None,
    show_progress: bool | None = None,
) -> list[EpisodeScores]:
    """Evaluate a model on episodes in several settings, with one pass of the encoder over the distinct texts.

    Args:
        model: The model.
        tasks: Where episodes come from: classes it has not seen.
        settings: The kinds of episode.
        n_episodes: Number of episodes of each setting.
        seed: The same seed draws the same episodes.
        episodes: Numbers of the episodes to take, where not all (one process of several).
        small_classes: `error` or `drop`, as in `EpisodeDataset`.
        vectors: Embeddings of all texts and readable names of the tasks, where they are at hand.
        show_progress: A progress bar; by default one appears after two seconds.

    Returns:
        The scores of each setting, in their order.

    Raises:
        ValueError: as `EpisodeDataset`: a class with too few texts, more ways than classes; names that are no words.
    """
    if not settings:
        raise ValueError("evaluate_episodes: no settings were given.")
    for setting in settings:
        check_names(setting, tasks)
    chosen = episodes if episodes is not None else range(n_episodes)
    drawn: dict[EpisodeSetting, list[Episode]] = {}
    for setting in settings:
        plain = replace(setting, names=False)
        if plain not in drawn:
            dataset = draw_episodes(tasks, replace(setting, names=True), n_episodes, seed, small_classes)
            drawn[plain] = [dataset[i] for i in chosen]
    if vectors is None:
        with_names = any(setting.names for setting in settings)
        episodes_drawn = [e if with_names else replace(e, names=()) for group in drawn.values() for e in group]
        vectors = text_vectors(model, distinct_texts(episodes_drawn), show_progress)
    scores = []
    for setting in settings:
        group = drawn[replace(setting, names=False)]
        if not setting.names:
            group = [replace(episode, names=()) for episode in group]
        scores.append(_score(model, setting, group, vectors))
    return scores


def check_names(setting: EpisodeSetting, tasks: Sequence[Task]) -> None:
    """Raise `ValueError` where class names are to count that are no words."""
    if setting.names and (wordless := [task.name for task in tasks if not names_are_words(task.classes)]):
        raise ValueError(f"names=True, but the class names of the task {wordless[0]!r} are no words.")


@torch.inference_mode()
def _score(
    model: MatchingNetwork,
    setting: EpisodeSetting,
    episodes: Sequence[Episode],
    vectors: TextVectors,
) -> EpisodeScores:
    accuracies, f1s, losses = [], [], []
    queries, examples = vectors.queries, vectors.examples
    for start in range(0, len(episodes), BATCH):
        batch = index_episodes(episodes[start : start + BATCH], vectors.rows, model.config.name_weight)
        batch = {key: value.to(queries.device) for key, value in batch.items()}
        log_probs = model.matcher(
            queries[batch["query"]], examples[batch["support"]], batch["support_labels"], batch["support_weights"]
        )
        references = batch["query_labels"]
        nll = -log_probs.gather(-1, references.clamp_min(0)[..., None])[..., 0]
        known = references >= 0
        losses.append((nll.masked_fill(~known, 0).sum(-1) / known.sum(-1).clamp_min(1)).float().cpu().numpy())
        predictions, truth = log_probs.argmax(-1).cpu().numpy(), references.cpu().numpy()
        accuracies.append(accuracy(predictions, truth))
        f1s.append(macro_f1(predictions, truth, log_probs.shape[-1]))
    return EpisodeScores(setting, np.concatenate(accuracies), np.concatenate(f1s), np.concatenate(losses))
