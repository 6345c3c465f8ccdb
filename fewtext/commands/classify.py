"""Classify the texts of a file from a file of examples.

fewtext classify --support examples.csv texts.csv --output answers.csv
fewtext classify --model runs/bot texts.txt --top-k 3
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from tqdm.auto import tqdm

from fewtext.commands.arguments import ClassifyArguments
from fewtext.data.columns import TEXT_COLUMNS, check_texts, find_column
from fewtext.data.sources import find_corpora, read_table
from fewtext.data.tasks import load_tasks
from fewtext.inference.classifier import FewShotClassifier

ARGUMENTS = (ClassifyArguments,)

BLOCK = 1024
"""Texts classified between two writes."""


def classify(arguments: ClassifyArguments) -> None:
    """Classify every text of `input` and write label and score, in the order of the texts.

    Raises:
        ValueError: no input, no examples, or an output that exists already.
    """
    if arguments.input is None:
        raise ValueError("nothing to classify: give input=FILE with texts.")
    if arguments.output is not None and Path(arguments.output).exists():
        raise FileExistsError(f"{arguments.output} exists already; choose another output.")
    if arguments.output is not None and not arguments.output.endswith((".csv", ".jsonl")):
        raise ValueError(f"output is {arguments.output!r}; it ends in .csv or .jsonl.")
    if arguments.top_k < 1:
        raise ValueError(f"top_k is {arguments.top_k}; it must be at least 1.")
    examples = None
    if arguments.support is not None:
        tasks = load_tasks(arguments.support, text_column=arguments.text_column, label_column=arguments.label_column)
        if len(tasks) > 1:
            raise ValueError(f"{arguments.support} holds {len(tasks)} tasks; the examples are one file of one task.")
        [examples] = tasks
    texts = read_texts(Path(arguments.input), arguments.text_column)
    classifier = FewShotClassifier.from_pretrained(arguments.model)
    if examples is not None:
        classifier.fit(examples.texts, examples.labels)
    if classifier.support is None:
        raise ValueError("the model has no examples: give support=FILE with texts and labels.")
    with _writer(arguments.output) as write, tqdm(total=len(texts), desc="Classifying", unit="text", delay=2) as bar:
        for start in range(0, len(texts), BLOCK):
            block = texts[start : start + BLOCK]
            for text, ranked in zip(block, classifier.top_classes(block, arguments.top_k), strict=True):
                for prediction in ranked:
                    write({"text": text, **prediction})
            bar.update(len(block))


def read_texts(file: Path, text_column: str | None = None) -> list[str]:
    """Return the texts of a file: one a line of a .txt, else a column of a table."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file.")
    if file.suffix == ".txt":
        return check_texts(file.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n"), str(file))
    [splits] = find_corpora(file).values()
    table = read_table(splits["train"])
    column = find_column(table.column_names, text_column, TEXT_COLUMNS, "text", str(file))
    return check_texts(table[column], f"{file}, column {column!r}")


@contextmanager
def _writer(output: str | None) -> Iterator[Any]:
    """Yield a function that writes one row; the file gets its name when it is complete."""
    if output is None:
        yield lambda row: print(f"{row['score']:.3f}\t{row['label']}\t{row['text']}")
        return
    partial = Path(f"{output}.partial")
    with partial.open("w", encoding="utf-8", newline="") as stream:
        yield _row_writer(stream, output.endswith(".csv"))
    partial.rename(output)


def _row_writer(stream: TextIO, as_csv: bool) -> Any:
    if not as_csv:
        return lambda row: stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    columns: Sequence[str] = ("text", "label", "score")
    table = csv.DictWriter(stream, columns, lineterminator="\n")
    table.writeheader()
    return table.writerow
