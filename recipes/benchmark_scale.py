"""Measure large support sets: `python recipes/benchmark_scale.py [key=value ...]`.

The texts of a corpus and perturbed copies of their vectors are the examples of ever larger classifiers. Each is
saved, and opened by a process of its own, which measures the seconds and memory of opening, a query beyond the
encoder, and how far the vote of the nearest is from that of all. `--help` lists the settings. Needs the extras
`offline` and `faiss`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import torch
from benchmarks.prepared import classifier_of, perturbed, resident
from benchmarks.timing import machine

from fewtext import FewShotClassifier, MatchingNetwork
from fewtext.models.loading import load_network

if TYPE_CHECKING:
    from fewtext import Task


@dataclass
class ScaleArguments:
    """What to measure.

    Args:
        data: Corpus with the splits train (examples) and test (queries); by default BANKING77 (`FEWTEXT_DATA`).
        sizes: Numbers of examples.
        precision: Of their vectors: float32, float16 or int8.
        noise: Length of what is added to the vector of a copy, which has length 1.
        queries: Texts that are classified.
        threads: Threads of torch and FAISS.
        output: Folder for the classifiers and `scale.json`.
    """

    data: str | None = None
    sizes: list[int] = field(default_factory=lambda: [10_000, 100_000, 1_000_000])
    precision: str = "float16"
    noise: float = 0.5
    queries: int = 500
    threads: int = 2
    output: str = "runs/scale"


def build(task: Task, network: MatchingNetwork, vectors: torch.Tensor, size: int, arguments: ScaleArguments) -> Path:
    """Save a classifier of `size` examples, and return its folder."""
    rows = [i % len(vectors) for i in range(size)]
    texts = [f"{task.texts[row]} ({i // len(vectors)})" for i, row in enumerate(rows)]
    copies = perturbed(vectors, size, arguments.noise)
    settings = {"large_size": 1, "precision": arguments.precision}
    classifier = classifier_of(network, copies, [task.labels[row] for row in rows], texts, **settings)
    folder = Path(arguments.output) / f"{size}-{arguments.precision}"
    classifier.save_pretrained(folder)
    return folder


def opened(folder: Path, texts: list[str], threads: int) -> dict[str, float]:
    """Open a classifier and measure it; needs a process of its own."""
    torch.set_num_threads(threads)
    figures = {"MB before": resident()[0]}
    started = time.perf_counter()
    classifier = FewShotClassifier.from_pretrained(folder)
    figures["seconds to open"] = time.perf_counter() - started
    queries = classifier.network.embed(texts)
    examples = len(classifier.support)
    figures |= {"examples": examples, "MB opened": resident()[0]}
    memory = classifier.memory
    for _ in range(2):  # once to read what is mapped, once as it goes on
        seconds = []
        for query in queries:
            started = time.perf_counter()
            found = memory.answer(query[None])
            seconds.append(time.perf_counter() - started)
        figures.setdefault("first ms a query, p50", 1e3 * float(np.median(seconds)))
    figures["ms a query, p50"] = 1e3 * float(np.median(seconds))
    figures["ms a query, p99"] = 1e3 * float(np.quantile(seconds, 0.99))
    started = time.perf_counter()
    found = memory.answer(queries)
    figures["ms a query of many"] = 1e3 * (time.perf_counter() - started) / len(queries)
    figures["MB after queries"], figures["of these, pages of files"] = resident()
    started = time.perf_counter()
    exact = memory.exact().answer(queries)
    figures["ms a query of many, all examples read"] = 1e3 * (time.perf_counter() - started) / len(queries)
    same = found.log_probs.argmax(-1) == exact.log_probs.argmax(-1)
    apart = (found.log_probs.exp() - exact.log_probs.exp()).abs().amax(-1)
    figures["agreement, percent"] = 100 * float(same.float().mean())
    figures["largest error of a probability"] = float(apart.max())
    figures["its mean over the queries"] = float(apart.mean())
    new = [f"a new text of the number {i}" for i in range(5)]
    started = time.perf_counter()
    classifier.network.embed([*new, "quite new"])
    encoding = time.perf_counter() - started
    for name, change in (
        ("first", lambda: classifier.add(new, "quite new")),
        ("second", lambda: classifier.add([f"{text} again" for text in new], "quite new")),
        ("remove", lambda: classifier.remove("quite new")),
    ):
        started = time.perf_counter()
        change()
        figures[f"seconds to add 5 examples, {name}" if name != "remove" else "seconds to remove a class"] = (
            time.perf_counter() - started
        )
    figures["seconds to encode 5 examples and a name"] = encoding
    started = time.perf_counter()
    load_network(folder)  # last, for a second encoder takes memory
    figures["seconds to open the encoder alone"] = time.perf_counter() - started
    return figures


def benchmark(arguments: ScaleArguments) -> None:
    """Build, open and measure one size after the other, and print what was found."""
    # Imported late, as `parse` below: what opens a classifier needs no `datasets`.
    from benchmarks.problems import data_folder

    from fewtext import load_tasks

    torch.set_num_threads(arguments.threads)
    folder = Path(arguments.output)
    folder.mkdir(parents=True, exist_ok=True)
    data = arguments.data or str(data_folder() / "banking77" / "full")
    [train], [test] = (load_tasks(data, split=split) for split in ("train", "test"))
    network = load_network(None)[0]
    vectors = network.embed(train.texts)
    results = []
    print(f"{machine()}, {arguments.threads} threads", flush=True)
    for size in arguments.sizes:
        saved = build(train, network, vectors, size, arguments)
        command = [sys.executable, __file__, "--open", str(saved), str(arguments.threads)]
        texts = json.dumps(list(test.texts[: arguments.queries]))
        done = subprocess.run(command, input=texts, stdout=subprocess.PIPE, text=True, check=True)
        figures = json.loads(done.stdout.splitlines()[-1])
        results.append(figures)
        for name, value in figures.items():
            print(f"  {name:<45}{value:.4g}", flush=True)
    (folder / "scale.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--open"]:
        print(json.dumps(opened(Path(sys.argv[2]), json.load(sys.stdin), int(sys.argv[3]))))
        sys.exit()
    from fewtext.commands.arguments import describe, parse

    if "--help" in sys.argv:
        print(f"{__doc__}\n{describe(ScaleArguments)}")
    else:
        benchmark(*parse(sys.argv[1:], ScaleArguments))
