"""The file that `fewtext classify` writes: whole rows in NAME.partial, which gets its name when it is complete."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from fewtext.data.sources import csv_reader

Row = dict[str, Any]
COLUMNS = ("text", "label", "score")


class Output:
    """A CSV or JSONL file of answers, one row for each class named.

    Args:
        name: The file; its ending says which kind.
        resume: Whether to go on with what an interrupted run left.

    Raises:
        FileExistsError: the file is there already, or what an interrupted run left is and `resume` is not set.
        ValueError: another ending.
    """

    def __init__(self, name: str, resume: bool = False) -> None:
        self.file = Path(name)
        self.partial = Path(f"{name}.partial")
        self.stamp_file = Path(f"{name}.partial.run")
        self.is_csv = name.endswith(".csv")
        if self.file.exists():
            raise FileExistsError(f"{name} exists already; choose another output.")
        if not name.endswith((".csv", ".jsonl")):
            raise ValueError(f"output is {name!r}; it ends in .csv or .jsonl.")
        if self.partial.exists() and not resume:
            raise FileExistsError(
                f"{self.partial} of an interrupted run exists already: resume=true goes on with it, or remove it."
            )

    def claim(self, stamp: str) -> None:
        """Note which classifier and settings write the file; raises `ValueError` if others began it."""
        if self.partial.exists() and self.stamp_file.is_file() and self.stamp_file.read_text() != stamp:
            raise ValueError(
                f"{self.partial} is of another run, with another classifier or other settings. Remove it, or give "
                "those of that run."
            )
        self.stamp_file.write_text(stamp)

    def remaining(self, blocks: Iterator[list[str]], top_k: int, n_classes: int) -> tuple[int, Iterator[list[str]]]:
        """Return how many texts are done, and the blocks that are not; the file ends after the last whole block.

        A block is classified as one, so that the scores are those of an undisturbed run to the last digit.

        Args:
            blocks: The texts, from the first on.
            top_k: How many classes are named for each text.
            n_classes: How many there are.

        Raises:
            ValueError: the file holds other texts than the blocks, or rows of another kind.
        """
        if not self.partial.exists():
            return 0, blocks
        done = end = 0
        rest: list[list[str]] = []
        with self.partial.open("rb") as stream:
            records = self._records(stream)
            if self.is_csv and (header := next(records, None)) is not None:
                if header != self._header():
                    raise self._foreign(0)
                end = len(header)
            for block in blocks:
                length = self._length(block, done, records, top_k, n_classes)
                if length is None:
                    rest = [block]
                    break
                done, end = done + len(block), end + length
            else:
                if next(records, None) is not None:
                    raise self._foreign(done)
        os.truncate(self.partial, end)
        return done, chain(rest, blocks)

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows, all of them at once."""
        with self.partial.open("ab") as stream:
            header = self._header() if stream.tell() == 0 else b""
            stream.write(header + b"".join(self._encoded(row) for row in rows))

    def finish(self) -> None:
        """Give the file its name."""
        self.write([])
        self.partial.rename(self.file)
        self.stamp_file.unlink(missing_ok=True)

    def _length(
        self, block: Sequence[str], done: int, records: Iterator[bytes], top_k: int, n_classes: int
    ) -> int | None:
        """The number of bytes of a block's rows; None where they are not all there."""
        length = 0
        for row, text in enumerate(block, done):
            n_found, n_rows = 0, 1
            while n_found < n_rows:
                if (record := next(records, None)) is None:
                    return None
                found, label = self._decoded(record, row)
                if found != text:
                    raise self._foreign(row)
                if n_found == 0:  # the label None comes first, beside the classes
                    n_rows = min(top_k, n_classes + (label is None))
                n_found, length = n_found + 1, length + len(record)
        return length

    def _records(self, stream: BinaryIO) -> Iterator[bytes]:
        """Yield whole rows; one that was cut off is left out."""
        record, quotes = b"", 0
        for line in stream:
            record, quotes = record + line, quotes + line.count(b'"')
            if not line.endswith(b"\n"):
                return
            if not self.is_csv or quotes % 2 == 0:  # else the line ends inside a quoted text
                yield record
                record, quotes = b"", 0

    def _encoded(self, row: Row) -> bytes:
        if not self.is_csv:
            return json.dumps(row, ensure_ascii=False).encode() + b"\n"
        return ",".join(_field(row[column]) for column in COLUMNS).encode() + b"\n"

    def _decoded(self, record: bytes, row: int) -> tuple[str, Any]:
        try:
            if not self.is_csv:
                values = json.loads(record)
                return values["text"], values["label"]
            text, label, _ = next(csv_reader([record.decode()]))
            return text, label or None
        except (ValueError, KeyError, TypeError, csv.Error) as error:
            raise self._foreign(row) from error

    def _header(self) -> bytes:
        return ",".join(COLUMNS).encode() + b"\n" if self.is_csv else b""

    def _foreign(self, row: int) -> ValueError:
        return ValueError(
            f"{self.partial} is of another run: it does not hold row {row} of the input as these settings would. "
            "Remove it, or give the input and the settings of that run."
        )


def _field(value: Any) -> str:
    """A field of a CSV row; the csv module leaves a carriage return unquoted, and then cannot read it."""
    text = "" if value is None else str(value)
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n\r') else text
