"""What can run an encoder on a CPU, by name: torch as it is, compiled or packed; or what fewtext exports to ONNX."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

from fewtext import FewShotClassifier, MatchingNetwork
from fewtext.models.onnx import OnnxNetwork

BACKENDS = ("torch", "compile", "packed", "onnx", "onnx int8", "openvino")
GPU_BACKENDS = ("torch", "compile")


class OpenVinoEncoder(nn.Module):
    """An ONNX encoder run by OpenVINO, in full precision, by as many threads as torch has."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        import openvino

        core = openvino.Core()
        settings = {
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16 where the processor has it
            "PERFORMANCE_HINT": "LATENCY",
        }
        self.request = core.compile_model(core.read_model(file), "CPU", settings).create_infer_request()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the vectors of tokenized texts, `(n_texts, dim)`."""
        self.request.infer({0: input_ids.numpy(), 1: attention_mask.numpy()}, share_inputs=True)
        return torch.from_numpy(self.request.get_output_tensor(0).data.copy())


class PackedEncoder(nn.Module):
    """An encoder that reads the texts of a batch as one, each attending to itself alone: without padding."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> BaseModelOutput:
        """Return the hidden states of tokenized texts, `(n_texts, length, dim)`."""
        there = torch.ones_like(input_ids, dtype=torch.bool) if attention_mask is None else attention_mask.bool()
        text, position = there.nonzero(as_tuple=True)
        own = text[:, None] == text[None, :]
        packed = self.encoder(
            input_ids=input_ids[there][None], position_ids=position[None], attention_mask=own[None, None]
        ).last_hidden_state[0]
        hidden = packed.new_zeros(*input_ids.shape, packed.shape[-1])
        hidden[there] = packed
        return BaseModelOutput(last_hidden_state=hidden)


def with_encoder(model: MatchingNetwork, change: Callable[[nn.Module], nn.Module]) -> MatchingNetwork:
    """Return a copy of the model with another encoder made of its own; it shares the tokenizer."""
    other = MatchingNetwork(model.config, copy.deepcopy(model.encoder)).eval()
    other.load_state_dict(model.state_dict())
    other.tokenizer, other.encoder = model.tokenizer, change(other.encoder)
    return other


def network_of(backend: str, model: MatchingNetwork, folder: Path) -> MatchingNetwork:
    """Return the model as a backend runs it; what it needs is exported to the folder once.

    Raises `ValueError` for a backend that there is not, and `ImportError` for one that is not installed.
    """
    if backend not in BACKENDS:
        raise ValueError(f"there is no backend {backend!r}; the backends are {', '.join(BACKENDS)}.")
    if backend == "torch":
        return model
    if backend == "compile":
        return with_encoder(model, partial(torch.compile, dynamic=True))
    if backend == "packed":
        return with_encoder(model, PackedEncoder)
    if backend == "openvino" and find_spec("openvino") is None:
        raise ImportError("the backend 'openvino' needs the extra benchmark: pip install 'fewtext[benchmark]'")
    quantize = "int8" if backend == "onnx int8" else None
    exported = folder / (quantize or "full")
    if not exported.exists():
        FewShotClassifier(model).export("onnx", exported, quantize=quantize)
    network = OnnxNetwork.from_pretrained(exported)
    if backend == "openvino":
        network.encoder = OpenVinoEncoder(network.files[0])
    return network
