"""Low-rank adapters: they start as nothing, learn alone, and merge into plain weights."""

import pytest
import torch
from peft import PeftModel
from torch import nn

from fewtext.models.adapters import add_adapter, merge_adapter
from fewtext.models.encoders import load_encoder
from fewtext.models.modeling import MatchingNetwork

TEXTS = ["where is my parcel", "a refund please", "hello"]


def trained(network):
    """Stand for training: move the matrices that start at 0."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, weight in network.encoder.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.05)
    return network


def test_it_starts_as_nothing_and_learns_alone(model):
    before = model.embed(TEXTS)
    add_adapter(model, 2)
    torch.testing.assert_close(model.embed(TEXTS), before, rtol=0, atol=1e-6)
    learns = {name for name, weight in model.encoder.named_parameters() if weight.requires_grad}
    assert learns and all("lora_" in name for name in learns)


def test_the_rank_is_that_of_the_change(model, tmp_path):
    before = {name: weight.clone() for name, weight in model.encoder.named_parameters()}
    add_adapter(model, 2)
    merge_adapter(trained(model), tmp_path)
    linear = {f"{name}.weight" for name, module in model.encoder.named_modules() if isinstance(module, nn.Linear)}
    for name, weight in model.encoder.named_parameters():
        rank = 2 if name in linear else 0
        assert torch.linalg.matrix_rank(weight - before[name], atol=1e-5) == rank if weight.dim() == 2 else True
        assert torch.equal(weight, before[name]) == (name not in linear)


def test_merged_it_is_a_plain_encoder(model, tmp_path):
    names = set(model.state_dict())
    add_adapter(model, 2)
    expected = trained(model).embed(TEXTS)
    merge_adapter(model, tmp_path / "adapter")
    assert set(model.state_dict()) == names
    torch.testing.assert_close(model.embed(TEXTS), expected, rtol=0, atol=1e-6)
    model.save_pretrained(tmp_path / "model")
    assert torch.equal(MatchingNetwork.from_pretrained(tmp_path / "model").embed(TEXTS), model.embed(TEXTS))


def test_peft_reads_the_saved_one(model, encoder_folder, tmp_path):
    add_adapter(model, 2)
    merge_adapter(trained(model), tmp_path)
    encoder = PeftModel.from_pretrained(load_encoder(encoder_folder), str(tmp_path)).merge_and_unload()
    for name, weight in model.encoder.state_dict().items():
        torch.testing.assert_close(encoder.state_dict()[name], weight, rtol=0, atol=1e-7)


def test_what_cannot_be_is_said(encoder_folder, model, tmp_path):
    with pytest.raises(ValueError, match="adapter_rank is 0; it must be at least 1"):
        add_adapter(model, 0)
    with pytest.raises(TypeError, match="no adapter"):
        merge_adapter(model, tmp_path)
    separate = MatchingNetwork.from_encoder(encoder_folder, separate_encoders=True)
    with pytest.raises(ValueError, match="leave separate_encoders false"):
        add_adapter(separate, 2)
