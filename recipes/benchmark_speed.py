"""Time fewtext beside its encoder and sentence-transformers: `python recipes/benchmark_speed.py [key=value ...]`.

Everything runs in one process, the candidates in turn, so that a machine that slows down slows all of them;
each figure is a ratio, the median over the repeats, with the smallest and the largest. `--help` lists the
settings. Needs the extras `offline` and `benchmark`.
"""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from fewtext import EpisodeSetting, FewShotClassifier, MatchingNetwork, evaluate_episodes, load_tasks
from fewtext.commands.arguments import describe, parse
from fewtext.data.names import readable_name
from fewtext.evaluation.episodic import draw_episodes
from fewtext.models.encoders import default_encoder


@dataclass
class BenchmarkArguments:
    """What to time.

    Args:
        data: Corpus whose texts are encoded; its classes are those of the classifier.
        split: Split of it, where it has several.
        n_texts: Texts to encode and to classify.
        shot: Examples a class of the classifier.
        repeats: Times that each candidate runs.
        threads: Threads of torch.
        episodes: Episodes of each of the four settings of the evaluation; 0 leaves it out.
        output: JSON file for the results.
    """

    data: str = "fewtext/intents"
    split: str | None = None
    n_texts: int = 500
    shot: int = 5
    repeats: int = 5
    threads: int = 1
    episodes: int = 600
    output: str | None = None


def timed(candidates: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Return the seconds of each candidate, run in turn after one warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for repeat in range(repeats + 1):
        for name, run in candidates.items():
            started = time.perf_counter()
            run()
            if repeat:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def ratio(above: list[float], below: list[float]) -> dict[str, float]:
    """Return the ratio of two candidates, pair by pair."""
    pairs = [a / b for a, b in zip(above, below, strict=True)]
    return {"median": statistics.median(pairs), "min": min(pairs), "max": max(pairs)}


def benchmark(arguments: BenchmarkArguments) -> dict[str, object]:
    """Run the comparisons, print a table, and return it."""
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(arguments.threads)
    [task] = load_tasks(arguments.data, split=arguments.split)
    texts = list(dict.fromkeys(task.texts))[: arguments.n_texts]
    examples = [(text, label) for label in task.classes for text in task.texts_of[label][: arguments.shot]]
    example_texts, labels = [text for text, _ in examples], [label for _, label in examples]
    names = [readable_name(label) for label in task.classes]
    model = MatchingNetwork.from_encoder()
    peer = SentenceTransformer(str(default_encoder()), device="cpu")
    largest = float((model.embed(texts) - torch.tensor(peer.encode(texts))).abs().max())
    classifier = FewShotClassifier(model, cache_size=0).fit(example_texts, labels)
    seconds = timed(
        {
            "peer": lambda: peer.encode(texts, batch_size=32),
            "embed": lambda: model.embed(texts, show_progress=False),
            "predict": lambda: classifier.predict(texts),
            "embed_examples": lambda: model.embed([*example_texts, *names], show_progress=False),
            "fit": lambda: FewShotClassifier(model).fit(example_texts, labels),
        },
        arguments.repeats,
    )
    results: dict[str, object] = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
        "threads": arguments.threads,
        "texts": len(texts),
        "classes": len(task.classes),
        "shot": arguments.shot,
        "texts_per_second": len(texts) / statistics.median(seconds["embed"]),
        "largest_difference_to_sentence_transformers": largest,
        "embed_speed_over_sentence_transformers": ratio(seconds["peer"], seconds["embed"]),
        "predict_over_embed": ratio(seconds["predict"], seconds["embed"]),
        "fit_over_embed": ratio(seconds["fit"], seconds["embed_examples"]),
    }
    if arguments.episodes:
        results["evaluate_over_embed"] = evaluation_ratio(model, task, arguments)
    for name, value in results.items():
        shown = (
            f"{value['median']:.3f} ({value['min']:.3f} to {value['max']:.3f})" if isinstance(value, dict) else value
        )
        print(f"{name:<46}{shown}", flush=True)
    if arguments.output:
        Path(arguments.output).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return results


def evaluation_ratio(model: MatchingNetwork, task: object, arguments: BenchmarkArguments) -> dict[str, float]:
    """Time 4 settings of episodes against encoding their distinct texts once."""
    settings = [EpisodeSetting(5, shot, 5, names) for shot in (1, 5) for names in (False, True)]
    drawn = [e for s in settings for e in draw_episodes([task], s, arguments.episodes, 0)]
    distinct = list(dict.fromkeys(t for e in drawn for t in (*e.support_texts, *e.names, *e.query_texts)))
    seconds = timed(
        {
            "evaluate": lambda: evaluate_episodes(
                model, [task], settings, n_episodes=arguments.episodes, show_progress=False
            ),
            "embed": lambda: model.embed(distinct, show_progress=False),
        },
        arguments.repeats,
    )
    return ratio(seconds["evaluate"], seconds["embed"])


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(describe(BenchmarkArguments))
    else:
        benchmark(*parse(sys.argv[1:], BenchmarkArguments))
