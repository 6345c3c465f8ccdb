"""Writing the encoder of a Matching Network in the ONNX format, in full precision or in int8."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from fewtext.models.modeling import MatchingNetwork
from fewtext.models.onnx import OnnxEncoder, OnnxNetwork, check_installed, onnx_names

FORMATS = ("onnx",)
QUANTIZATIONS = (None, "int8")
LARGE = 1_900_000_000
"""Bytes of weights from which on they get a file of their own: an ONNX file holds 2 GiB."""
TOLERANCE = 1e-3
"""How far an exported vector may be from the model's own, relative to its length."""


def check_export(model: MatchingNetwork, format: str, quantize: str | None) -> None:
    """Raise `ValueError` unless the model can be exported like that, and `ImportError` without the packages."""
    if format not in FORMATS:
        raise ValueError(f"format is {format!r}; it is 'onnx'.")
    if quantize not in QUANTIZATIONS:
        raise ValueError(f"quantize is {quantize!r}; it is None or 'int8'.")
    if isinstance(model, OnnxNetwork):
        raise ValueError("this model runs on ONNX already; load it with backend='torch' to export it.")
    check_installed("onnx", "onnxruntime", "onnxscript")


def write_onnx(model: MatchingNetwork, folder: Path, quantize: str | None = None) -> None:
    """Write what `MatchingNetwork.encode` does to a folder: a file, and a second one for a separate support encoder.

    Args:
        model: The model; it stays as it is.
        folder: A folder that exists.
        quantize: `int8`: the weights of matrix products in 8 bits, a scale a column; None: float32.

    Raises:
        ValueError: an argument as in `check_export`, or an encoder whose export computes something else.
        ImportError: onnx, onnxruntime or onnxscript is not installed.
    """
    check_export(model, "onnx", quantize)
    model = copy.deepcopy(model).float().cpu().eval()
    separate = model.support_encoder is not None
    names = onnx_names(separate=separate, quantized=quantize is not None)
    for support, name in zip((False, True), names, strict=False):
        if quantize is None:
            _write(_Encode(model, support), folder / name)
            continue
        with TemporaryDirectory(dir=folder.parent) as scratch:
            full = Path(scratch) / "full.onnx"
            _write(_Encode(model, support), full)
            _quantize(full, folder / name)


class _Encode(nn.Module):
    """`MatchingNetwork.encode` of one encoder, as the `forward` that is exported."""

    def __init__(self, model: MatchingNetwork, support: bool) -> None:
        super().__init__()
        self.model, self.support = model, support
        encoder = model.support_encoder if support else model.encoder
        if isinstance(encoder, PreTrainedModel):
            encoder.set_attn_implementation("eager")  # a third fewer operations than sdpa in the file, same vectors
        self.is_large = sum(weight.nbytes for weight in model.parameters()) > LARGE

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.model.encode(input_ids, attention_mask, support=self.support)


@torch.no_grad()
def _write(encode: _Encode, file: Path) -> None:
    axes = {0: "batch", 1: "length"}
    with _quiet():
        torch.onnx.export(
            encode.eval(),
            _batch(3, 7),
            file,
            input_names=["input_ids", "attention_mask"],
            output_names=["sentence_embedding"],
            dynamic_shapes={"input_ids": axes, "attention_mask": axes},
            dynamo=True,
            external_data=encode.is_large,
            verbose=False,
        )
    exported = OnnxEncoder(file)
    for batch in (_batch(2, 5), _batch(1, 3)):  # not the shape that was traced
        expected = encode(*batch)
        if not (exported(*batch) - expected).norm() <= TOLERANCE * expected.norm():
            raise ValueError("the exported encoder computes something else than the model; it cannot be exported.")


def _batch(n_texts: int, length: int) -> tuple[Tensor, Tensor]:
    """Token ids and a mask with padding: two tensors, since the exporter takes one for the other where it is one."""
    mask = torch.ones(n_texts, length, dtype=torch.long)
    mask[1:, length // 2 :] = 0
    return torch.arange(1, length + 1).repeat(n_texts, 1) * mask, mask


def _quantize(full: Path, file: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = full.with_name("prepared.onnx")
    large = sum(path.stat().st_size for path in full.parent.iterdir()) > LARGE
    quant_pre_process(full, prepared, skip_symbolic_shape=True, save_as_external_data=large)
    quantize_dynamic(
        prepared,
        file,
        op_types_to_quantize=["MatMul", "Gemm"],
        per_channel=True,
        reduce_range=True,  # 7 bits: without VNNI the sums of 8-bit products overflow, and the file may go anywhere
        weight_type=QuantType.QInt8,
        use_external_data_format=large,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what the exporter says of packages and names that do not matter here."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
