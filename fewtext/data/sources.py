"""From a name to tables: sample corpora, local files and folders, data in memory, the Hugging Face Hub."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, TextIO, cast

from datasets import (
    Dataset,
    DatasetDict,
    Features,
    Value,
    concatenate_datasets,
    disable_progress_bars,
    enable_progress_bars,
    is_progress_bar_enabled,
    load_dataset,
    load_from_disk,
)
from datasets.exceptions import DatasetGenerationError

SAMPLES = ("intents", "sentiment")
BUILDERS = {".csv": "csv", ".jsonl": "json", ".json": "json", ".parquet": "parquet"}
SMALL_FILE = 20_000_000  # bytes
SHARD = re.compile(r"-(\d+)-of-(\d+)$")
"""How the Hub calls the files of a split that has several: `train-00000-of-00002.parquet`."""
SPLIT_NAMES = {
    "train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation",
    "dev": "validation", "test": "test", "eval": "test",
}  # fmt: skip


Splits = Mapping[str, Dataset | Path | tuple[Path, ...]]
"""The splits of a corpus: a table, or the file or files that `read_table` makes one of."""


def find_corpora(
    source: str | Path | Dataset | DatasetDict, config: str | None = None, revision: str | None = None
) -> dict[str, Splits]:
    """Return the splits of each corpus of a source: one corpus, or many where it is a folder of folders.

    Args:
        source: `fewtext/intents` or `fewtext/sentiment`; a CSV, JSONL or Parquet file (also .gz); a folder
            with train, validation or test files; a folder of such folders (one corpus each); a folder
            written by `save_to_disk`; a `Dataset` or `DatasetDict`; else the id of a data set on the Hub.
        config: Configuration of a Hub data set.
        revision: Branch, tag or commit of a Hub data set.

    Raises:
        FileNotFoundError: a path that does not exist, or a folder without data files.
    """
    if isinstance(source, DatasetDict):
        return {"memory": source}
    if isinstance(source, Dataset):
        return {"memory": {str(source.split or "train"): source}}
    sample = str(source).removeprefix("fewtext/")
    if str(source).startswith("fewtext/") and sample in SAMPLES:
        path = Path(str(files("fewtext.data").joinpath("samples", f"{sample}.csv")))
        return {sample: {"train": path}}
    path = Path(source).expanduser()
    if path.is_file():
        return {path.name.split(".")[0]: {"train": path}}
    if path.is_dir():
        return _find_in_folder(path)
    if path.suffix in BUILDERS or str(source).count("/") != 1 or str(source).startswith((".", "/", "~")):
        raise FileNotFoundError(f"{source}: no such file or folder, and not the id of a Hub data set (owner/name).")
    try:
        return {str(source): load_dataset(str(source), config, revision=revision)}
    except ConnectionError as error:
        raise ConnectionError(f"{error}. Without the Hub, give a file or folder of the same data instead.") from error


def builder_of(path: Path) -> str | None:
    """Return the `datasets` builder for a file by its ending: `train.csv.gz` is csv."""
    endings = [suffix.lower() for suffix in path.suffixes if suffix != ".gz"]
    return BUILDERS.get(endings[-1]) if endings else None


def _find_in_folder(folder: Path) -> dict[str, Splits]:
    name = folder.resolve().name
    if (folder / "dataset_info.json").is_file() or (folder / "dataset_dict.json").is_file():
        saved = load_from_disk(str(folder))
        return {name: saved if isinstance(saved, DatasetDict) else {"train": saved}}
    tables = _tables(folder) or _tables(folder / "data")  # where repositories on the Hub have them
    files_of: dict[str, list[Path]] = {}
    for path in tables:
        if split := SPLIT_NAMES.get(SHARD.sub("", path.name.split(".")[0].lower())):
            files_of.setdefault(split, []).append(path)
    if files_of:
        return {name: {split: _whole(split, paths) for split, paths in files_of.items()}}
    if len(tables) == 1:
        return {name: {"train": tables[0]}}
    family: dict[str, Splits] = {}
    for child in sorted(path for path in folder.iterdir() if path.is_dir()):
        if _tables(child) or _tables(child / "data"):
            family.update(_find_in_folder(child))
    if not family:
        raise FileNotFoundError(
            f"{folder} holds no train, validation or test file (.csv, .jsonl or .parquet), nor folders that do."
        )
    return family


def _tables(folder: Path) -> list[Path]:
    """The files of a folder that are tables; none where there is no such folder."""
    return [path for path in sorted(folder.glob("*")) if path.is_file() and builder_of(path)]


def _whole(split: str, paths: list[Path]) -> Path | tuple[Path, ...]:
    """The file of a split, or all its shards; raises `ValueError` where one is missing or two are not shards."""
    shards = [SHARD.search(path.name.split(".")[0]) for path in paths]
    if len(paths) == 1 and (shards[0] is None or int(shards[0][2]) == 1):
        return paths[0]
    names = ", ".join(path.name for path in paths)
    if any(shard is None for shard in shards):
        raise ValueError(f"{paths[0].parent} has two files for the split {split!r}: {names}.")
    if [int(shard[1]) for shard in shards if shard] != list(range(int(shards[0][2]))):  # type: ignore[index]
        raise ValueError(f"{paths[0].parent} lacks files of the split {split!r}: it has only {names}.")
    return tuple(paths)


def read_table(split: Dataset | Path | tuple[Path, ...]) -> Dataset:
    """Return a split as a table; raises `ValueError` with file and line for a file that does not parse."""
    if isinstance(split, Dataset):
        return split
    if isinstance(split, tuple):
        return concatenate_datasets([read_table(path) for path in split])
    builder = builder_of(split)
    if builder is None:
        raise ValueError(f"{split}: cannot read this kind of file; use .csv, .jsonl or .parquet.")
    try:
        of_lines = builder == "json" and not is_array(split)
        options = _csv_options(split) if builder == "csv" else {}  # which checks it, line by line
        if of_lines and (fault := _json_fault(split)):
            raise ValueError(fault)
        with _quiet(split.stat().st_size < SMALL_FILE):
            table = load_dataset(builder, data_files=str(split), split="train", **options)
        if of_lines and any(map(_is_time, table.features.values())):
            table = Dataset.from_list(list(json_rows(split)))  # strings that look like dates are strings
    except (DatasetGenerationError, EOFError, OSError, ValueError) as error:
        raise ValueError(f"{split} does not parse: {error}.") from error
    if not len(table):
        raise ValueError(f"{split} has no rows.")
    return table


def _is_time(feature: object) -> bool:
    return isinstance(feature, Value) and feature.dtype.startswith(("timestamp", "date", "time"))


@contextmanager
def _quiet(quiet: bool) -> Iterator[None]:
    """No progress bar for a file that is read at once."""
    if not quiet or not is_progress_bar_enabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def open_text(path: Path, newline: str | None = "") -> TextIO:
    """Open a text file in UTF-8, with or without a byte order mark, packed with gzip or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    return cast(TextIO, opener(path, "rt", encoding="utf-8-sig", newline=newline))


def _csv_options(path: Path) -> dict[str, Any]:
    """Check every row, and read all fields as strings.

    pandas would take a field too many for an index, fill in a missing one, and read "None" as missing.
    """
    rows = csv_rows(path)
    features = Features({name: Value("string") for name in next(rows)})
    if not sum(1 for _ in rows):
        raise ValueError("it has a header and no rows")
    return {"features": features, "keep_default_na": False}


def csv_reader(lines: Iterable[str]) -> Any:
    """Return a strict reader of CSV lines whose fields may be as long as they are, not 131,072 characters at most."""
    csv.field_size_limit(2**31 - 1)  # the csv module has one limit for all readers
    return csv.reader(lines, strict=True)


def csv_rows(path: Path) -> Iterator[list[str]]:
    """Yield the header and the rows of a CSV file; empty lines are none.

    Raises `ValueError` saying where the file does not parse: every row has the fields of the header.
    """
    line = 0
    try:
        with open_text(path) as lines:
            reader = csv_reader(lines)
            header = next(reader, None)
            if header is None:
                raise ValueError("the file is empty")
            names = [name or f"Unnamed: {i}" for i, name in enumerate(header)]
            if len(set(names)) < len(names):
                raise ValueError("two columns of the header have the same name")
            yield names
            for row in reader:
                line = reader.line_num
                if row and len(row) != len(header):
                    raise ValueError(f"line {line} has {len(row)} fields where the header has {len(header)}")
                if row:
                    yield row
    except UnicodeDecodeError as error:
        raise ValueError(f"after line {line} comes a byte that is not UTF-8 ({error.reason})") from error
    except csv.Error as error:
        raise ValueError(f"after line {line}: {error}") from error


def json_rows(path: Path) -> Iterator[Any]:
    """Yield the value of each line of a JSONL file; raises `ValueError` saying which line is not JSON."""
    line, empty = 0, True
    try:
        with open_text(path) as lines:
            for text in lines:
                line += 1
                if text.strip():
                    yield json.loads(text)
                    empty = False
    except json.JSONDecodeError as error:
        raise ValueError(f"line {line} is not JSON ({error.msg})") from error
    except (UnicodeDecodeError, EOFError, OSError) as error:
        raise ValueError(f"after line {line}: {error}") from error
    if empty:
        raise ValueError("the file is empty")


def is_array(path: Path) -> bool:
    """Tell whether a JSON file is one array rather than an object a line."""
    with open_text(path) as stream:
        try:
            return next((line.lstrip() for line in stream if line.strip()), "").startswith("[")
        except (UnicodeDecodeError, EOFError, OSError):
            return False  # said with its line by whoever reads the rows


def _json_fault(path: Path) -> str | None:
    """Say which line of a JSONL file is not JSON, or not an object."""
    try:
        for row, value in enumerate(json_rows(path)):
            if not isinstance(value, dict):
                kind = type(value).__name__
                return f'row {row} is a {kind}; every line is an object such as {{"text": ..., "label": ...}}'
    except ValueError as error:
        return str(error)
    return None
