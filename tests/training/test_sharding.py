"""Which layers are sharded, and what is refused; two processes that shard are in test_exactness.py."""

import sys
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator

from fewtext.training.sharding import prepare_sharding, whole_model


def test_without_sharding_nothing_changes(model):
    tokens = model.training_tokens
    prepare_sharding(Accelerator(cpu=True), model)
    assert model.training_tokens == tokens
    assert whole_model(model) is model


def test_version_1_is_refused(model):
    accelerator = SimpleNamespace(state=SimpleNamespace(fsdp_plugin=SimpleNamespace(fsdp_version=1)))
    with pytest.raises(ValueError, match="fsdp_version: 2"):
        prepare_sharding(accelerator, model)


def test_one_pass_of_the_encoder_gives_what_several_give(model):
    ids = torch.randint(5, 50, (7, 12))
    index = {
        "support": torch.tensor([[0, 1, 2]]),
        "support_labels": torch.eye(3)[None],
        "support_weights": torch.ones(1, 3),
        "query": torch.tensor([[3, 4, 5, 6]]),
        "query_labels": torch.tensor([[0, 1, 2, 0]]),
    }
    losses = []
    for tokens in (24, sys.maxsize):
        model.training_tokens = tokens
        losses.append(model(input_ids=ids, attention_mask=torch.ones_like(ids), **index).loss)
    torch.testing.assert_close(losses[0], losses[1])
