"""Classify a folder on Ray: `python recipes/bulk/classify_ray.py model=FOLDER input=FOLDER output=FOLDER [...]`.

Every actor loads the classifier once, and writes the predictions of a file a chunk at a time. A chunk gets its name
when it is whole, so the same command again goes on after a kill. `--help` lists the settings.
"""

import math
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import folders
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from folders import chunk_name, claim, find_files, finish, holds
from tqdm.auto import tqdm

from fewtext import FewShotClassifier
from fewtext.commands.arguments import SupportArguments, describe, parse
from fewtext.commands.fitted import fitted_classifier
from fewtext.data.streaming import text_blocks
from fewtext.inference.confidence import check_abstain


@dataclass
class BulkArguments(SupportArguments):
    """What to classify, with what, on what. Every machine must see model, support, input and output where they are.

    Args:
        model: A saved classifier or model, or an encoder; by default fewtext/minilm, which is meta-trained.
        support: File of examples (text, label), which replace those of a saved classifier.
        input: Folders or files: Parquet, CSV or JSONL, also .gz.
        output: Folder of the predictions, Parquet files with file, row, text, label and score.
        text_column: Column of the texts, in `support` and in `input`; found by its name where not given.
        label_column: Column of the labels in `support`; found likewise.
        top_k: How many classes to name for each text.
        abstain: When to name none (label null): `auto`, or a threshold; by default as the classifier was saved.
        abstain_by: What is compared: `membership`, `confidence` or `margin`; by default as the classifier was saved.
        rows: Texts an output file: what an actor was at when it was killed is done again.
        batch_size: Texts that are classified together.
        actors: How many actors, each with a classifier of its own.
        threads: Torch threads of an actor, and the CPUs that it takes.
        num_gpus: GPUs that an actor takes; with 0.5 two share one.
        address: Of a running cluster (`auto`, `HOST:PORT`); by default RAY_ADDRESS, else this machine alone.
    """

    input: list[str] = field(default_factory=list)
    output: str = ""
    top_k: int = 1
    abstain: str | float | None = None
    abstain_by: str | None = None
    rows: int = 50_000
    batch_size: int = 1024
    actors: int = 1
    threads: int = 1
    num_gpus: float = 0
    address: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would go wrong on a machine far away, where the current folder is another one."""
        if not self.input or not self.output:
            raise ValueError("give input=FOLDER with texts, and output=FOLDER for the predictions.")
        for name in ("top_k", "rows", "batch_size", "actors", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        check_abstain(self.abstain, self.abstain_by or "membership")
        self.input, self.output = [str(Path(name).resolve()) for name in self.input], str(Path(self.output).resolve())
        for name in ("model", "support"):
            if (value := getattr(self, name)) is not None and Path(value).exists():
                setattr(self, name, str(Path(value).resolve()))


class Classify:
    """What an actor runs: the classifier is loaded once, then come shares of files."""

    def __init__(self, arguments: BulkArguments) -> None:
        torch.set_num_threads(arguments.threads)
        self.arguments = arguments
        self.classifier = load(arguments, "cuda" if arguments.num_gpus else "cpu")
        label = pa.array(self.classifier.classes_.tolist()).type
        self.schema = pa.schema(
            {"file": pa.string(), "row": pa.int64(), "text": pa.string(), "label": label, "score": pa.float64()}
        )

    def __call__(self, share: dict[str, Any]) -> dict[str, Any]:
        """Write the chunks number, number + of, ... of a file that are not there yet; return how many texts they are.

        A fault of the input is returned as well: raised, it would come out of pages of Ray's own traceback.
        """
        name, size, done = share["name"], self.arguments.rows, {"name": share["name"], "texts": 0, "error": ""}
        try:
            chunks = enumerate(text_blocks(share["file"], self.arguments.text_column, size))
            for number, texts in islice(chunks, share["number"], None, share["of"]):
                chunk = Path(self.arguments.output, chunk_name(name, number))
                if not holds(chunk, texts):
                    self.write(chunk, self.answers(name, number * size, texts))
                done["texts"] += len(texts)
        except (ValueError, TypeError) as error:
            done["error"] = str(error)
        return done

    def write(self, chunk: Path, answers: Iterator[dict[str, Any]]) -> None:
        """Write a chunk, which gets its name when it is whole; should two actors write it, they write the same."""
        chunk.parent.mkdir(parents=True, exist_ok=True)
        partial = chunk.with_name(f".{chunk.name}.{uuid4().hex}.partial")
        pq.write_table(pa.Table.from_pylist(list(answers), self.schema), partial)
        partial.replace(chunk)

    def answers(self, name: str, first: int, texts: list[str]) -> Iterator[dict[str, Any]]:
        """Yield a row for each class that is named for each text."""
        for start in range(0, len(texts), self.arguments.batch_size):
            batch = texts[start : start + self.arguments.batch_size]
            ranked = self.classifier.top_classes(batch, self.arguments.top_k, self.arguments.abstain)
            for row, (text, predictions) in enumerate(zip(batch, ranked, strict=True), first + start):
                yield from ({"file": name, "row": row, "text": text, **prediction} for prediction in predictions)
        self.classifier.cache.clear()  # a chunk by itself: done again, it is the same


def load(arguments: BulkArguments, device: str) -> FewShotClassifier:
    """Return the fitted classifier."""
    classifier = fitted_classifier(arguments, device=device)
    if arguments.abstain_by is not None:
        classifier.set_params(abstain_by=arguments.abstain_by)
    return classifier


def classify(arguments: BulkArguments) -> None:
    """Classify every text of the input; what is wrong is raised before Ray starts, a bad row when it comes."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ImportError("classifying on Ray needs it: pip install 'fewtext[ray]'") from error
    files = find_files(arguments.input, arguments.output, arguments.text_column)
    output, settings = (
        Path(arguments.output),
        (arguments.top_k, arguments.abstain, arguments.abstain_by, arguments.rows),
    )
    claim(output, f"{load(arguments, 'cpu').fingerprint} {settings}\n")
    connect(ray, arguments)
    ray.cloudpickle.register_pickle_by_value(folders)  # other machines have fewtext, but not its recipes
    ray.data.DataContext.get_current().enable_progress_bars = False
    of = math.ceil(arguments.actors / len(files))  # few files are shared by several actors
    shares = [{"name": name, "file": str(files[name]), "number": i, "of": of} for name in files for i in range(of)]
    # No ray.data.read_...: its tasks would take the CPUs that actors wait for, and a lost machine would lose data.
    answered = ray.data.from_items(shares, override_num_blocks=min(len(shares), 1000)).map(
        Classify,
        fn_constructor_args=[arguments],
        compute=ray.data.ActorPoolStrategy(size=arguments.actors, max_tasks_in_flight_per_actor=1),
        num_cpus=arguments.threads,
        num_gpus=arguments.num_gpus,
    )
    texts: Counter[str] = Counter()
    with tqdm(total=len(shares), desc="Classifying", unit="share") as bar:
        for done in answered.iter_rows():
            if done["error"]:
                raise ValueError(done["error"])
            texts[done["name"]] += done["texts"]
            bar.update()
    finish(output, texts, arguments.rows)
    print(f"{texts.total()} texts of {len(files)} files are classified in {output}")


def connect(ray: Any, arguments: BulkArguments) -> None:
    """Connect to the cluster, or start Ray on this machine; raises `ValueError` where that has too few GPUs."""
    address = arguments.address or os.environ.get("RAY_ADDRESS")
    if address is not None:
        ray.init(address)
        return
    # As many CPUs as the actors ask for: they start on one core too, if slowly. Little goes through the object store.
    ray.init(num_cpus=arguments.actors * arguments.threads, object_store_memory=10**8, include_dashboard=False)
    if (found := ray.cluster_resources().get("GPU", 0)) < arguments.actors * arguments.num_gpus:
        raise ValueError(
            f"actors={arguments.actors} with num_gpus={arguments.num_gpus:g}: this machine has {found:g} GPUs."
        )


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(f"{__doc__}\n{describe(BulkArguments)}")
    else:
        try:
            classify(*parse(sys.argv[1:], BulkArguments))
        except (ValueError, TypeError, OSError, ImportError) as error:
            sys.exit(f"classify_ray: {error}")
