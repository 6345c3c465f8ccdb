"""Classify the texts of a file of any size, or of standard input, from a file of examples.

fewtext classify --support examples.csv texts.csv --output answers.csv
fewtext classify --model runs/bot texts.jsonl --output answers.jsonl --abstain auto --explain 3
fewtext classify --model runs/bot - --top-k 3 < texts.txt
accelerate launch recipes/classify.py model=runs/bot input=texts.parquet output=answers.csv
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from itertools import count
from typing import TYPE_CHECKING

from tqdm.auto import tqdm

from fewtext.commands.arguments import ClassifyArguments
from fewtext.commands.fitted import fitted_classifier, read_examples
from fewtext.commands.output import Block, Output, Row
from fewtext.commands.processes import Processes
from fewtext.data.names import one_line
from fewtext.data.streaming import STDIN, row_blocks

if TYPE_CHECKING:
    from fewtext.inference.classifier import FewShotClassifier
    from fewtext.inference.explanation import Explanation

ARGUMENTS = (ClassifyArguments,)

BLOCK = 1024
"""Texts read, classified and written together."""


def classify(arguments: ClassifyArguments) -> None:
    """Classify every text of `input` and write label and score, in the order of the texts.

    A file is read once before, so that what is wrong with it is said before hours of work; only one block of
    it is in memory at a time. Several processes classify its blocks in turn.

    Raises:
        FileExistsError: an output that exists already, or one of an interrupted run without `resume`.
        ValueError: no input, no examples, a text that is empty, or settings that do not go together.
    """
    if arguments.input is None:
        raise ValueError("nothing to classify: give input=FILE with texts, or input=- for standard input.")
    processes = Processes.started()
    output = _check(arguments, processes)
    examples = read_examples(arguments)
    total = None
    if arguments.input != STDIN:
        total = sum(len(texts) for _, texts, _ in processes.own(_blocks(arguments)))
    classifier = fitted_classifier(arguments, examples, processes.device)
    support = classifier.support
    if support is not None and support.several:
        warnings.warn(
            "texts may have several labels here: the likeliest comes first, top_k=N names more, and predict in Python "
            "names all that are likely enough.",
            stacklevel=2,
        )
    if arguments.abstain_by is not None:
        classifier.set_params(abstain_by=arguments.abstain_by)
    done, blocks = 0, processes.own(_blocks(arguments))
    if output is not None:
        settings = (arguments.top_k, arguments.abstain, arguments.abstain_by, arguments.explain, arguments.keep)
        output.claim(f"{classifier.fingerprint} {settings}\n")
        done, blocks = output.remaining(blocks, arguments.top_k, len(classifier.classes_))
    hidden = processes.rank > 0
    with tqdm(total=total, initial=done, desc="Classifying", unit="text", delay=2, disable=hidden) as bar:
        for _, texts, kept in blocks:
            rows = _rows(classifier, texts, kept, arguments)
            if output is None:
                _show(rows)
            else:
                output.write(rows)
            bar.update(len(texts))
    if output is not None:
        output.finish()
        processes.wait()
        if processes.size > 1 and processes.rank == 0:
            output.join(_blocks(arguments), arguments.top_k, len(classifier.classes_))


def _blocks(arguments: ClassifyArguments) -> Iterator[Block]:
    """Yield the texts of the input a block at a time, each with the row of its first text and what is kept of it."""
    blocks = row_blocks(arguments.input or STDIN, arguments.text_column, arguments.keep, BLOCK)
    return ((row, texts, kept) for row, (texts, kept) in zip(count(0, BLOCK), blocks, strict=False))


def _check(arguments: ClassifyArguments, processes: Processes) -> Output | None:
    """Check the settings that need no model, and return where the answers go; None is the screen."""
    if processes.size > 1 and (arguments.output is None or arguments.input == STDIN):
        raise ValueError("several processes share a file and write a file: give input=FILE and output=FILE.")
    output = None
    if arguments.output is not None:
        output = Output(arguments.output, arguments.resume, processes.rank, processes.size, arguments.keep)
    if arguments.resume and output is None:
        raise ValueError("resume goes on with an output; give output=FILE.")
    if arguments.keep and output is None:
        raise ValueError("keep writes columns beside the answers; give output=FILE.")
    if arguments.top_k < 1:
        raise ValueError(f"top_k is {arguments.top_k}; it must be at least 1.")
    if arguments.explain is not None and arguments.explain < 1:
        raise ValueError(f"explain is {arguments.explain}; it must be at least 1.")
    if arguments.explain is not None and output is not None and output.is_csv:
        raise ValueError("explain writes a list of examples, which a CSV column cannot hold; give output=FILE.jsonl.")
    from fewtext.inference.confidence import check_abstain  # imported late: it takes seconds

    check_abstain(arguments.abstain, arguments.abstain_by or "membership")
    return output


def _rows(
    classifier: FewShotClassifier, texts: list[str], kept: list[Row], arguments: ClassifyArguments
) -> Iterator[Row]:
    """Yield a row for each class that is named for each text, with what is kept of the text's own row."""
    ranked = classifier.top_classes(texts, arguments.top_k, arguments.abstain)
    more: list[Row] = [{}] * len(texts)
    if arguments.explain is not None:
        more = [{"evidence": _evidence(item)} for item in classifier.explain(texts, arguments.explain)]
    classifier.cache.clear()  # each block by itself, so that going on after an interruption writes the same bytes
    for text, (first, *rest), own, evidence in zip(texts, ranked, kept, more, strict=True):
        yield {"text": text, **first, **own, **evidence}  # what decided is told once a text, with its first class
        yield from ({"text": text, **prediction, **own} for prediction in rest)


def _evidence(explanation: Explanation) -> list[Row]:
    """The weightiest examples behind the answer; those saved without their text go by their id."""
    return [{"text": e.text or e.id, "label": e.label, "attention": e.attention} for e in explanation.evidence]


def _show(rows: Iterable[Row]) -> None:
    for row in rows:
        label = "" if row["label"] is None else row["label"]
        print(f"{row['score']:.3f}\t{label}\t{one_line(row['text'])}")
        for example in row.get("evidence", ()):
            print(f"\t{example['attention']:.3f}\t{example['label']}\t{one_line(example['text'])}")
