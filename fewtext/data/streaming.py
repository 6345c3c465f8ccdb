"""The texts of a file of any size, a block at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

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
    where, texts = _texts(source, text_column, size)
    row = 0
    while block := list(islice(texts, size)):
        yield check_texts(block, where, row)
        row += len(block)


def _texts(source: str | Path, text_column: str | None, size: int) -> tuple[str, Iterator[Any]]:
    """Return what to call the texts in an error, and the texts."""
    if str(source) == STDIN:
        return "standard input", _named(_lines(None), "standard input")
    file = Path(source)
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file.")
    if file.name.endswith((".txt", ".txt.gz")):
        return str(file), _named(_lines(file), file)
    kind = builder_of(file)
    rows: Iterator[Any]
    if kind == "csv":
        rows = _named(csv_rows(file), file)
        columns = next(rows)
        column = find_column(columns, text_column, TEXT_COLUMNS, "text", str(file))
        position = columns.index(column)
        texts = (row[position] for row in rows)
    elif kind == "json" and not is_array(file):
        rows = _named(_objects(file), file)
        first = next(rows)
        column = find_column(list(first), text_column, TEXT_COLUMNS, "text", str(file))
        texts = (row.get(column) for row in chain([first], rows))
    elif kind == "parquet" and file.suffix == ".parquet":
        import pyarrow.parquet as pq

        [table] = _named((pq.ParquetFile(path) for path in [file]), file)
        column = find_column(table.schema_arrow.names, text_column, TEXT_COLUMNS, "text", str(file))
        batches = _named(table.iter_batches(batch_size=size, columns=[column]), file)
        texts = (text for batch in batches for text in batch.column(0).to_pylist())
    else:
        data = read_table(file)
        column = find_column(data.column_names, text_column, TEXT_COLUMNS, "text", str(file))
        texts = iter(data[column])
    return f"{file}, column {column!r}", texts


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
