"""Memory and time of `fewtext classify` by the number of texts: `python recipes/bulk/measure.py model=FOLDER [...]`.

Each number of texts is a file and a process of its own. The last one is run once more, killed in the middle, gone on
with, and compared: no row lost or doubled. `--help` lists the settings.
"""

import csv
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from fewtext.commands.arguments import describe, parse

TEXTS = ("where is parcel {} now", "book a table for {} of us, please", "my card {} does not work any more")
EXAMPLES = "text,label\nwhere is my parcel,track\nit is late,track\nbook a table,book\na seat,book\nlost card,card\n"


@dataclass
class MeasureArguments:
    """What to measure.

    Args:
        model: An encoder, a model or a classifier.
        texts: How many texts each file has.
        output: Folder for the files.
    """

    model: str | None = None
    texts: list[int] = field(default_factory=lambda: [10_000, 1_000_000])
    output: str = "runs/bulk"


def measure(arguments: MeasureArguments) -> list[dict[str, float]]:
    """Print and return texts, seconds and peak memory of each run; raises `ValueError` if going on was not exact."""
    os.environ.setdefault("FEWTEXT_BATCH_TOKENS", "512")  # one that is measured on the way changes the last digits
    folder = Path(arguments.output)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "examples.csv").write_text(EXAMPLES)
    model = [] if arguments.model is None else [f"model={arguments.model}"]
    command = [sys.executable, "-m", "fewtext", "classify", *model, f"support={folder / 'examples.csv'}"]
    figures = []
    for n_texts in arguments.texts:
        source, whole, again = (folder / f"{n_texts}{ending}" for ending in (".txt", ".csv", ".again.csv"))
        for left in (whole, again):
            left.unlink(missing_ok=True)
        with source.open("w") as file:
            file.writelines(TEXTS[i % len(TEXTS)].format(i) + "\n" for i in range(n_texts))
        seconds, megabytes = run([*command, f"input={source}", f"output={whole}"])
        figures.append({"texts": n_texts, "seconds": seconds, "MB": megabytes})
        print(f"{n_texts:>9} texts {seconds:8.1f} s {megabytes:7.0f} MB at the peak", flush=True)
    partial = Path(f"{again}.partial")
    with subprocess.Popen([*command, f"input={source}", f"output={again}"], stderr=subprocess.DEVNULL) as process:
        while not partial.exists() or partial.stat().st_size < whole.stat().st_size / 2:
            if process.poll() is not None:
                raise ValueError("it ended before it could be killed.")
            time.sleep(0.01)
        process.kill()
    run([*command, f"input={source}", f"output={again}", "resume=true"])
    with again.open(newline="") as rows, source.open() as lines:
        texts = [row["text"] for row in csv.DictReader(rows)]
        if again.read_bytes() != whole.read_bytes() or texts != [line[:-1] for line in lines]:
            raise ValueError(f"{again} is not what an undisturbed run wrote.")
    print(f"{n_texts:>9} texts killed in the middle and gone on with: the same bytes, every row once")
    return figures


def run(command: list[str]) -> tuple[float, float]:
    """Return how many seconds a command took, and how many megabytes it had at its peak."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    error = process.stderr.read() if process.stderr else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise ValueError(f"{' '.join(command)} failed: {error[-1000:]}")
    return time.perf_counter() - started, usage.ru_maxrss / 1000


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(f"{__doc__}\n{describe(MeasureArguments)}")
    else:
        measure(*parse(sys.argv[1:], MeasureArguments))
