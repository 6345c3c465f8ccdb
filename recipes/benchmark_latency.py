"""Time what a user waits for: `python recipes/benchmark_latency.py [key=value ...]`.

One text beside its encoding, a class that is added to 1,000, many classes, and, beside SetFit in processes of their
own, import to first answer and the CPU seconds of `fit` and `predict`. `--help` lists the settings. Needs the extras
`offline`, `faiss` and, with `setfit=true`, `benchmark`.
"""

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import torch
from benchmarks.prepared import classifier_of, perturbed
from benchmarks.problems import data_folder
from benchmarks.timing import machine, ratio, shown, timed

from fewtext import FewShotClassifier, Task, load_tasks
from fewtext.commands.arguments import describe, parse
from fewtext.models.loading import load_network


@dataclass
class LatencyArguments:
    """What to time.

    Args:
        data: Corpus with the splits train (examples) and test (queries); by default BANKING77 (`FEWTEXT_DATA`).
        queries: Texts that are asked one by one, and of which blocks are classified.
        shot: Examples a class.
        classes: Where there are many classes, how many.
        many: And how many examples of each.
        repeats: Times that each candidate runs.
        threads: Threads of torch and FAISS.
        setfit: Also run SetFit, which takes minutes.
        output: JSON file for the results.
    """

    data: str | None = None
    queries: int = 500
    shot: int = 5
    classes: int = 1_000
    many: int = 100
    repeats: int = 5
    threads: int = 1
    setfit: bool = False
    output: str | None = None


def benchmark(arguments: LatencyArguments) -> None:
    """Measure, print and write down."""
    torch.set_num_threads(arguments.threads)
    train, queries = corpus(arguments)
    found: dict[str, object] = {"machine": f"{machine()}, {arguments.threads} threads"}
    print(found["machine"], flush=True)
    parts = {"one text": one_text, "a class is added": adding, "many classes": many_classes}
    for name, measure in parts.items():
        found[name] = measure(train, queries, arguments)
        print(name, *(f"\n  {key:<58}{shown(value)}" for key, value in found[name].items()), flush=True)
    if arguments.setfit:
        found["beside SetFit"] = beside_setfit(arguments)
        print("beside SetFit", json.dumps(found["beside SetFit"], indent=2), flush=True)
    if arguments.output:
        Path(arguments.output).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def source(arguments: LatencyArguments) -> str:
    """Return the corpus."""
    return arguments.data or str(data_folder() / "banking77" / "full")


def corpus(arguments: LatencyArguments) -> tuple[Task, list[str]]:
    """Return the examples to draw from, and the queries."""
    [train], [test] = (load_tasks(source(arguments), split=split) for split in ("train", "test"))
    step = max(1, len(test.texts) // arguments.queries)
    return train, list(dict.fromkeys(test.texts[::step]))[: arguments.queries]


def examples(train: Task, shot: int) -> tuple[list[str], list[str]]:
    """Return the first examples of each class, and their labels."""
    pairs = [(text, label) for label in train.classes for text in train.texts_of[label][:shot]]
    return [text for text, _ in pairs], [label for _, label in pairs]


def one_text(train: Task, queries: list[str], arguments: LatencyArguments) -> dict[str, float]:
    """Milliseconds of one text after the other: encoded, and classified; in turn."""
    classifier = FewShotClassifier(cache_size=0).fit(*examples(train, arguments.shot))
    network = classifier.network
    seconds: dict[str, list[float]] = {"embed": [], "predict": []}
    for text in [*queries[:10], *queries]:
        for name, run in (("embed", network.embed), ("predict", classifier.predict)):
            started = time.perf_counter()
            run([text])
            seconds[name].append(time.perf_counter() - started)
    found = {
        f"{name}, p{p}": 1e3 * float(np.percentile(own[10:], p)) for name, own in seconds.items() for p in (50, 99)
    }
    return found | {f"ratio, p{p}": found[f"predict, p{p}"] / found[f"embed, p{p}"] for p in (50, 99)}


def adding(train: Task, queries: list[str], arguments: LatencyArguments) -> dict[str, object]:
    """A class of 5 examples added to many classes of 5, beside encoding the 5; and the first answer after it.

    Its name is a sixth text that is encoded; where names do not count, there are five.
    """
    network = load_network(None)[0]
    vectors = network.embed(train.texts[:1000])
    labels = [f"class number {c:04d} of many" for c in range(arguments.classes) for _ in range(5)]
    examples = perturbed(vectors, len(labels), 0.5)
    classifier = classifier_of(network, examples, labels, cache_size=0)
    nameless = classifier_of(network, examples, labels, cache_size=0, label_names=False)
    classifier.predict(queries[:1])
    fresh = iter(range(1_000_000))

    def new() -> list[str]:
        return [f"{text} {next(fresh)}" for text in queries[:5]]

    seconds = timed(
        {
            "encode": lambda: network.embed(new()),
            "encode 6": lambda: network.embed([*new(), f"something new {next(fresh)}"]),
            "add": lambda: classifier.add(new(), f"something new {next(fresh)}"),
            "add without names": lambda: nameless.add(new(), f"something new {next(fresh)}"),
            "one text": lambda: network.embed(queries[:1]),
            "answer": lambda: classifier.predict(queries[:1]),
        },
        4 * arguments.repeats,
    )
    return {
        "add over encoding the 5 texts": ratio(seconds["add"], seconds["encode"]),
        "add over encoding the 5 texts and the name": ratio(seconds["add"], seconds["encode 6"]),
        "add over encoding the 5 texts, names not counted": ratio(seconds["add without names"], seconds["encode"]),
        "ms to add": 1e3 * float(np.median(seconds["add"].wall)),
        "the first answer over encoding its text": ratio(seconds["answer"], seconds["one text"]),
    }


def many_classes(train: Task, queries: list[str], arguments: LatencyArguments) -> dict[str, object]:
    """`predict` over `embed` of the same texts."""
    network = load_network(None)[0]
    vectors = network.embed(train.texts)
    found: dict[str, object] = {}
    for n_way, shot in ((77, 10), (arguments.classes, arguments.many)):
        labels = [f"class number {c:04d} of many" for c in range(n_way) for _ in range(shot)]
        classifier = classifier_of(network, perturbed(vectors, n_way * shot, 0.5), labels, cache_size=0)
        _ = classifier.confidence
        seconds = timed(
            {
                "embed": lambda: network.embed(queries, show_progress=False),
                "predict": lambda classifier=classifier: classifier.predict(queries),
            },
            arguments.repeats,
        )
        found[f"predict over embed, {n_way:,} classes x {shot}"] = ratio(seconds["predict"], seconds["embed"])
    return found


def beside_setfit(arguments: LatencyArguments) -> dict[str, dict[str, float]]:
    """Import to first answer, and CPU seconds of fitting and predicting, each in a process of its own."""
    found = {}
    for name in ("fewtext", "SetFit"):
        for what in ("first answer", "corpus"):
            command = [sys.executable, __file__, "--peer", name, what, json.dumps(vars(arguments))]
            environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads)}
            started = time.perf_counter()
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            seconds = time.perf_counter() - started
            figures = json.loads(done.stdout.splitlines()[-1])
            found[f"{name}, {what}"] = figures | ({"wall seconds": seconds} if what == "first answer" else {})
    return found


def peer(name: str, what: str, arguments: LatencyArguments) -> dict[str, float]:
    """Do it as a user would, and return the CPU seconds of this process."""
    if what == "first answer":
        texts = ["where is my parcel", "it has not arrived yet", "i want my money back", "how do i return this"]
        labels, queries = ["tracking", "tracking", "refund", "refund"], ["has it been shipped?"]
    else:
        train, _ = corpus(arguments)
        [test] = load_tasks(source(arguments), split="test")
        texts, labels = examples(train, arguments.shot)
        queries = list(test.texts)
    started = time.process_time()
    figures = {}
    if name == "fewtext":
        classifier = FewShotClassifier.from_pretrained()
        fitted = time.process_time()
        classifier.fit(texts, labels)
    else:
        from benchmarks.methods import SetFit

        classifier = SetFit(names=False)
        fitted = time.process_time()
        classifier.fit(texts, labels, seed=0)
    figures["CPU seconds, fit"] = time.process_time() - fitted
    before = time.process_time()
    classifier.predict(queries[:1])
    figures["CPU seconds, the first answer"] = time.process_time() - before
    before = time.process_time()
    classifier.predict(queries)
    figures["CPU seconds, all texts"] = time.process_time() - before
    figures["CPU seconds, from the model on"] = time.process_time() - started
    figures["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(f"{__doc__}\n{describe(LatencyArguments)}")
    elif sys.argv[1:2] == ["--peer"]:
        print(json.dumps(peer(sys.argv[2], sys.argv[3], LatencyArguments(**json.loads(sys.argv[4])))))
    else:
        benchmark(*parse(sys.argv[1:], LatencyArguments))
