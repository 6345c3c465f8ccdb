"""The texts of a file of any size, a block at a time."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, time
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import Any
from uuid import UUID

from fewtext.data.columns import TEXT_COLUMNS, check_texts, find_column
from fewtext.data.sources import builder_of, csv_rows, is_array, json_rows, open_text, read_table

STDIN = "-"


def text_blocks(source: str | Path, text_column: str | None = None, size: int = 1024) -> Iterator[list[str]]:
    """Yield the texts of a file in blocks, of which one is in memory at a time.

    Args:
        source: CSV, JSONL or Parquet with a text column, or .txt with one text a line; `-` is standard input, one
            text a line. A .json file that is one array is read as a whole.
        text_column: Column of the texts; found by its name where not given.
        size: Texts in a block; the last one may have fewer.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that does not parse (with its line), no text column, or an empty text (with its row).
        TypeError: a text that is missing or not a string, with its row.
    """
    return (texts for texts, _ in row_blocks(source, text_column, (), size))


def row_blocks(
    source: str | Path, text_column: str | None, kept: Sequence[str], size: int
) -> Iterator[tuple[list[str], list[dict[str, Any]]]]:
    """Yield the texts of a file in blocks, as `text_blocks`, each with what the `kept` columns have beside them.

    What is kept is what JSON can hold: dates come as text, a number that is none as None. The columns of JSONL are
    those of its first row.

    Raises `ValueError` for a column that there is not, any where the file has none, or a value that is none of these.
    """
    where, rows = _rows(source, text_column, kept, size)
    row = 0
    while block := list(islice(rows, size)):
        yield (
            check_texts([text for text, *_ in block], where, row),
            [_kept(kept, beside, where, number) for number, (_, *beside) in enumerate(block, row)],
        )
        row += len(block)


def _kept(names: Sequence[str], values: Sequence[Any], where: str, row: int) -> dict[str, Any]:
    found = {}
    for name, value in zip(names, values, strict=True):
        try:
            value = None if value != value else value  # NaN, as tables have it for nothing
            told = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_as_text)
            found[name] = json.loads(told.encode())  # what UTF-8 cannot hold shows here, however deep it lies
        except (TypeError, ValueError) as error:
            raise ValueError(f"{where}, row {row}: {value!r:.80} of {name!r} cannot be kept ({error}).") from error
    return found


def _as_text(value: Any) -> str:
    if isinstance(value, date | time | Decimal | UUID):
        return str(value)
    raise TypeError(f"it is of the kind {type(value).__name__}")


def _rows(
    source: str | Path, text_column: str | None, kept: Sequence[str], size: int
) -> tuple[str, Iterator[Sequence[Any]]]:
    """Return what to call the texts in an error, and each with what is kept beside it."""
    file = None if str(source) == STDIN else Path(source)
    if file is not None and not file.is_file():
        raise FileNotFoundError(f"{file}: no such file.")
    if file is None or file.name.endswith((".txt", ".txt.gz")):
        name = "standard input" if file is None else str(file)
        if kept:
            raise ValueError(f"{name} has lines of text, and no column {kept[0]!r} to keep.")
        return name, ((line,) for line in _named(_lines(file), name))

    def chosen(available: list[str]) -> list[str]:
        column = find_column(available, text_column, TEXT_COLUMNS, "text", str(file))
        found = [column, *(find_column(available, name, (), "kept", str(file)) for name in kept)]
        if twice := [name for name in found if available.count(name) > 1]:
            raise ValueError(f"{file} has several columns {twice[0]!r}; rename all but one.")
        return found

    kind = builder_of(file)
    rows: Iterator[Any]
    found: Iterator[Sequence[Any]]
    if kind == "csv":
        rows = _named(csv_rows(file), file)
        header = next(rows)
        columns = chosen(header)
        positions = [header.index(name) for name in columns]
        found = ([row[position] for position in positions] for row in rows)
    elif kind == "json" and not is_array(file):
        rows = _named(_objects(file), file)
        first = next(rows)
        columns = chosen(list(first))
        found = ([row.get(name) for name in columns] for row in chain([first], rows))
    elif kind == "parquet" and file.suffix == ".parquet":
        import pyarrow.parquet as pq

        [table] = _named((pq.ParquetFile(path) for path in [file]), file)
        columns = chosen(table.schema_arrow.names)
        batches = _named(table.iter_batches(batch_size=size, columns=list(dict.fromkeys(columns))), file)
        found = (row for b in batches for row in zip(*(b.column(name).to_pylist() for name in columns), strict=True))
    else:
        data = read_table(file)
        columns = chosen(data.column_names)
        found = zip(*(data[name] for name in columns), strict=True)
    return f"{file}, column {columns[0]!r}", found


def _lines(file: Path | None) -> Iterator[str]:
    """Yield the lines of a file, or of standard input; a file without any is refused, an empty pipe is not."""
    empty = file is not None
    # Standard input is UTF-8 like every file, whatever the locale of the terminal says.
    with open_text(file, None) if file else open(sys.stdin.fileno(), encoding="utf-8-sig", closefd=False) as stream:
        for line in stream:
            empty = False
            yield line.removesuffix("\n")
    if empty:
        raise ValueError("the file is empty")


def _objects(file: Path) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(json_rows(file)):
        if not isinstance(row, dict):
            raise ValueError(f"row {number} is not an object with a text")
        yield row


def _named(rows: Iterable[Any], name: str | Path) -> Iterator[Any]:
    """Yield the rows; say of which file they are where it does not parse."""
    try:
        yield from rows
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{name} does not parse: {error}.") from error
