"""Weights sharded over the processes (FSDP2): what an episode asks of them, and a whole copy of them."""

from __future__ import annotations

import sys

import torch
from accelerate import Accelerator
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import FSDPModule

from fewtext.models.layers import transformer_layers
from fewtext.models.modeling import MatchingNetwork


def prepare_sharding(accelerator: Accelerator, model: MatchingNetwork) -> None:
    """Make a model ready for sharded training, where that was asked for; else do nothing.

    Every pass of the encoder gathers weights from all processes, so all of them must make the same number
    of passes: one a step. The matching stays in full precision; autocast casts what may be cast.

    Raises:
        ValueError: FSDP version 1, which cannot train the parameters of the matching at a rate of their own.
    """
    plugin = getattr(accelerator.state, "fsdp_plugin", None)  # the state has it only where FSDP is used
    if plugin is None:
        return
    if plugin.fsdp_version != 2:
        raise ValueError("sharding needs FSDP 2: set fsdp_version: 2, as recipes/accelerate/fsdp.yaml does.")
    plugin.mixed_precision_policy = None
    if plugin.transformer_cls_names_to_wrap is None:
        # transformers names the embeddings too, which Accelerate shards by themselves: sharded twice, they fail
        plugin.transformer_cls_names_to_wrap = sorted({type(layer).__name__ for layer in transformer_layers(model)})
    model.training_tokens = sys.maxsize


def whole_model(model: MatchingNetwork) -> MatchingNetwork:
    """Return the model, or a copy with all its weights on this process where they are sharded.

    All processes must call it together.
    """
    if not isinstance(model, FSDPModule):
        return model
    weights = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True))
    with torch.random.fork_rng(), model.device:
        whole = MatchingNetwork(model.config)
    whole.load_state_dict(weights)
    whole.tokenizer = model.tokenizer
    return whole.eval()
