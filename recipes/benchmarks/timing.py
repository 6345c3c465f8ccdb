"""Timing candidates in turn in one process: a machine that slows down slows all of them."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch


@dataclass
class Seconds:
    """What the runs of a candidate took, after one that warms up."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def wait_for_gpu() -> None:
    """Wait until a GPU, if there is one at work, has done all that it was given."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def timed(candidates: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, Seconds]:
    """Return the seconds of each candidate, all run in turn."""
    seconds = {name: Seconds() for name in candidates}
    for repeat in range(repeats + 1):
        for name, run in candidates.items():
            cpu, wall = time.process_time(), time.perf_counter()
            run()
            wait_for_gpu()
            if repeat:
                seconds[name].wall.append(time.perf_counter() - wall)
                seconds[name].cpu.append(time.process_time() - cpu)
    return seconds


def ratio(above: Seconds, below: Seconds) -> dict[str, float]:
    """Return the ratio of two candidates, run by run: of wall seconds with its range, and of CPU seconds."""
    wall = [a / b for a, b in zip(above.wall, below.wall, strict=True)]
    cpu = [a / b for a, b in zip(above.cpu, below.cpu, strict=True)]
    return {"median": statistics.median(wall), "min": min(wall), "max": max(wall), "cpu": statistics.median(cpu)}


def shown(value: object) -> str:
    """Return a figure as the table has it."""
    if not isinstance(value, dict):
        return f"{value:.3g}" if isinstance(value, float) else str(value)
    return f"{value['median']:.3f} ({value['min']:.3f} to {value['max']:.3f}); CPU {value['cpu']:.3f}"


def machine() -> str:
    """Describe the machine: processor, cores and what multiplies matrices, with the GPU where one is at work."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        names = [line.split(":")[1].strip() for line in information.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    kinds = torch.backends.cpu.get_cpu_capability()
    gpu = f"{torch.cuda.get_device_name()}, " if torch.cuda.is_initialized() else ""
    return f"{gpu}{model}, {os.cpu_count()} cores, {kinds}, torch {torch.__version__}"
