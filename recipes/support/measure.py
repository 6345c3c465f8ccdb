"""What a support set tells of itself, beside the truth: `python recipes/support/measure.py data=FOLDER [...]`.

All classes of a corpus at once, several draws: leave-one-out accuracy against test accuracy, calibration,
wrong labels found, texts of no class found, and adaptation in memory beside logistic regression on the same
vectors. `--help` lists the settings.
"""

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score
from sklearn.preprocessing import normalize

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.jobs import detection
from benchmarks.methods import Tabled, logistic_regression, with_names
from benchmarks.problems import draw_examples

from fewtext import FewShotClassifier, MatchingNetwork, Task, load_tasks
from fewtext.commands.arguments import describe, parse
from fewtext.data.names import readable_name
from fewtext.evaluation.statistics import expected_calibration_error, mean_interval


@dataclass
class MeasureArguments:
    """What to measure on.

    Args:
        data: Folder of a corpus with a train and a test split.
        unknown: Folder of texts that belong to no class, whose test split is used; None leaves that out.
        shots: Examples a class.
        draws: Draws of the examples, seeds 0, 1, ...
        flipped: Share of the labels made wrong, at the largest number of shots.
        output: JSON file for the results.
    """

    data: str = "../shared/data/banking77/full"
    unknown: str | None = None
    shots: list[int] = field(default_factory=lambda: [1, 5, 10])
    draws: int = 5
    flipped: float = 0.1
    output: str | None = None


def one_draw(network: Tabled, train: Task, test: Task, strange: list[str], shot: int, seed: int) -> dict[str, float]:
    """Return the figures of one draw."""
    texts, labels = draw_examples(train, shot, seed)
    truth = np.asarray(test.labels)
    found: dict[str, float] = {}
    for adaptation in (None, "memory"):
        name = adaptation or "fit"
        started = time.perf_counter()
        clf = FewShotClassifier(network, adaptation=adaptation).fit(texts, labels)
        found[f"{name} seconds"] = time.perf_counter() - started
        probabilities = clf.predict_proba(test.texts)
        right = clf.classes_[probabilities.argmax(1)] == truth
        found[f"{name} accuracy"] = 100 * float(right.mean())
        found[f"{name} calibration error"] = expected_calibration_error(probabilities.max(1), right)
        if shot > 1:
            found[f"{name} leave-one-out"] = 100 * clf.diagnose().accuracy.mean
            found[f"{name} leave-one-out is off by"] = abs(found[f"{name} leave-one-out"] - found[f"{name} accuracy"])
        if strange and shot > 1:
            inside, outside = clf.familiarity(test.texts), clf.familiarity(strange)
            found |= {f"{name} {key}": value for key, value in detection(inside, outside).items()}
            answered = clf.predict(test.texts, abstain="auto") == truth
            refused = [label is None for label in clf.predict(strange, abstain="auto")]
            found[f"{name} auto: in-scope accuracy"] = 100 * float(answered.mean())
            found[f"{name} auto: out-of-scope recall"] = 100 * float(np.mean(refused))
    return found | of_peers(network, with_names(texts, labels), test, strange if shot > 1 else [])


def of_peers(
    network: Tabled, examples: tuple[list[str], list[str]], test: Task, strange: list[str]
) -> dict[str, float]:
    """Return the figures of logistic regression (largest probability) and of the nearest centroid (largest cosine)."""
    vectors, labels = network.embed(examples[0]).numpy(), np.asarray(examples[1])
    queries, others = network.embed(test.texts).numpy(), network.embed(strange).numpy()
    peer = logistic_regression(100.0)().fit(vectors, labels)
    centroids = normalize(np.stack([vectors[labels == name].mean(0) for name in peer.classes_]))
    found: dict[str, float] = {}
    for name, scores in (("logistic regression", peer.predict_proba), ("centroid", lambda v: v @ centroids.T)):
        of_queries = scores(queries)
        found[f"{name} accuracy"] = 100 * float((peer.classes_[of_queries.argmax(1)] == test.labels).mean())
        if strange:
            detected = detection(of_queries.max(1), scores(others).max(1))
            found |= {f"{name} {key}": value for key, value in detected.items()}
    return found


def wrong_labels(network: Tabled, train: Task, shot: int, seed: int, share: float) -> float:
    """Return the average precision of `doubtful` where a share of the labels is wrong."""
    texts, labels = draw_examples(train, shot, seed)
    random = np.random.default_rng(100 + seed)
    rows = set(random.choice(len(labels), round(share * len(labels)), replace=False).tolist())
    other = [str(random.choice([c for c in train.classes if c != label])) for label in labels]
    flipped = [other[i] if i in rows else label for i, label in enumerate(labels)]
    report = FewShotClassifier(network).fit(texts, flipped).diagnose()
    wrong = {(texts[i], flipped[i]) for i in rows}
    truth = [(item.text, item.label) in wrong for item in report.doubtful]
    return float(average_precision_score(truth, -np.arange(len(truth))))


def main(arguments: MeasureArguments) -> None:
    """Measure, print a table, write JSON."""
    [train], [test] = (load_tasks(arguments.data, split=split) for split in ("train", "test"))
    strange = [] if arguments.unknown is None else load_tasks(arguments.unknown, split="test")[0].texts
    network = Tabled.of(MatchingNetwork.from_encoder())
    # Everything at once: what is timed below comes after embedding.
    network.embed([*train.texts, *test.texts, *strange, *map(readable_name, train.classes)])
    results: dict[str, Any] = {}
    for shot in arguments.shots:
        draws = [one_draw(network, train, test, list(strange), shot, seed) for seed in range(arguments.draws)]
        if shot == max(arguments.shots):
            for seed, figures in enumerate(draws):
                figures["wrong labels, average precision"] = wrong_labels(
                    network, train, shot, seed, arguments.flipped
                )
        print(f"\n{train.name}, {len(train.classes)} classes, {shot} examples each, {arguments.draws} draws")
        for key in draws[0]:
            estimate = mean_interval([figures[key] for figures in draws])
            results[f"{shot}-shot {key}"] = [estimate.mean, estimate.half_width]
            print(f"  {key:<40}{estimate.mean:>9.3f} ± {estimate.half_width:.3f}", flush=True)
    if arguments.output is not None:
        Path(arguments.output).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(f"{__doc__}\n{describe(MeasureArguments)}")
    else:
        main(*parse(sys.argv[1:], MeasureArguments))
