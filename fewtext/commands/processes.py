"""Which of several processes this one is, where `accelerate launch` or `torchrun` started it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """A group of processes that divide blocks of work among them, in turn.

    Args:
        rank: Which of them this one is.
        size: How many there are.
        device: Where this one computes; None is wherever one alone would.
    """

    rank: int = 0
    size: int = 1
    device: str | None = None

    @classmethod
    def started(cls) -> Processes:
        """Return the group that a launcher started this process in; where none did, one alone.

        Raises `ValueError` where the processes do not find each other: each would do all of the work.
        """
        size = int(os.environ.get("WORLD_SIZE", 1))
        if size == 1 or "LOCAL_RANK" not in os.environ:  # some clusters set the first for whatever they run
            return cls()
        import torch
        from accelerate.utils import parse_flag_from_env

        state = _state()
        if state.num_processes != size:
            raise ValueError(f"WORLD_SIZE is {size}, but Accelerate found {state.num_processes} processes.")
        use_cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.cuda.is_available()
        device = "cpu" if use_cpu else f"cuda:{state.local_process_index % torch.cuda.device_count()}"
        return cls(state.process_index, size, device)

    def own(self, blocks: Iterator[T]) -> Iterator[T]:
        """Yield the blocks that are this process's.

        >>> list(Processes(rank=1, size=3).own(iter("abcdefg")))
        ['b', 'e']
        """
        return islice(blocks, self.rank, None, self.size)

    def wait(self) -> None:
        """Wait until all of them are here; then they are a group no more."""
        if self.size > 1:
            _state().wait_for_everyone()
            _state().destroy_process_group()


def _state() -> Any:
    from accelerate import PartialState

    # They meet once, at the end: gloo is enough for that, on GPUs too, and the fastest waits for the slowest.
    return PartialState(cpu=True, timeout=timedelta(days=30))
