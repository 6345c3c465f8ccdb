"""Tokenizers: found with a model, checked, and saved so that they load elsewhere as they did here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import normalizers
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from fewtext.models.encoders import CODE_REFUSED
from fewtext.sharing.hub import has_file


def load_tokenizer(
    name: str | Path, *, lower_case: bool = False, at_least: int | None = None, **hub_options: Any
) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a folder or Hub id.

    Args:
        name: The folder or Hub id.
        lower_case: Whether it lower-cases texts first.
        at_least: Number of tokens that its limit must allow.
        **hub_options: Options of `from_pretrained`.

    Raises:
        ValueError: a tokenizer that is code of its own, that cannot lower-case, or without its vocabulary: one
            would be made up.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False, **hub_options)
    except ValueError as error:
        file = Path(name) / "tokenizer_config.json"
        if file.is_file() and "auto_map" in json.loads(file.read_text(encoding="utf-8")):
            raise ValueError(f"{name} {CODE_REFUSED}") from error
        raise
    files = set(tokenizer.vocab_files_names.values())
    if Path(name).is_dir() and files and not any((Path(name) / file).is_file() for file in files):
        raise ValueError(f"{name} lacks the vocabulary of its tokenizer ({' or '.join(sorted(files))}).")
    tokenizer.model_max_length = max(tokenizer.model_max_length, at_least or 0)
    return lower_cased(tokenizer) if lower_case else tokenizer


def lower_cased(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """Make a tokenizer lower-case texts first; raises `ValueError` for one that is not of the tokenizers library."""
    if not tokenizer.is_fast:
        raise ValueError("lower_case needs a tokenizer of the tokenizers library; choose lower_case=False.")
    backend = tokenizer.backend_tokenizer
    if backend.normalizer is None:
        backend.normalizer = normalizers.Lowercase()
    elif not backend.normalizer.normalize_str("A").islower():
        backend.normalizer = normalizers.Sequence([normalizers.Lowercase(), backend.normalizer])
    return tokenizer


def saved_tokenizer(name: str | Path, *, lower_case: bool, **hub_options: Any) -> PreTrainedTokenizerBase | None:
    """Return the tokenizer of a saved model, a folder or a Hub id; None where the model was saved without one.

    Raises:
        ValueError: a tokenizer that is damaged or lacks a file.
        ConnectionError: the Hub has one that could not be fetched.
    """
    try:
        return load_tokenizer(name, lower_case=lower_case, **hub_options)
    except Exception as error:  # tokenizers raises plain Exception for a file that was cut off
        folder = Path(name)
        if any(folder.glob("tokenizer*")):
            raise ValueError(f"the tokenizer in {folder} is damaged or lacks a file ({error}).") from error
        asked = {key: value for key, value in hub_options.items() if key in ("revision", "token")}
        if not folder.is_dir() and has_file(str(name), "tokenizer_config.json", **asked):
            raise ConnectionError(f"the tokenizer of {name} was not fetched; try again ({error}).") from error
        return None


def forget_origin(folder: Path) -> None:
    """Take out of a saved tokenizer's settings how it was loaded here: it would be loaded so elsewhere."""
    file = folder / "tokenizer_config.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    kept = {key: value for key, value in settings.items() if key not in ("local_files_only", "is_local")}
    file.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
