"""A Matching Network whose encoder onnxruntime runs; everything else stays in torch."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fewtext.folders import MODEL_PARTS, OWN_FILES, SUPPORT_FILES, check_model_folder
from fewtext.models.configuration import MatchingNetworkConfig
from fewtext.models.modeling import MatchingNetwork


def onnx_names(*, separate: bool, quantized: bool) -> list[str]:
    """Return the file names of an encoder, and of that of the examples where it is a separate one.

    >>> onnx_names(separate=True, quantized=True)
    ['model_int8.onnx', 'support_model_int8.onnx']
    """
    suffix = "_int8.onnx" if quantized else ".onnx"
    return [f"{part}{suffix}" for part in ("model", "support_model")[: 2 if separate else 1]]


def find_onnx(folder: Path, *, separate: bool) -> list[Path]:
    """Return the ONNX files of a folder: those in full precision if they are there, else those in int8.

    Raises `ValueError` where neither is whole.
    """
    for quantized in (False, True):
        files = [folder / name for name in onnx_names(separate=separate, quantized=quantized)]
        if all(file.is_file() for file in files):
            return files
    expected = " and ".join(onnx_names(separate=separate, quantized=False))
    raise ValueError(
        f"{folder} holds no {expected} (nor its int8 form); write one with clf.export('onnx', folder), or load it "
        "with backend='torch'."
    )


def check_installed(*names: str) -> None:
    """Raise `ImportError` unless these packages are there, which the extra `onnx` brings."""
    if missing := [name for name in names if find_spec(name) is None]:
        raise ImportError(f"ONNX needs {', '.join(missing)}: pip install 'fewtext[onnx]'")


class OnnxEncoder(nn.Module):
    """An encoder with its pooling in an ONNX file, run on the CPU by as many threads as torch has.

    Args:
        file: The file.
        stamp: Its time and size when it was first opened, for copies.

    Raises:
        ImportError: onnxruntime is not installed.
        ValueError: the file is damaged, or no longer that of the stamp.
    """

    def __init__(self, file: Path, stamp: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.stamp = _stamp(file)
        if stamp not in (None, self.stamp):
            raise _changed(file.parent)
        check_installed("onnxruntime")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self.file = file
        try:
            self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no public base class of their own
            raise ValueError(f"{file} is damaged or was cut off while it was written ({error}).") from error

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and other processes open the file again: a session can be neither copied nor pickled."""
        return type(self), (self.file, self.stamp)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the vectors of tokenized texts, `(n_texts, dim)`, on the device of their ids."""
        feed = {"input_ids": input_ids.cpu().numpy(), "attention_mask": attention_mask.cpu().numpy()}
        [vectors] = self.session.run(None, feed)
        return torch.from_numpy(vectors).to(input_ids.device)


class OnnxNetwork(MatchingNetwork):
    """A Matching Network from a folder that `export` wrote: it infers, and cannot be trained.

    Args:
        config: Its settings.
        encoder: The encoder.
        support_encoder: That of the examples, where `config.separate_encoders`.
    """

    _keys_to_ignore_on_load_unexpected = [r"^(support_)?encoder\."]  # noqa: RUF012  never read into memory

    def __init__(
        self, config: MatchingNetworkConfig, encoder: OnnxEncoder, support_encoder: OnnxEncoder | None = None
    ) -> None:
        super().__init__(config, encoder, support_encoder)
        encoders = [module for module in (encoder, support_encoder) if module is not None]
        self.files = [module.file for module in encoders]
        self.stamps = [module.stamp for module in encoders]
        for module in encoders if config.projection else []:
            del module.projection  # it is in the file

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Load a folder with ONNX files; of its torch weights only those of the matching are read.

        Raises `ValueError` for a folder that is not whole, and `ImportError` without onnxruntime.
        """
        folder = Path(pretrained_model_name_or_path).absolute()
        check_model_folder(folder)
        config = MatchingNetworkConfig.from_pretrained(folder)
        files = find_onnx(folder, separate=config.separate_encoders)
        parts = ("encoder", "support_encoder")[: len(files)]
        encoders = {part: OnnxEncoder(file) for part, file in zip(parts, files, strict=True)}
        return super().from_pretrained(folder, *args, config=config, **encoders, **kwargs).eval()

    def is_from(self, folder: Path) -> bool:
        """Tell whether a folder holds the very files that the encoders were loaded from."""
        return [_stamp(folder / file.name) for file in self.files] == self.stamps

    def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> None:  # type: ignore[override]
        """Copy the model's files, its torch weights among them, from where it was loaded.

        Raises `ValueError` where they are no longer there, or are others.
        """
        folder = self.files[0].parent
        if not self.is_from(folder):
            raise _changed(folder)
        Path(save_directory).mkdir(parents=True, exist_ok=True)
        for file in folder.iterdir():
            if file.name in OWN_FILES - SUPPORT_FILES or file.match(MODEL_PARTS):
                shutil.copy2(file, save_directory)

    def get_input_embeddings(self) -> nn.Module:
        """Raise `NotImplementedError`: the token embeddings are in the file."""
        raise NotImplementedError("an ONNX encoder has no token embeddings; load it with backend='torch'.")

    def encode(self, input_ids: Tensor, attention_mask: Tensor | None, *, support: bool = False) -> Tensor:
        """Return f'(x), or g'(x) where `support`, as `MatchingNetwork.encode`; without gradients."""
        encoder = self.support_encoder if support and self.support_encoder is not None else self.encoder
        return encoder(input_ids, torch.ones_like(input_ids) if attention_mask is None else attention_mask)

    def train(self, mode: bool = True) -> OnnxNetwork:
        """Stay in evaluation mode; raises `RuntimeError` when told to train."""
        if mode:
            raise RuntimeError("an ONNX encoder cannot be trained or adapted; load it with backend='torch'.")
        return super().train(False)


def _changed(folder: Path) -> ValueError:
    return ValueError(f"{folder} was changed or removed after this model was loaded from it; load it again.")


def _stamp(file: Path) -> tuple[int, int] | None:
    """Time and size of a file, which copies keep; None where there is none."""
    if not file.is_file():
        return None
    found = file.stat()
    return found.st_mtime_ns, found.st_size
