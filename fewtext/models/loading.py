"""From a name to a Matching Network: a saved one, or a new one on an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fewtext.folders import ONNX_FILES, is_fewtext_folder
from fewtext.models.encoders import model_folder, origin
from fewtext.models.modeling import MatchingNetwork
from fewtext.models.onnx import OnnxNetwork
from fewtext.models.packaged import DEFAULT_MODEL, is_packaged, load_packaged

BACKENDS = ("torch", "onnx")


def load_network(
    name: str | Path | None = None,
    *,
    revision: str | None = None,
    token: str | None = None,
    backend: str = "torch",
    **settings: Any,
) -> tuple[MatchingNetwork, Path | None]:
    """Return the model of a name, and the folder it was read from if that is a fewtext model.

    Args:
        name: A folder or Hub id of a fewtext model or of an encoder, or a model of the package (`fewtext/...`); by
            default `fewtext/minilm`, or with `settings` a new network on the default encoder, all-MiniLM-L6-v2.
        revision: Branch, tag or commit on the Hub.
        token: Access token of the Hub.
        backend: What runs the encoder, `torch` or `onnx`.
        **settings: Fields of `MatchingNetworkConfig`, for an encoder.

    Raises:
        ValueError: a folder that is not a whole model or lacks the files of the backend; the message says what is
            wrong.
        OSError: nothing of that name can be found.
        TypeError: settings for a model that has its own.
        ImportError: the packages of the backend are not installed.
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend is {backend!r}; it is 'torch' or 'onnx'.")
    if backend == "onnx":
        return _load_onnx(name, revision, token, settings)
    if name is None and settings:
        return MatchingNetwork.from_encoder(**settings), None
    name = DEFAULT_MODEL if name is None else name
    if is_packaged(name):
        _check_none(name, settings)
        return load_packaged(str(name)), None
    folder = model_folder(name, revision, token)
    if not is_fewtext_folder(folder):
        if (base := origin(name, folder)) is not None:
            settings.setdefault("base_encoder", base)
        return MatchingNetwork.from_encoder(folder, **settings), None
    _check_none(name, settings)
    return MatchingNetwork.from_pretrained(folder), folder


def _load_onnx(
    name: str | Path | None, revision: str | None, token: str | None, settings: dict[str, Any]
) -> tuple[MatchingNetwork, Path]:
    if name is not None and is_packaged(name):
        raise ValueError(f"{name} is a model for torch; clf.export('onnx', folder) makes one for onnxruntime of it.")
    folder = None if name is None else model_folder(name, revision, token, also=tuple(sorted(ONNX_FILES)))
    if folder is None or not is_fewtext_folder(folder):
        raise ValueError(
            f"backend='onnx' needs a folder that clf.export('onnx', folder) wrote; {name or 'the default encoder'} is "
            "an encoder."
        )
    _check_none(name, settings)
    return OnnxNetwork.from_pretrained(folder), folder


def _check_none(name: str | Path | None, settings: dict[str, Any]) -> None:
    if settings:
        raise TypeError(f"{name} is a fewtext model with settings of its own; drop {', '.join(settings)}.")
