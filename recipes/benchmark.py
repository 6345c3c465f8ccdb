"""Measure fewtext and its peers on the same encoder and the same draws: `python recipes/benchmark.py [key=value ...]`.

Every suite and method runs in a process of its own, and every problem solved is a line of `results.jsonl`: the
same command goes on where it was cut off, and `part=1/3` does a third of the work. At the end a table in Markdown,
a JSON file and pictures are written. `--help` lists the settings. Needs the extra `benchmark`.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from benchmarks.catalog import META_TRAINED, METHODS
from benchmarks.jobs import Job, measure
from benchmarks.problems import SUITES
from benchmarks.tables import write_report
from benchmarks.trained import RECIPE_OF

from fewtext.commands.arguments import describe, parse

FROZEN = ["nearest centroid", "1-nearest neighbour", "logistic regression C=1", "logistic regression C=100"]


@dataclass
class BenchmarkArguments:
    """What to measure.

    Args:
        suites: Parts of the benchmark.
        methods: Methods; by default the frozen peers and fewtext without training. Networks that are meta-trained
            (siamese encoder, prototypical network, fewtext meta-trained) leave out suites without training classes.
        model: Folder of a fewtext model that fewtext starts from; by default the untrained encoder, as its peers.
        names: With label names as examples, without, or both.
        shots: Examples a class; by default those of the suite.
        draws: Draws; by default those of the suite.
        threads: Threads of torch.
        output: Folder of the results.
        part: Such as 1/3: the first third of the work.
        quick: Two draws of BANKING77 and CR without training, in a few minutes.
    """

    suites: list[str] = field(default_factory=lambda: list(SUITES))
    methods: list[str] = field(default_factory=lambda: [*FROZEN, "fewtext fit", "fewtext adapt memory"])
    model: str | None = None
    names: list[bool] = field(default_factory=lambda: [True, False])
    shots: list[int] | None = None
    draws: int | None = None
    threads: int = 2
    output: str = "runs/benchmark"
    part: str = "1/1"
    quick: bool = False


def benchmark(arguments: BenchmarkArguments) -> None:
    """Do what is not done yet, and write the report."""
    if unknown := [name for name in arguments.methods if name not in METHODS]:
        raise ValueError(f"there is no method {unknown[0]!r}; the methods are {', '.join(METHODS)}.")
    if unknown := [name for name in arguments.suites if name not in SUITES]:
        raise ValueError(f"there is no suite {unknown[0]!r}; the suites are {', '.join(SUITES)}.")
    number, parts = map(int, arguments.part.split("/"))
    if not 1 <= number <= parts:
        raise ValueError(f"part is {arguments.part}; it is from 1/n to n/n.")
    if arguments.quick:
        arguments.suites, arguments.draws, arguments.shots = ["banking77", "cr"], 2, None
    folder = Path(arguments.output)
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [
        Job(suite, method, names, arguments.shots, arguments.draws, str(folder / "results.jsonl"), arguments.model)
        for suite in arguments.suites
        for method in arguments.methods
        if method not in META_TRAINED or suite in RECIPE_OF
        for names in arguments.names
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads)}
    mine = jobs[number - 1 :: parts]
    for i, job in enumerate(mine):
        print(f"{i + 1}/{len(mine)}: {job.suite}, {job.title}", flush=True)
        command = [sys.executable, __file__, "--job", json.dumps(vars(job))]
        subprocess.run(command, env=environment, check=True)
    write_report(folder)


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(f"{__doc__}\n{describe(BenchmarkArguments)}")
    elif sys.argv[1:2] == ["--job"]:
        measure(Job(**json.loads(sys.argv[2])))
    else:
        benchmark(*parse(sys.argv[1:], BenchmarkArguments))
