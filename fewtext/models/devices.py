"""What a GPU needs that a CPU does not: which device, which precision, and which kernels of the attention."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


def default_device() -> torch.device:
    """Return where a model goes that nobody placed: a GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def half_precision() -> torch.dtype:
    """Return what a GPU encodes in: bfloat16 where it has that, else float16."""
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def encoding_precision(device: torch.device, training: bool = False) -> AbstractContextManager[object]:
    """Return the context in which texts are encoded: full precision on a CPU, half on a GPU.

    In training float16 is left out: gradients vanish in it.
    """
    if device.type != "cuda":
        return torch.autocast(device.type, enabled=False)
    kind = half_precision()
    return torch.autocast("cuda", kind, enabled=not training or kind == torch.bfloat16)


def attention_of_any_shape(device: torch.device) -> AbstractContextManager[object]:
    """Return a context whose attention takes batches of ever new shapes as they come.

    That of cuDNN makes a plan for each shape, which takes up to a second on an H200, and texts bring new shapes with
    almost every batch. A backward pass that runs layers again (activation checkpointing) has to be inside too.
    """
    if device.type != "cuda":
        return nullcontext()
    return sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH])
