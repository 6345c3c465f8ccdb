"""Model folders: written whole or not at all, and checked before they are read."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from safetensors import SafetensorError, safe_open

MODEL_TYPE = "matching_network"
ONNX_FILES = {
    "model.onnx", "model_int8.onnx", "support_model.onnx", "support_model_int8.onnx",
    "model.onnx.data", "model_int8.onnx.data", "support_model.onnx.data", "support_model_int8.onnx.data",
}  # fmt: skip
"""Encoders in the ONNX format; weights of more than 2 GiB are in a file beside it."""
VECTORS_FILE, TEXTS_FILE, CONFIDENCE_FILE = "support.safetensors", "support.jsonl", "confidence.json"
TABLE_FILE, INDEX_FILE = "support.arrow", "support.faiss"
"""Of a large support set: its table instead of `TEXTS_FILE`, and what finds the nearest of its vectors."""
SUPPORT_FILES = {VECTORS_FILE, TEXTS_FILE, CONFIDENCE_FILE, TABLE_FILE, INDEX_FILE}
"""What is saved anew when the support set changes."""
OWN_FILES = SUPPORT_FILES | ONNX_FILES | {
    "config.json", "model.safetensors", "model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json", "merges.txt", "spiece.model",
    "sentencepiece.bpe.model", "sentencepiece.model", "spm.model", "spm_char.model", "tokenizer.model", "bpe.codes",
    "dict.txt", "entity_vocab.json", "emoji.json", "byte_maps.json", "prophetnet.tokenizer",
}  # fmt: skip
"""What a model is made of; everything else in its folder belongs to the user and is kept."""
MODEL_PARTS = "model-*.safetensors"
"""The weights of a model that is saved in several files."""

NEW, READY, GONE = ".new", ".ready", "gone.json"
"""Inside a folder: files being written, files that are whole and take over, and which files go."""


@contextmanager
def replaced_folder(target: str | Path) -> Iterator[Path]:
    """Yield a new folder that takes the place of `target` once it is complete, and only then.

    Files of the old folder that are not part of a model (a licence, checkpoints) are kept.

    Raises:
        FileExistsError: `target` is a file, or a folder with something else in it.
        ValueError: the current folder or a mount point, which cannot be replaced.
    """
    target = Path(target).expanduser().resolve()
    if target == Path.cwd() or target.is_mount():
        raise ValueError(f"{target} is the current folder or a mount point; save in a folder inside it.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise FileExistsError(f"{error.filename} is a file, so {target} cannot be a folder; save elsewhere.") from None
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(f"{target.parent} cannot be written to; save elsewhere.")
    _check_replaceable(target)  # before a lock is left beside it
    with _lock(target):
        yield from _replaced(target)


def _check_replaceable(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise FileExistsError(f"{target} is a file; a model is saved as a folder.")
    if target.is_dir() and any(target.iterdir()) and not _is_model(target):
        raise FileExistsError(f"{target} holds files that are not a fewtext model; choose a new or empty folder.")


def _replaced(target: Path) -> Iterator[Path]:
    _finish(target)
    _check_replaceable(target)
    new = target.with_name(f".{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)  # a killed save's
    new.mkdir()
    try:
        yield new
        _complete(new)
        if target.exists():
            target.rename(_previous(target))
        new.rename(target)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        if not target.exists() and _previous(target).exists():
            _previous(target).rename(target)
        raise
    _finish(target)
    _sync(target.parent)


@contextmanager
def replaced_files(target: str | Path, names: Iterable[str]) -> Iterator[Path]:
    """Yield a new folder whose files take the places of the files `names` of `target`, all at once.

    A file of `names` that was not written is removed from `target`. A crash leaves the old files or is
    finished by the next save or `recover_folder`: what counts is one rename, that of the folder.
    """
    target = Path(target).expanduser().resolve()
    with _lock(target):
        _finish(target)
        new, ready = target / NEW, target / READY
        new.mkdir()
        try:
            yield new
            gone = [name for name in names if not (new / name).exists()]
            (new / GONE).write_text(json.dumps(gone), encoding="utf-8")
            _complete(new)
            new.rename(ready)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        _sync(target)
        _finish(target)


def recover_folder(target: Path) -> None:
    """Finish what a save that was killed between its renames left behind."""
    target = target.expanduser().resolve()
    if _previous(target).is_dir() or (target / READY).is_dir():
        with _lock(target):  # waits for a save that is at work
            _finish(target)


def _lock(target: Path) -> FileLock:
    """One save at a time; another process waits for its turn."""
    return FileLock(target.with_name(f".{target.name}.lock"))


def _finish(target: Path) -> None:
    _finish_folder(target)
    _finish_files(target)


def _finish_files(target: Path) -> None:
    """Take over the files that are ready; those of a save that was not are thrown away."""
    shutil.rmtree(target / NEW, ignore_errors=True)
    ready = target / READY
    if not ready.is_dir():
        return
    for path in sorted(ready.iterdir()):
        if path.name != GONE:
            path.replace(target / path.name)
    gone = ready / GONE
    for name in json.loads(gone.read_text(encoding="utf-8")) if gone.is_file() else []:
        (target / name).unlink(missing_ok=True)
    _sync(target)
    shutil.rmtree(ready)


def _finish_folder(target: Path) -> None:
    previous = _previous(target)
    if not previous.is_dir():
        return
    if not target.exists():
        previous.rename(target)
        return
    for path in previous.iterdir():
        if path.name not in OWN_FILES and not (target / path.name).exists():
            path.rename(target / path.name)
    shutil.rmtree(previous)


def read_json(file: Path) -> Any:
    """Return what a JSON file of a model holds; raises `ValueError` where it does not parse."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is not JSON; it was cut off while it was written.") from error


def check_model_folder(folder: Path) -> None:
    """Raise `ValueError` unless the folder holds a whole fewtext model; the message says what is wrong."""
    config = folder / "config.json"
    if not config.is_file():
        raise ValueError(f"{folder} is not a model folder: it has no config.json.")
    settings = read_json(config)
    if not isinstance(settings, dict) or settings.get("model_type") != MODEL_TYPE:
        settings = settings if isinstance(settings, dict) else {}
        raise ValueError(f"{folder} is not a fewtext model; its config.json says {settings.get('model_type')!r}.")
    check_weights(folder, f"{folder} lacks model.safetensors, the weights of the model.")


def check_weights(folder: Path, missing: str) -> None:
    """Raise `ValueError` unless the folder's weights are there (else saying `missing`) and whole."""
    weights = sorted(folder.glob("model*.safetensors"))
    if not weights:
        raise ValueError(missing)
    for file in weights:
        check_safetensors(file)


def check_safetensors(file: Path) -> None:
    """Raise `ValueError` unless the file is whole."""
    try:
        with safe_open(file, framework="pt"):
            pass
    except (SafetensorError, OSError) as error:
        if not os.access(file, os.R_OK):
            raise PermissionError(f"{file} cannot be read: its permissions do not allow it.") from None
        raise ValueError(f"{file} is damaged or was cut off while it was written ({error}).") from error


def is_fewtext_folder(folder: Path) -> bool:
    """Tell whether a folder looks like a fewtext model, whole or not, rather than an encoder."""
    return _is_model(folder) or (folder / VECTORS_FILE).is_file()


def _is_model(folder: Path) -> bool:
    config = folder / "config.json"
    if not config.is_file():
        return False
    try:
        settings = json.loads(config.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(settings, dict) and settings.get("model_type") == MODEL_TYPE


def _previous(target: Path) -> Path:
    return target.with_name(f".{target.name}.previous")


def _complete(new: Path) -> None:
    """Bring all files to the disk, readable by whom the folder is: safetensors writes for the owner alone."""
    readable = new.stat().st_mode & 0o666
    for path in new.rglob("*"):
        if path.is_file():
            path.chmod(readable)
        _sync(path)
    _sync(new)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
