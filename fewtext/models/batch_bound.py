"""How many padded tokens a batch should have on this machine: measured once, during real work, and remembered."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock

VARIABLE = "FEWTEXT_BATCH_TOKENS"
"""Environment variable that fixes the bound."""

DEFAULTS = {"cpu": 512, "cuda": 16_384}
CANDIDATES = {"cpu": (384, 512, 768, 1024), "cuda": (8_192, 16_384, 32_768, 65_536)}
ROUNDS = 3
"""Batches that each candidate gets."""


def known_bound(device: str, encoder: str) -> int | None:
    """Return the bound that the environment fixes, or that was measured for a device and an encoder; else None.

    Raises `ValueError` for a variable that is not a positive number.
    """
    if fixed := os.environ.get(VARIABLE):
        if not fixed.isdigit() or int(fixed) < 1:
            raise ValueError(f"{VARIABLE} is {fixed!r}; it must be a number of tokens, at least 1.")
        return int(fixed)
    return _remembered(device, encoder, torch.get_num_threads())


def work_to_measure(device: str) -> int:
    """Return how many tokens a work must have for the bound to be measured on a part of it.

    >>> work_to_measure("cpu")
    16128
    """
    return 2 * ROUNDS * sum(CANDIDATES.get(device, ()))


def trial_batches(lengths: Sequence[int], device: str) -> list[tuple[int, list[int]]]:
    """Return batches of about equally long texts, each with the bound that it tries, in turn.

    >>> [(bound, len(rows)) for bound, rows in trial_batches([12] * 2000, "cpu")][:4]
    [(384, 32), (512, 42), (768, 64), (1024, 85)]
    """
    order = np.argsort(np.asarray(lengths), kind="stable")
    start = max(0, len(order) // 2 - ROUNDS * sum(CANDIDATES[device]) // (2 * max(1, lengths[order[len(order) // 2]])))
    batches = []
    for bound in CANDIDATES[device] * ROUNDS:
        n = max(1, bound // max(1, lengths[order[min(start, len(order) - 1)]]))
        batches.append((bound, order[start : start + n].tolist()))
        start += n
    return batches


def fastest(seconds: Mapping[int, Sequence[float]]) -> int:
    """Return the bound whose fastest batch took the least time a token, given the seconds a token of each.

    >>> fastest({512: [2.0, 1.1], 768: [1.0, 5.0]})
    768
    """
    return min(seconds, key=lambda bound: min(seconds[bound]))


def remember_bound(device: str, encoder: str, bound: int) -> None:
    """Keep a measured bound for this machine; the first to measure it is believed."""
    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock"):
            known = _read(file)
            known.setdefault(_key(device, encoder, torch.get_num_threads()), bound)
            new = file.with_suffix(".new")
            new.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
            new.replace(file)
    except OSError:  # a home that cannot be written to: it is measured again next time
        return
    _remembered.cache_clear()


@lru_cache
def _remembered(device: str, encoder: str, threads: int) -> int | None:
    return _read(_file()).get(_key(device, encoder, threads))


def _read(file: Path) -> dict[str, int]:
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {key: bound for key, bound in known.items() if isinstance(bound, int) and bound > 0}


def _key(device: str, encoder: str, threads: int) -> str:
    name = torch.cuda.get_device_name() if device == "cuda" else f"{platform.machine()} {os.cpu_count()} cores"
    return f"{name}, {threads} threads, torch {torch.__version__}, {encoder}"


def _file() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "fewtext" / "batch_tokens.json"


def timed_batches(
    batches: Sequence[tuple[int, list[int]]], lengths: Sequence[int], encode: Callable[[list[int]], None]
) -> dict[int, list[float]]:
    """Encode batches, and return the seconds a token of each bound."""
    seconds: dict[int, list[float]] = {bound: [] for bound, _ in batches}
    for bound, rows in batches:
        started = time.perf_counter()
        encode(rows)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds[bound].append((time.perf_counter() - started) / sum(lengths[row] for row in rows))
    return seconds
