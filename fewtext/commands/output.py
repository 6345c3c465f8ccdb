"""The file that `fewtext classify` writes: whole rows in NAME.partial, which gets its name when it is complete.

Of several processes each writes the rows of its own texts in NAME.1-of-2.partial, and the first joins them.
"""

from __future__ import annotations

import csv
import glob
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, cycle
from pathlib import Path
from typing import Any, BinaryIO

from fewtext.data.sources import csv_reader

Row = dict[str, Any]
Block = tuple[int, list[str], list[Row]]
"""The row of the first text, the texts, and the columns that are kept of each."""
COLUMNS = ("text", "label", "score")


def refuse_existing(name: str, another: str = "output") -> None:
    """Raise `FileExistsError`, asking for `another`, where something is there already: no command overwrites."""
    if Path(name).exists():
        raise FileExistsError(f"{name} exists already; choose another {another}.")


class Output:
    """A CSV or JSONL file of answers, one row for each class named.

    Args:
        name: The file; its ending says which kind.
        resume: Whether to go on with what an interrupted run left.
        rank: Which of the processes this one is, of which each writes a part.
        size: How many there are; one alone writes the whole.
        kept: Columns beside text, label and score.

    Raises:
        FileExistsError: the file is there already, or what an interrupted run left is and `resume` is not set, or
            was left by another number of processes.
        ValueError: another ending, or a column that is written already.
    """

    def __init__(
        self, name: str, resume: bool = False, rank: int = 0, size: int = 1, kept: Sequence[str] = ()
    ) -> None:
        self.file = Path(name)
        self.parts = [Path(f"{name}.{i}-of-{size}.partial") for i in range(1, size + 1)]
        if size == 1:
            self.parts = [Path(f"{name}.partial")]
        self.partial = self.parts[rank]
        self.is_csv = name.endswith(".csv")
        self.kept = tuple(kept)
        self.columns = (*COLUMNS, *kept)
        if len(set(kept)) < len(kept):
            raise ValueError(f"keep names a column twice: {', '.join(kept)}.")
        if taken := sorted({*COLUMNS, "evidence"} & set(kept)):
            raise ValueError(f"keep names {taken[0]!r}, which is a column of the answers; rename that of the input.")
        refuse_existing(name)
        if not name.endswith((".csv", ".jsonl")):
            raise ValueError(f"output is {name!r}; it ends in .csv or .jsonl.")
        if self.partial.exists() and not resume:
            raise FileExistsError(
                f"{self.partial} of an interrupted run exists already: resume=true goes on with it, or remove it."
            )
        others = self.file.parent.glob(f"{glob.escape(self.file.name)}.*-of-*.partial")
        for other in [Path(f"{name}.partial"), *sorted(others)]:
            if other.exists() and other not in self.parts:
                raise FileExistsError(f"{other} is of another number of processes: go on with as many, or remove it.")

    def claim(self, stamp: str) -> None:
        """Note which classifier and settings write the file; raises `ValueError` if others began it."""
        file = _stamp_file(self.partial)
        if self.partial.exists() and file.is_file() and file.read_text() != stamp:
            raise ValueError(
                f"{self.partial} is of another run, with another classifier or other settings. Remove it, or give "
                "those of that run."
            )
        file.write_text(stamp)

    def remaining(self, blocks: Iterator[Block], top_k: int, n_classes: int) -> tuple[int, Iterator[Block]]:
        """Return how many texts are done, and the blocks that are not; the file ends after the last whole block.

        A block is classified as one, so that the scores are those of an undisturbed run to the last digit.

        Args:
            blocks: The texts, from the first on; of several processes those of this one.
            top_k: How many classes are named for each text.
            n_classes: How many there are.

        Raises:
            ValueError: the file holds other texts than the blocks, or rows of another kind.
        """
        if not self.partial.exists():
            return 0, blocks
        done = end = row = 0
        rest: list[Block] = []
        with self.partial.open("rb") as stream:
            records = self._records(stream)
            if self.is_csv and (header := next(records, None)) is not None:
                if header != self._header():
                    raise self._foreign(self.partial, 0)
                end = len(header)
            for row, texts, kept in blocks:
                rows = self._rows(self.partial, records, row, texts, kept, top_k, n_classes)
                if rows is None:
                    rest = [(row, texts, kept)]
                    break
                done, end, row = done + len(texts), end + len(rows), row + len(texts)
            else:
                if next(records, None) is not None:
                    raise self._foreign(self.partial, row)
        os.truncate(self.partial, end)
        return done, chain(rest, blocks)

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows, all of them at once."""
        with self.partial.open("ab") as stream:
            header = self._header() if stream.tell() == 0 else b""
            stream.write(header + b"".join(self._encoded(row) for row in rows))

    def finish(self) -> None:
        """Give the file its name; a part of one keeps its own until `join`."""
        self.write([])
        if len(self.parts) == 1:
            self.partial.rename(self.file)
            _stamp_file(self.partial).unlink(missing_ok=True)

    def join(self, blocks: Iterator[Block], top_k: int, n_classes: int) -> None:
        """Write the rows of all parts in the order of the texts, and remove the parts.

        Args:
            blocks: All texts; of n processes, block b is of process b modulo n.
            top_k: As in `remaining`.
            n_classes: Likewise.

        Raises:
            ValueError: a part does not hold the rows of its texts.
        """
        joined = Path(f"{self.file}.joined")
        with ExitStack() as stack:
            parts = [(part, self._records(stack.enter_context(part.open("rb")))) for part in self.parts]
            stream = stack.enter_context(joined.open("wb"))
            for _, records in parts if self.is_csv else []:
                next(records)
            stream.write(self._header())
            for (row, texts, kept), (part, records) in zip(blocks, cycle(parts), strict=False):
                rows = self._rows(part, records, row, texts, kept, top_k, n_classes)
                if rows is None:
                    raise self._foreign(part, row)
                stream.write(rows)
        joined.rename(self.file)
        for part in self.parts:
            part.unlink()
            _stamp_file(part).unlink(missing_ok=True)

    def _rows(
        self,
        part: Path,
        records: Iterator[bytes],
        row: int,
        texts: list[str],
        kept: list[Row],
        top_k: int,
        n_classes: int,
    ) -> bytes | None:
        """The rows of texts; None where they are not all there."""
        rows = []
        for text_row, (text, own) in enumerate(zip(texts, kept, strict=True), row):
            expected = [text, *(self._told(own[name]) for name in self.kept)]
            n_found, n_rows = 0, 1
            while n_found < n_rows:
                if (record := next(records, None)) is None:
                    return None
                try:
                    label, *found = self._decoded(record)
                except (ValueError, KeyError, TypeError, csv.Error) as error:
                    raise self._foreign(part, text_row) from error
                if found != expected:
                    raise self._foreign(part, text_row)
                if n_found == 0:  # the label None comes first, beside the classes
                    n_rows = min(top_k, n_classes + (label is None))
                n_found += 1
                rows.append(record)
        return b"".join(rows)

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
        return ",".join(_field(row[column]) for column in self.columns).encode() + b"\n"

    def _decoded(self, record: bytes) -> list[Any]:
        """Return the label of a row, its text, and what is kept."""
        if not self.is_csv:
            values = json.loads(record)
            return [values["label"], values["text"], *(values[name] for name in self.kept)]
        text, label, _, *kept = next(csv_reader([record.decode()]))
        return [label or None, text, *kept]

    def _told(self, value: Any) -> Any:
        """Return a kept value as it is read from the file."""
        return _csv_text(value) if self.is_csv else value

    def _header(self) -> bytes:
        return ",".join(map(_field, self.columns)).encode() + b"\n" if self.is_csv else b""

    @staticmethod
    def _foreign(part: Path, row: int) -> ValueError:
        return ValueError(
            f"{part} is of another run: it does not hold row {row} of the input as these settings would. "
            "Remove it, or give the input and the settings of that run."
        )


def _stamp_file(part: Path) -> Path:
    return Path(f"{part}.run")


def _field(value: Any) -> str:
    """A field of a CSV row; the csv module leaves a carriage return unquoted, and then cannot read it."""
    text = _csv_text(value)
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n\r') else text


def _csv_text(value: Any) -> str:
    """A value without its quotes: text as it is, nothing for None, all else as JSON has it."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
