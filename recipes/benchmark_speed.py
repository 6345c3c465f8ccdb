"""Time fewtext beside its encoder and sentence-transformers: `python recipes/benchmark_speed.py [key=value ...]`.

Everything runs in one process, the candidates in turn, so that a machine that slows down slows all of them; each
figure is a ratio, the median over the repeats, with the smallest and the largest, and the ratio of the CPU seconds.
`--help` lists the settings. Needs the extras `offline` and `benchmark`.
"""

import json
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent))

import torch
from benchmarks.backends import BACKENDS, GPU_BACKENDS, network_of
from benchmarks.timing import Seconds, machine, ratio, shown, timed
from torch.nn.functional import normalize

from fewtext import EpisodeSetting, FewShotClassifier, MatchingNetwork, Task, evaluate_episodes, load_tasks
from fewtext.commands.arguments import describe, parse
from fewtext.data.names import readable_name
from fewtext.evaluation.episodic import draw_episodes
from fewtext.models.encoders import default_encoder

HALF_PEER = "peer, half precision, batches of 256"
"""What a GPU is measured with too."""


@dataclass
class BenchmarkArguments:
    """What to time.

    Args:
        data: Corpus whose texts are encoded; its classes are those of the classifier.
        split: Split of it, where it has several.
        n_texts: Texts to encode and to classify.
        shot: Examples a class of the classifier.
        repeats: Times that each candidate runs.
        threads: Threads of torch and of the backends; several are measured one after another.
        device: `cpu` or `cuda`, of sentence-transformers too; on a GPU fewtext encodes in half precision, and of the
            backends only torch and compile run there.
        backends: What runs the encoder, beside sentence-transformers: torch, compile, packed, onnx, onnx int8,
            openvino; by default all that run on the device.
        episodes: Episodes of each of the four settings of the evaluation; 0 leaves it out.
        output: Folder for `speed.json`, `speed.md` and `speed.png`.
    """

    data: str = "fewtext/intents"
    split: str | None = None
    n_texts: int = 500
    shot: int = 5
    repeats: int = 5
    threads: list[int] = field(default_factory=lambda: [1, 2])
    device: str = "cpu"
    backends: list[str] | None = None
    episodes: int = 600
    output: str | None = None


def benchmark(arguments: BenchmarkArguments) -> dict[str, object]:
    """Run the comparisons, print a table, and return it."""
    [task] = load_tasks(arguments.data, split=arguments.split)
    on_gpu = arguments.device != "cpu"
    if arguments.backends is None:
        arguments.backends = list(GPU_BACKENDS if on_gpu else BACKENDS)
    if on_gpu and (other := sorted(set(arguments.backends) - set(GPU_BACKENDS))):
        raise ValueError(f"the backend {other[0]!r} runs on a CPU; on a GPU there are {', '.join(GPU_BACKENDS)}.")
    model = MatchingNetwork.from_encoder().to(arguments.device)
    results: dict[str, object] = {"machine": machine(), "classes": len(task.classes), "shot": arguments.shot}
    print(f"{results['machine']}; {len(task.classes)} classes, {arguments.shot} examples each", flush=True)
    with TemporaryDirectory() as exported:
        for threads in arguments.threads:
            torch.set_num_threads(threads)
            figures = measured(model, task, arguments, Path(exported))
            results[f"{threads} threads"] = figures
            print(f"{threads} thread{'s' * (threads > 1)}", flush=True)
            for name, value in figures.items():
                print(f"  {name:<58}{shown(value)}", flush=True)
    if arguments.output:
        write(results, arguments, Path(arguments.output))
    return results


def measured(model: MatchingNetwork, task: Task, arguments: BenchmarkArguments, exported: Path) -> dict[str, object]:
    """Return the figures of one number of threads."""
    from sentence_transformers import SentenceTransformer

    texts = list(dict.fromkeys(task.texts))[: arguments.n_texts]
    examples = [(text, label) for label in task.classes for text in task.texts_of[label][: arguments.shot]]
    example_texts, labels = [text for text, _ in examples], [label for _, label in examples]
    counted = [*example_texts, *(readable_name(label) for label in task.classes)]
    peer = SentenceTransformer(str(default_encoder()), device=arguments.device)
    networks = {backend: network_of(backend, model, exported) for backend in arguments.backends}
    classifier = FewShotClassifier(model, cache_size=0).fit(example_texts, labels)
    candidates = {"peer": lambda: peer.encode(texts, batch_size=32)}
    if arguments.device != "cpu":
        half = SentenceTransformer(
            str(default_encoder()), device=arguments.device, model_kwargs={"dtype": torch.bfloat16}
        )
        candidates[HALF_PEER] = lambda: half.encode(texts, batch_size=256)
    for backend, network in networks.items():
        candidates[f"embed, {backend}"] = lambda network=network: network.embed(texts, show_progress=False)
    if "torch" not in networks:
        candidates["embed, torch"] = lambda: model.embed(texts, show_progress=False)
    candidates |= {
        "predict": lambda: classifier.predict(texts),
        "embed examples": lambda: model.embed(counted, show_progress=False),
        "fit": lambda: FewShotClassifier(model).fit(example_texts, labels),
    }
    seconds = timed(candidates, arguments.repeats)
    directions = normalize(torch.tensor(peer.encode(texts)), dim=-1)
    figures: dict[str, object] = {
        "texts": len(texts),
        "texts a second, sentence-transformers": len(texts) / statistics.median(seconds["peer"].wall),
    }
    if HALF_PEER in seconds:
        figures[f"speed over {HALF_PEER}, torch"] = ratio(seconds[HALF_PEER], seconds["embed, torch"])
    for backend, network in networks.items():
        figures[f"speed over sentence-transformers, {backend}"] = ratio(seconds["peer"], seconds[f"embed, {backend}"])
        apart = normalize(network.embed(texts, show_progress=False).cpu(), dim=-1) - directions
        figures[f"largest difference to sentence-transformers, {backend}"] = float(apart.abs().max())
    figures["predict over embed"] = ratio(seconds["predict"], seconds["embed, torch"])
    figures["fit over embed of the examples"] = ratio(seconds["fit"], seconds["embed examples"])
    if arguments.episodes:
        above, below = evaluation(model, task, arguments)
        figures["evaluate over embed of the distinct texts"] = ratio(above, below)
    return figures


def evaluation(model: MatchingNetwork, task: Task, arguments: BenchmarkArguments) -> tuple[Seconds, Seconds]:
    """Time 4 settings of episodes, and encoding their distinct texts once."""
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
    return seconds["evaluate"], seconds["embed"]


def write(results: dict[str, object], arguments: BenchmarkArguments, folder: Path) -> None:
    """Write the figures as JSON, as a table in Markdown and as a picture."""
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "speed.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    by_threads = {name: figures for name, figures in results.items() if isinstance(figures, dict)}
    rows = list(next(iter(by_threads.values())))
    lines = [f"{results['machine']}\n", f"| | {' | '.join(by_threads)} |", f"|---{'|---' * len(by_threads)}|"]
    lines += [f"| {row} | {' | '.join(shown(figures[row]) for figures in by_threads.values())} |" for row in rows]
    (folder / "speed.md").write_text("\n".join(lines) + "\n", encoding="utf-8")

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(by_threads)
    for k, (name, figures) in enumerate(by_threads.items()):
        ratios = [figures[f"speed over sentence-transformers, {backend}"] for backend in arguments.backends]
        medians = [one["median"] for one in ratios]
        errors = [[one["median"] - one["min"] for one in ratios], [one["max"] - one["median"] for one in ratios]]
        places = [i + k * width for i in range(len(ratios))]
        axes.bar(places, medians, width, yerr=errors, label=name)
    axes.set_xticks([i + 0.4 - width / 2 for i in range(len(arguments.backends))], arguments.backends)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_ylabel("texts a second, sentence-transformers = 1")
    axes.legend()
    figure.savefig(folder / "speed.png", dpi=150)


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(describe(BenchmarkArguments))
    else:
        benchmark(*parse(sys.argv[1:], BenchmarkArguments))
