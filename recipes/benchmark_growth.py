"""Measure how cost grows: `python recipes/benchmark_growth.py [key=value ...]`; recipes/benchmarks/GROWTH.md reads it.

Against classes, examples a class, queries at once, length of a text, size of the support set (all examples read, and
the nearest by FAISS), classifiers in one process, and processes that train. Figures go to `growth.json`, curves to
`growth.png`. `--help` lists the settings. Needs the extras `offline`, `faiss` and `plots`.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import torch
from benchmarks.prepared import classifier_of, perturbed, resident
from benchmarks.timing import machine

from fewtext import FewShotClassifier, MatchingNetwork, load_tasks
from fewtext.commands.arguments import describe, parse
from fewtext.models.loading import load_network

Curve = dict[str, float]


@dataclass
class GrowthArguments:
    """What to measure.

    Args:
        data: Corpus whose texts are queries, and whose vectors, moved a little, are examples.
        split: Split of it, where it has several.
        repeats: Times that each is timed; the median counts.
        threads: Threads of torch and FAISS.
        classes: Numbers of classes.
        shots: Numbers of examples a class.
        support: Sizes of the support set.
        classifiers: Classifiers in one process.
        processes: Numbers of processes that train; empty leaves it out.
        output: Folder of the results.
    """

    data: str = "fewtext/intents"
    split: str | None = None
    repeats: int = 5
    threads: int = 1
    classes: list[int] = field(default_factory=lambda: [10, 100, 1_000, 5_000])
    shots: list[int] = field(default_factory=lambda: [1, 10, 100, 400])
    support: list[int] = field(default_factory=lambda: [1_000, 10_000, 100_000, 1_000_000])
    classifiers: int = 1_000
    processes: list[int] = field(default_factory=lambda: [1, 2])
    output: str = "runs/growth"


def milliseconds(run: Callable[[], object], repeats: int) -> float:
    """Return the median wall milliseconds of some runs, after one that warms up."""
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return 1e3 * statistics.median(seconds[1:])


def labels_of(n_way: int, shot: int) -> list[str]:
    """Return the labels of `shot` examples of each of `n_way` classes."""
    return [f"class number {c:05d} of many" for c in range(n_way) for _ in range(shot)]


class Growth:
    """The network, vectors of real texts, and what to measure."""

    def __init__(self, arguments: GrowthArguments) -> None:
        self.repeats = arguments.repeats
        self.arguments = arguments
        [task] = load_tasks(arguments.data, split=arguments.split)
        self.texts = list(dict.fromkeys(task.texts))[:1000]
        self.network: MatchingNetwork = load_network(None)[0]
        self.vectors = self.network.embed(self.texts)
        self.queries = perturbed(self.vectors[:256], 512, 0.3)[256:]

    def answer(self, n_way: int, shot: int, **settings: object) -> FewShotClassifier:
        """Return a classifier of so many classes and examples."""
        moved = perturbed(self.vectors, n_way * shot, 0.5)
        return classifier_of(self.network, moved, labels_of(n_way, shot), label_names=False, **settings)

    def a_query(self, classifier: FewShotClassifier) -> float:
        """Return the milliseconds of a query among 256, its encoding aside."""
        return milliseconds(lambda: classifier.memory.answer(self.queries), self.repeats) / len(self.queries)

    def classes(self) -> Curve:
        """5 examples of each class."""
        return {str(n): self.a_query(self.answer(n, 5)) for n in self.arguments.classes}

    def shots(self) -> Curve:
        """100 classes."""
        return {str(n): self.a_query(self.answer(100, n)) for n in self.arguments.shots}

    def queries_at_once(self) -> Curve:
        """Texts that are classified at once, encoding included, 77 classes of 5 examples."""
        classifier = self.answer(77, 5, cache_size=0)
        _ = classifier.confidence
        sizes = [n for n in (1, 4, 16, 64, 256, 1_000) if n <= len(self.texts)]
        return {str(n): milliseconds(lambda n=n: classifier.predict(self.texts[:n]), self.repeats) / n for n in sizes}

    def length(self) -> Curve:
        """Tokens of a text, 16 texts of it."""
        found = {}
        for tokens in (8, 16, 32, 64, 128, 256):
            texts = ["card " * (tokens - 2)] * 16
            found[str(tokens)] = milliseconds(lambda texts=texts: self.network.embed(texts), self.repeats) / 16
        return found

    def support(self, search: str) -> tuple[Curve, Curve]:
        """1,000 classes: milliseconds of a query, and MB that the process grew by."""
        times, sizes = {}, {}
        for n in self.arguments.support:
            before = resident()[0]
            classifier = self.answer(min(1_000, n // 5), n // min(1_000, n // 5), large_size=1, search=search)
            classifier.base_network().vectors = torch.empty(0)  # what only this benchmark keeps
            times[str(n)], sizes[str(n)] = self.a_query(classifier), resident()[0] - before
        return times, sizes

    def classifiers(self) -> Curve:
        """Classifiers of 10 classes with 5 examples that share one encoder: MB of each, and milliseconds to fit it."""
        moved = perturbed(self.vectors, 50, 0.5)
        shared = classifier_of(self.network, moved, labels_of(10, 5)).base_network()
        texts, labels = list(shared.row_of), labels_of(10, 5)
        names = self.network.embed(sorted(set(labels)))
        shared.row_of |= {name: 50 + i for i, name in enumerate(sorted(set(labels)))}
        shared.vectors = torch.cat([shared.vectors, names])
        before, started = resident()[0], time.perf_counter()
        many = [FewShotClassifier(shared).fit(texts, labels) for _ in range(self.arguments.classifiers)]
        fitting = time.perf_counter() - started
        assert all(one.network is shared for one in many)
        return {"MB a classifier": (resident()[0] - before) / len(many), "ms to fit one": 1e3 * fitting / len(many)}

    def training(self) -> Curve:
        """Episodes a second of processes of one thread, 20-way 1-shot."""
        found = {}
        for n in self.arguments.processes:
            folder = Path(self.arguments.output) / f"training-{n}"
            command = (
                [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(n)]
                if n > 1
                else [sys.executable]
            )
            command += [str(Path(__file__).parent / "train.py"), "recipes/intent/samples/lstm.yaml", "n_episodes=48"]
            command += ["per_device_train_batch_size=1", f"gradient_accumulation_steps={4 // n}", "test_episodes=2"]
            command += ["eval_strategy=no", "save_strategy=no", f"output_dir={folder}", "report_to=none"]
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
            results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
            found[str(n)] = 48 / results["training_seconds"]
        return found


TITLES = {
    "classes": ("classes, 5 examples each", "ms a query, encoding aside"),
    "shots": ("examples a class, 100 classes", "ms a query, encoding aside"),
    "queries at once": ("texts at once, 77 classes", "ms a text, with encoding"),
    "length": ("tokens of a text", "ms to encode"),
    "support set": ("examples, 1,000 classes", "ms a query, encoding aside"),
    "memory": ("examples, 1,000 classes", "MB"),
}


def benchmark(arguments: GrowthArguments) -> None:
    """Measure all, write it down and draw it."""
    torch.set_num_threads(arguments.threads)
    folder = Path(arguments.output)
    folder.mkdir(parents=True, exist_ok=True)
    growth = Growth(arguments)
    found: dict[str, object] = {"machine": f"{machine()}, {arguments.threads} threads"}
    parts: dict[str, Callable[[], Curve]] = {
        "classes": growth.classes,
        "shots": growth.shots,
        "queries at once": growth.queries_at_once,
        "length": growth.length,
        "classifiers": growth.classifiers,
        "training, episodes a second": growth.training,
    }
    for name, measure in parts.items():
        found[name] = measure()
        print(name, json.dumps(found[name]), flush=True)
    times, sizes = {}, {}
    for search in ("exact", "index"):
        times[search], sizes[search] = growth.support(search)
        print("support set", search, json.dumps(times[search]), json.dumps(sizes[search]), flush=True)
    found |= {"support set": times, "memory": sizes}
    (folder / "growth.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    draw(found, folder / "growth.png")


def draw(found: dict[str, object], file: Path) -> None:
    """Draw the curves, both axes logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7), layout="constrained")
    for axes, (name, (across, up)) in zip(figure.subplots(2, 3).flat, TITLES.items(), strict=True):
        curves = found[name] if name in ("support set", "memory") else {"": found[name]}
        for label, curve in curves.items():
            axes.plot([int(x) for x in curve], list(curve.values()), "o-", label=label)
        axes.set(xscale="log", yscale="log", xlabel=across, ylabel=up, title=name)
        if len(curves) > 1:
            axes.legend()
    figure.savefig(file, dpi=110)


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(f"{__doc__}\n{describe(GrowthArguments)}")
    else:
        benchmark(*parse(sys.argv[1:], GrowthArguments))
