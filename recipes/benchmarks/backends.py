"""What can run an encoder on a CPU, by name; all from the ONNX file that fewtext exports, but torch itself."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from fewtext import FewShotClassifier, MatchingNetwork
from fewtext.models.onnx import OnnxNetwork

BACKENDS = ("torch", "onnx", "onnx int8", "openvino")


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


def network_of(backend: str, model: MatchingNetwork, folder: Path) -> MatchingNetwork:
    """Return the model as a backend runs it; what it needs is exported to the folder once.

    Raises `ValueError` for a backend that there is not, and `ImportError` for one that is not installed.
    """
    if backend not in BACKENDS:
        raise ValueError(f"there is no backend {backend!r}; the backends are {', '.join(BACKENDS)}.")
    if backend == "torch":
        return model
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
