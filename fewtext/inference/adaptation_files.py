"""What adaptation in memory found, as tensors beside the support set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from fewtext.inference.keys import KEY_PENALTY, LEARNED_KEY_PENALTY, ClassKeys
from fewtext.inference.spelling import COLUMNS, Spelling
from fewtext.inference.stacking import KEYS_ALONE
from fewtext.inference.state import State


def adaptation_tensors(state: State) -> dict[str, Tensor]:
    """Return keys, shares and spelling by name; none for what was not adapted."""
    if state.keys is None:
        return {}
    keys, spelling = state.keys, state.spelling
    found = {"key_vectors": keys.vectors, "key_offsets": keys.offsets, "shares": torch.tensor(state.shares)}
    return found if spelling is None else found | {"rarity": spelling.rarity, "class_spelling": spelling.classes}


def read_adaptation(state: State, tensors: Mapping[str, Tensor], file: Path) -> State:
    """Return the state with what was saved of its adaptation; raises `ValueError` for what does not fit it."""
    if "key_vectors" not in tensors:
        return state
    n, size = len(state.support.classes), state.model.config.embedding_size
    expected: dict[str, tuple[int, ...]] = {"key_vectors": (n, size), "key_offsets": (n,)}
    if "shares" in tensors:  # an earlier version had keys alone
        expected["shares"] = (4,)
    if "rarity" in tensors or "class_spelling" in tensors:
        expected |= {"rarity": (COLUMNS,), "class_spelling": (COLUMNS, n)}
    saved = {name: tensors[name] for name in expected if name in tensors}
    if {name: tuple(tensor.shape) for name, tensor in saved.items()} != expected:
        raise ValueError(f"{file} is damaged: its class keys do not fit the {n} classes.")
    penalty = LEARNED_KEY_PENALTY if state.learned else KEY_PENALTY
    device = state.model.device
    keys = ClassKeys(saved["key_vectors"].to(device), saved["key_offsets"].to(device), penalty)
    spelling = Spelling(saved["rarity"], saved["class_spelling"]) if "rarity" in saved else None
    shares = tuple(saved["shares"].tolist()) if "shares" in saved else KEYS_ALONE
    return replace(state, keys=keys, spelling=spelling, given_shares=shares)
