"""The folders of a bulk run: which files are classified, and of which run the predictions are."""

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pyarrow import ArrowInvalid
from pyarrow.parquet import ParquetFile

from fewtext.data.sources import builder_of
from fewtext.data.streaming import text_blocks

CLAIM, SUCCESS = ".run", "_SUCCESS"
"""In the output: of which run it is, and that it is whole. Readers of Parquet folders pass over both."""


def find_files(inputs: Iterable[str], output: str, text_column: str | None) -> dict[str, Path]:
    """Return the files by their names below the folder that holds them all.

    Raises:
        FileNotFoundError: no such file or folder, or nothing in it.
        ValueError: a file without a text column, or input and output in each other.
    """
    files = []
    for path in map(Path, inputs):
        if not path.exists():
            raise FileNotFoundError(f"input={path}: no such file or folder.")
        if Path(output).is_relative_to(path) or path.is_relative_to(output):
            raise ValueError(f"input={path} and output={output}: neither may be in the other.")
        found = [path] if path.is_file() else [file for file in sorted(path.rglob("*")) if _counts(file, path)]
        if not found:
            raise FileNotFoundError(f"input={path} holds no .parquet, .csv or .jsonl file.")
        files += found
    for file in files:
        next(text_blocks(file, text_column, 1), None)
    root = os.path.commonpath([file.parent for file in files])
    return {str(file.relative_to(root)): file for file in files}


def _counts(file: Path, path: Path) -> bool:
    """Whether it is a table, and neither hidden nor in a hidden folder: readers of Parquet folders pass over these."""
    hidden = any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
    return file.is_file() and builder_of(file) is not None and not hidden


def claim(output: Path, stamp: str) -> None:
    """Note in the output which run it is of.

    Raises:
        FileExistsError: the output is whole, or something else.
        ValueError: it is of another run.
    """
    file = output / CLAIM
    if (output / SUCCESS).exists():
        raise FileExistsError(f"output={output} is whole already; choose another output.")
    if not file.exists() and output.exists() and any(output.iterdir()):
        raise FileExistsError(f"output={output} holds something else; choose another output.")
    if file.exists() and file.read_text() != stamp:
        raise ValueError(
            f"output={output} is of another run, with another classifier or other settings. Remove it, or give those "
            "of that run."
        )
    output.mkdir(parents=True, exist_ok=True)
    file.write_text(stamp)


def chunk_name(name: str, number: int) -> str:
    """Return what the predictions of a chunk of a file are called, below the output."""
    return f"{name}.{number:05}.parquet"


def holds(chunk: Path, texts: list[str]) -> bool:
    """Whether a chunk is there, whole, with predictions for these texts."""
    if not chunk.exists():
        return False
    try:
        columns = ParquetFile(chunk).read(["row", "text"]).to_pydict()
    except ArrowInvalid:  # what a machine that lost its power left
        return False
    return list(dict(zip(columns["row"], columns["text"], strict=True)).values()) == texts


def finish(output: Path, texts: Mapping[str, int], rows: int) -> None:
    """Mark the output as whole: nothing is in it but the chunks of the files, of which each has so many texts."""
    chunks = {chunk_name(name, i) for name, n_texts in texts.items() for i in range(math.ceil(n_texts / rows))}
    for file in [*output.rglob("*.parquet"), *output.rglob(".*.partial")]:  # of a file that was longer, of a kill
        if str(file.relative_to(output)) not in chunks:
            file.unlink(missing_ok=True)
    (output / SUCCESS).touch()
