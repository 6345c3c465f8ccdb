"""Measure a model on episodes, or from given support sets.

fewtext evaluate data=me/intents
fewtext evaluate --model runs/mine/model --data intents.csv --test-way 10 --test-shots [1,5,10]
fewtext evaluate recipes/intent/banking77/lstm.yaml model=runs/mine/model
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from tqdm.auto import tqdm

from fewtext.commands.arguments import DataArguments, ModelArguments, TestArguments
from fewtext.commands.corpora import given_split, load_parts
from fewtext.data.names import names_are_words, readable_name
from fewtext.data.tasks import Task
from fewtext.evaluation.episodic import EpisodeSetting, evaluate_episodes
from fewtext.evaluation.fixed import SupportScores, evaluate_support
from fewtext.evaluation.statistics import mean_interval
from fewtext.folders import is_fewtext_folder
from fewtext.models.configuration import check_settings
from fewtext.models.devices import default_device
from fewtext.models.embedding import text_vectors
from fewtext.models.encoders import model_folder
from fewtext.models.loading import load_network
from fewtext.models.modeling import MatchingNetwork
from fewtext.models.packaged import is_packaged
from fewtext.training.arguments import EpisodicTrainingArguments

logger = logging.getLogger(__name__)

ARGUMENTS = (DataArguments, ModelArguments, TestArguments)
IGNORED = (EpisodicTrainingArguments,)  # so that the file of a recipe serves for evaluating its result


def evaluate(data: DataArguments, model: ModelArguments, test: TestArguments) -> list[dict[str, Any]]:
    """Evaluate a fewtext model or an encoder, print a table and return its rows.

    Raises `ValueError` for a part that there is not, or as `evaluate_episodes` and `evaluate_support`.
    """
    network = load_model(model)
    network.to(default_device())  # type: ignore[arg-type]
    if test.protocol == "support":
        rows = measure_support(network, data, test)
    else:
        rows = measure(network, _tasks(data, test.test_split), test)
    print_table([("result", rows)])
    return rows


def _tasks(data: DataArguments, split: str) -> list[Task]:
    if data.split_by == "given":
        return given_split(data, split)
    parts = load_parts(data)
    if not parts.get(split):
        raise ValueError(f"test_split is {split!r}; the parts are {', '.join(part for part in parts if parts[part])}.")
    return parts[split]


def load_model(model: ModelArguments) -> MatchingNetwork:
    """Return the model to train or to measure; `model_settings` are those of a new one on an encoder."""
    check_settings(model.model_settings)
    if model.model is None:
        return MatchingNetwork.from_encoder(**model.model_settings)
    saved = is_packaged(model.model) or is_fewtext_folder(model_folder(model.model))
    network = load_network(model.model, **({} if saved else model.model_settings))[0]
    if saved and (other := [k for k, v in model.model_settings.items() if getattr(network.config, k, v) != v]):
        kept = ", ".join(f"{key}={getattr(network.config, key)}" for key in other)
        logger.warning("fewtext: %s is trained already and keeps its own settings (%s)", model.model, kept)
    return network


def measure(network: MatchingNetwork, tasks: Sequence[Task], test: TestArguments) -> list[dict[str, Any]]:
    """Return accuracy and macro-F1 with intervals of each test setting, in one pass of the encoder."""
    settings = [
        EpisodeSetting(test.test_way, shot, test.test_query, names)
        for shot in test.test_shots
        for names in _usable_names(test, tasks)
    ]
    scores = evaluate_episodes(
        network,
        tasks,
        settings,
        n_episodes=test.test_episodes,
        seed=test.test_seed,
        small_classes=test.small_classes,
    )
    return [
        {
            "setting": str(score.setting),
            "accuracy": score.accuracy.mean,
            "interval": score.accuracy.half_width if test.test_episodes > 1 else None,  # of one there is none
            "f1": score.f1.mean,
            "f1_interval": score.f1.half_width if test.test_episodes > 1 else None,
            "episodes": test.test_episodes,
            "seed": test.test_seed,
        }
        for score in scores
    ]


def measure_support(network: MatchingNetwork, data: DataArguments, test: TestArguments) -> list[dict[str, Any]]:
    """Return accuracy and balanced accuracy of each test task, from its training split as support set."""
    wanted = data.test_tasks
    if wanted is None and data.split_by == "tasks":
        wanted = [task.name for task in load_parts(data)["test"]]
    queries = _by_name(given_split(data, test.test_split))
    supports = _by_name(given_split(data, "train"))
    names = wanted if wanted is not None else list(supports)
    if missing := sorted(set(names) - (set(supports) & set(queries))):
        raise ValueError(f"no training or {test.test_split} split for the tasks {', '.join(missing)}.")
    usable = _usable_names(test, [supports[name] for name in names])
    scores: dict[bool, list[SupportScores]] = {with_names: [] for with_names in usable}
    for name in tqdm(names, desc="Tasks", delay=2):
        support, query = supports[name], queries[name]
        texts = (*support.texts, *map(readable_name, support.classes), *query.texts)
        vectors = text_vectors(network, texts, show_progress=False)
        for with_names, collected in scores.items():
            collected.append(evaluate_support(network, support, query, names=with_names, vectors=vectors))
    rows = []
    for with_names, collected in scores.items():
        for kind in ("accuracy", "balanced_accuracy"):
            by_task = {score.task: getattr(score, kind) for score in collected}
            estimate = mean_interval(list(by_task.values()))
            rows.append(
                {
                    "setting": f"{len(names)} tasks{', names' if with_names else ''}: {kind.replace('_', ' ')}",
                    "accuracy": estimate.mean,
                    "interval": estimate.half_width if len(by_task) > 1 else None,  # of one task there is none
                    "tasks": by_task,
                }
            )
    return rows


def _usable_names(test: TestArguments, tasks: Sequence[Task]) -> list[bool]:
    """With and without class names, as asked for; names that are no words are left out."""
    words = all(names_are_words(task.classes) for task in tasks)
    usable = [names for names in test.test_names if words or not names]
    if not usable:
        raise ValueError("test_names asks for class names as examples alone, but the class names are no words.")
    return usable


def _by_name(tasks: Sequence[Task]) -> dict[str, Task]:
    by_name = {task.name: task for task in tasks}
    if len(by_name) < len(tasks):
        names = [task.name for task in tasks]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two tasks are called {twice!r}; give each corpus a name= of its own.")
    return by_name


def print_table(columns: Sequence[tuple[str, Sequence[dict[str, Any]]]]) -> None:
    """Print settings as rows and runs as columns: accuracy in percent with its 95 % interval."""
    names = [row["setting"] for row in columns[0][1]]
    width = max(len(name) for name in names)
    print(" " * width, *(f"{title:>12}" for title, _ in columns))
    for i, name in enumerate(names):
        cells = (_cell(rows[i]["accuracy"], rows[i]["interval"]) for _, rows in columns)
        print(f"{name:<{width}}", *(f"{cell:>12}" for cell in cells), flush=True)


def _cell(mean: float, interval: float | None) -> str:
    return f"{100 * mean:.1f}" if interval is None else f"{100 * mean:.1f} ± {100 * interval:.1f}"
