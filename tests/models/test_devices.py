"""What a CPU does without; what a GPU gets is asked there: tests/test_gpu.py."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from fewtext.models.devices import attention_of_any_shape, default_device, encoding_precision, half_precision


def test_without_a_gpu_models_are_on_the_cpu():
    assert default_device() == torch.device("cpu")


def test_a_cpu_encodes_in_full_precision():
    with torch.autocast("cpu", torch.bfloat16):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
        with encoding_precision(torch.device("cpu")):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


@pytest.mark.parametrize(("supported", "kind"), [(True, torch.bfloat16), (False, torch.float16)])
def test_half_precision_is_what_the_gpu_has(monkeypatch, supported, kind):
    asked = {}
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **options: asked.update(options) or supported)
    assert half_precision() == kind
    assert asked == {"including_emulation": False}  # where it is emulated it is slow
    monkeypatch.setattr(torch, "autocast", lambda *arguments, enabled: (*arguments, enabled))
    assert encoding_precision(torch.device("cuda")) == ("cuda", kind, True)
    assert encoding_precision(torch.device("cuda"), training=True) == ("cuda", kind, supported)  # not in float16


def test_attention_on_a_cpu_is_what_it_was():
    query = torch.randn(1, 2, 5, 4)
    expected = scaled_dot_product_attention(query, query, query)
    with attention_of_any_shape(torch.device("cpu")):
        torch.testing.assert_close(scaled_dot_product_attention(query, query, query), expected)
