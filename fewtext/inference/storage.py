"""A classifier on disk: the model's files, and the support files beside them, which are saved by themselves."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from fewtext.folders import (
    CONFIDENCE_FILE,
    SUPPORT_FILES,
    TABLE_FILE,
    TEXTS_FILE,
    VECTORS_FILE,
    check_model_folder,
    is_fewtext_folder,
    read_json,
    recover_folder,
    replaced_files,
    replaced_folder,
)
from fewtext.inference.adaptation_files import adaptation_tensors, read_adaptation
from fewtext.inference.confidence import Confidence
from fewtext.inference.growing import loaded_memory
from fewtext.inference.large import LargeSettings
from fewtext.inference.large_files import OF_MEMORY, large_tensors, read_index, write_index
from fewtext.inference.state import State, names_count
from fewtext.inference.support import SupportSet
from fewtext.inference.support_files import load_support, save_support
from fewtext.models.layers import weights_sample
from fewtext.models.modeling import MatchingNetwork
from fewtext.models.onnx import OnnxNetwork
from fewtext.models.tokenizers import saved_tokenizer


def save_classifier(
    folder: str | Path,
    model: MatchingNetwork,
    state: State | None,
    parameters: Mapping[str, Any],
    include_texts: bool = True,
    write_more: Callable[[Path], None] | None = None,
) -> None:
    """Write the folder, or the support files alone where it holds these weights already; see `save_pretrained`.

    With `write_more` the folder is always written, and what that writes to it is part of it.
    """
    target = Path(folder).expanduser()
    if state is not None:
        state.confidence  # noqa: B018  fitted before anything is written
    if write_more is None and holds_model(target, model):
        with replaced_files(target, SUPPORT_FILES) as new:
            _write(new, state, parameters, include_texts)
        return
    with replaced_folder(target) as new:
        model.save_pretrained(new)
        _write(new, state, parameters, include_texts)
        if write_more is not None:
            write_more(new)


def _write(folder: Path, state: State | None, parameters: Mapping[str, Any], include_texts: bool) -> None:
    if state is None:
        return
    tensors = adaptation_tensors(state)
    if state.searched is not None:
        tensors |= large_tensors(state.support, state.searched)
        write_index(state.searched, folder)
    if state.weights is not None:
        tensors["weights"] = state.weights
    settings = {**parameters, "fine_tuned_on": sorted(state.model.fine_tuned_on)}
    save_support(state.support, folder, settings, tensors, include_texts=include_texts)
    values = json.dumps(state.confidence.to_json(), indent=2)
    (folder / CONFIDENCE_FILE).write_text(values + "\n", encoding="utf-8")


def load_classifier(folder: Path, model: MatchingNetwork) -> tuple[State | None, dict[str, Any]]:
    """Return what a folder holds beside the model, and the parameters of the classifier.

    Raises `ValueError` if its files are not of one save or do not fit the model.
    """
    if not any((folder / file).is_file() for file in (VECTORS_FILE, TEXTS_FILE, TABLE_FILE)):
        return None, {}
    support, parameters, tensors = load_support(folder, model.config.embedding_size)
    model.fine_tuned_on = frozenset(parameters.pop("fine_tuned_on", ()))
    large = LargeSettings.of(parameters)
    label_names = parameters.get("label_names", "auto")
    if support.is_large:
        state = _large_state(folder, model, support, label_names, large, tensors)
    else:
        size = sys.maxsize if "key_vectors" in tensors else large.size  # what is adapted stays small
        state = State.of(model, support, label_names, replace(large, size=size))
        state = replace(read_adaptation(state, tensors, folder / VECTORS_FILE), large=large)
    saved, found = tensors.get("weights"), state.weights
    if saved is not None and found is not None and len(saved) and len(found) and not _alike(saved, found):
        raise ValueError(  # an ONNX encoder has no weights to compare
            f"{folder / VECTORS_FILE} holds examples that were embedded with other weights than those beside it: "
            "another model was saved in this folder. Give its examples to fit, and save the classifier."
        )
    file = folder / CONFIDENCE_FILE
    if not file.is_file():
        raise ValueError(f"{folder} lacks {CONFIDENCE_FILE}, a part of the support set.")
    return replace(state, stored=Confidence.from_json(read_json(file))), parameters


def _large_state(
    folder: Path,
    model: MatchingNetwork,
    support: SupportSet,
    label_names: bool | str,
    large: LargeSettings,
    tensors: Mapping[str, Tensor],
) -> State:
    """Return the state of a large support set as it was saved."""
    size = model.config.embedding_size
    expected = [(1, size), (len(support.classes), size), (size, size), (2,)]
    saved = {name: tensors[name] for name in (*OF_MEMORY, "made") if name in tensors}
    if [tuple(tensor.shape) for tensor in saved.values()] != expected:
        raise ValueError(f"{folder / VECTORS_FILE} is damaged: the sums of its classes do not fit them.")
    named = names_count(support, label_names)
    index = read_index(folder, len(support), size) if large.by_index else None
    memory = loaded_memory(model, support, named, index, saved)
    weights = weights_sample(model.encoder, model.support_encoder)
    return State(model, support, named, large, weights=weights, searched=memory)


def _alike(saved: Tensor, found: Tensor) -> bool:
    """Whether two samples of weights are the same but for the order in which a device sums."""
    return saved.shape == found.shape and torch.allclose(saved, found.cpu(), rtol=1e-3, atol=1e-3)


def holds_model(folder: Path, model: MatchingNetwork) -> bool:
    """Tell whether a folder holds a model of these settings and weights, whole, with its tokenizer."""
    if not folder.is_dir() or not is_fewtext_folder(folder):
        return False
    recover_folder(folder)
    try:
        check_model_folder(folder)
        saved = model.config.from_pretrained(folder).to_dict()
        tokenizer = saved_tokenizer(folder, lower_case=model.config.lower_case)
    except (ValueError, OSError):
        return False
    if (tokenizer is None) != (model.tokenizer is None):
        return False
    if isinstance(model, OnnxNetwork):
        return model.is_from(folder)
    ours = model.config.to_dict()
    for config in (saved, ours):
        for key in ("_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype"):
            config.pop(key, None)
    if json.dumps(saved, sort_keys=True, default=str) != json.dumps(ours, sort_keys=True, default=str):
        return False
    file = folder / "model.safetensors"
    if not file.is_file():  # in several parts
        return False
    weights = model.state_dict()
    with safe_open(file, framework="pt") as opened:
        names = set(opened.keys())
        return names == set(weights) and all(
            torch.equal(opened.get_tensor(name), weights[name].cpu()) for name in sorted(names)
        )
