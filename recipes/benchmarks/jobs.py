"""One method on one suite, in a process of its own, so that CPU seconds and memory are its own."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from benchmarks.catalog import META_TRAINED, METHODS, PEERS
from benchmarks.methods import Method, VectorTable
from benchmarks.problems import Problem, problems
from benchmarks.trained import MetaTrained
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """What to measure, and the file whose lines are the results."""

    suite: str
    method: str
    names: bool
    shots: list[int] | None
    draws: int | None
    file: str
    model: str | None = None

    @property
    def title(self) -> str:
        """The method as the table calls it."""
        starts_elsewhere = self.method in PEERS or self.method in META_TRAINED
        method = self.method if self.model is None or starts_elsewhere else f"{self.method} from {self.model}"
        return f"{method}, names" if self.names else method


def measure(job: Job) -> None:
    """Solve the problems that are not solved yet."""
    file = Path(job.file)
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []
    done = {(line["problem"], line["method"]) for line in lines}
    todo = [p for p in problems(job.suite, job.shots, job.draws) if (p.key, job.title) not in done]
    if not todo:
        return
    method = METHODS[job.method](job.names, job.model)
    for problem in todo:
        if isinstance(method, MetaTrained):
            method.prepare(problem, file.parent / "models")
        record = {"problem": problem.key, "suite": problem.suite, "setting": problem.setting, "draw": problem.draw}
        record |= {"method": job.title, **solve(method, problem)}
        with file.open("a", encoding="utf-8") as opened:
            opened.write(json.dumps(record) + "\n")
        print(f"  {problem.key}: {record['accuracy']:.1f}", flush=True)


def solve(method: Method, problem: Problem) -> dict[str, Any]:
    """Return the figures of one method on one problem, accuracies in percent."""
    table = getattr(method, "vectors", None)
    _, fit_seconds = timed(lambda: method.fit(problem.texts, problem.labels, problem.draw), table)
    known = [i for i, label in enumerate(problem.truth) if label is not None]
    queries, truth = [problem.queries[i] for i in known], [problem.truth[i] for i in known]
    predicted, predict_seconds = timed(lambda: method.predict(queries), table)
    figures = {
        "accuracy": 100 * float(np.mean([p == y for p, y in zip(predicted, truth, strict=True)])),
        "balanced accuracy": 100 * float(balanced_accuracy_score(truth, predicted)),
        "adaptation CPU seconds": fit_seconds,
        "CPU ms a text": 1000 * predict_seconds / len(queries),
    }
    if isinstance(method, MetaTrained):
        figures["meta-training seconds"] = method.training_seconds
    if len(known) < len(problem.truth):
        belonging = method.belonging(list(problem.queries))
        is_known = np.asarray([label is not None for label in problem.truth])
        figures |= detection(belonging[is_known], belonging[~is_known])
    return figures | {"peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def detection(inside: Any, outside: Any) -> dict[str, float]:
    """Return how well a score tells texts of the classes from others, in percent."""
    truth = np.r_[np.ones(len(inside)), np.zeros(len(outside))]
    false = (outside >= np.quantile(inside, 0.05)).mean()
    return {"AUROC": 100 * float(roc_auc_score(truth, np.r_[inside, outside])), "FPR95": 100 * float(false)}


def timed(work: Callable[[], T], table: VectorTable | None) -> tuple[T, float]:
    """Return what it returns and its CPU seconds, those of vectors that were there already among them."""
    charged, started = table.charged if table else 0.0, time.process_time()
    result = work()
    return result, time.process_time() - started + (table.charged - charged if table else 0.0)
