"""A support set on disk: `support.jsonl` with the texts, `support.safetensors` with embeddings and classes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, safe_open, save_file
from torch import Tensor

from fewtext.folders import TEXTS_FILE, VECTORS_FILE, check_safetensors
from fewtext.inference.labels import Label, Shares, stored_label
from fewtext.inference.support import SupportSet

LISTS = ("classes", "ids", "names", "descriptions", "class_texts")
"""What the metadata lists."""


def save_support(
    support: SupportSet,
    folder: Path,
    settings: Mapping[str, Any],
    tensors: Mapping[str, Tensor] | None = None,
    *,
    include_texts: bool = True,
) -> None:
    """Write the two files; the one of the embeddings knows the sha256 of the other.

    Args:
        support: The support set, embedded.
        folder: Where to write.
        settings: What else to keep, as JSON.
        tensors: Further tensors to keep.
        include_texts: Without them only ids, labels and embeddings are written, and no unknown texts.

    Raises:
        TypeError: a label that JSON cannot hold.
    """
    assert support.vectors is not None
    position = {label: i for i, label in enumerate(support.classes)}
    pairs = [(i, position[c], share) for i, shares in enumerate(support.shares) for c, share in shares.items()]
    class_texts = sorted(support.class_vectors.keys() & {*support.names.values(), *support.descriptions.values()})
    stored = {
        "vectors": support.vectors.cpu().contiguous(),
        "label_rows": torch.tensor([pair[:2] for pair in pairs], dtype=torch.int64).reshape(-1, 2),
        "label_shares": torch.tensor([pair[2] for pair in pairs], dtype=torch.float32),
        **{name: tensor.cpu().contiguous() for name, tensor in (tensors or {}).items()},
    }
    if class_texts:
        stored["class_vectors"] = torch.stack([support.class_vectors[text] for text in class_texts]).cpu()
    about = {
        "ids": support.ids,
        "classes": [stored_label(label) for label in support.classes],
        "names": [support.names[label] for label in support.classes],
        "descriptions": [support.descriptions.get(label) for label in support.classes],
        "class_texts": class_texts,
        "several": support.several,
        "unknown": support.unknown if include_texts else [],
        "texts_sha256": None,
        "settings": dict(settings),
    }
    if include_texts:
        if not support.has_texts:
            raise ValueError(
                "this support set was saved without its texts; pass include_texts=False to save it again."
            )
        lines = "".join(
            json.dumps({"id": own, "text": text, **_stored_shares(shares, support.several)}, ensure_ascii=False) + "\n"
            for own, text, shares in zip(support.ids, support.texts, support.shares, strict=True)
        )
        (folder / TEXTS_FILE).write_text(lines, encoding="utf-8", newline="\n")
        about["texts_sha256"] = hashlib.sha256(lines.encode()).hexdigest()
    save_file(stored, folder / VECTORS_FILE, {"support": json.dumps(about, ensure_ascii=False)})


def load_support(folder: Path, dim: int) -> tuple[SupportSet, dict[str, Any], dict[str, Tensor]]:
    """Read a saved support set, its settings and further tensors.

    Raises `ValueError` if its files are not of one save, or do not fit a model of embeddings of size `dim`.
    """
    texts_file, vectors_file = folder / TEXTS_FILE, folder / VECTORS_FILE
    if not vectors_file.is_file():
        raise ValueError(f"{folder} lacks {VECTORS_FILE}, a part of the support set.")
    check_safetensors(vectors_file)
    with safe_open(vectors_file, framework="pt") as opened:
        metadata = dict(opened.metadata() or {})
    tensors = load_file(vectors_file)
    try:
        about = json.loads(metadata["support"])
        vectors, rows, shares = (tensors.pop(name) for name in ("vectors", "label_rows", "label_shares"))
        classes, ids, names, descriptions, class_texts = (about[name] for name in LISTS)
        settings, several, sha256 = about["settings"], about["several"], about["texts_sha256"]
        if not len(classes) == len(names) == len(descriptions):
            raise ValueError("its classes, names and descriptions are not of one number")
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{vectors_file} is not a support set of this version of fewtext ({error}).") from error
    if vectors.dim() != 2 or vectors.shape[-1] != dim:
        raise ValueError(f"{vectors_file} holds vectors of size {vectors.shape[-1]}, but the model has size {dim}.")
    class_vectors = tensors.pop("class_vectors", vectors[:0])
    if class_vectors.shape != (len(class_texts), dim):
        raise ValueError(f"{vectors_file} is damaged: the vectors of names and descriptions do not fit them.")
    if not (bool(vectors.isfinite().all()) and bool(class_vectors.isfinite().all())):
        raise ValueError(f"{vectors_file} is damaged: some of its vectors are not numbers.")
    fits = len(ids) == len(vectors) and len(rows) == len(shares) >= len(ids)
    inside = not len(rows) or (bool((rows >= 0).all()) and bool((rows < torch.tensor([len(ids), len(classes)])).all()))
    if not (fits and inside):
        raise ValueError(f"{vectors_file} is damaged: its ids, vectors and labels do not fit together.")
    texts = [""] * len(ids)
    if sha256 is not None:
        texts = _read_texts(texts_file, sha256, len(ids))
    per_text: list[dict[Label, float]] = [{} for _ in ids]
    for (i, c), share in zip(rows.tolist(), shares.tolist(), strict=True):
        per_text[i][classes[c]] = share
    support = SupportSet(
        tuple(texts),
        tuple(per_text),
        tuple(ids),
        dict(zip(classes, names, strict=True)),
        {label: text for label, text in zip(classes, descriptions, strict=True) if text is not None},
        several,
        vectors,
        dict(zip(class_texts, class_vectors, strict=True)),
        tuple(about.get("unknown", ())),
    )
    return support, settings, tensors


def _read_texts(file: Path, sha256: str, expected: int) -> list[str]:
    if not file.is_file():
        raise ValueError(f"{file.parent} lacks {TEXTS_FILE}, a part of the support set.")
    lines = file.read_bytes()
    if hashlib.sha256(lines).hexdigest() != sha256:
        raise ValueError(f"{file} and {VECTORS_FILE} are not of one save; save the classifier again.")
    texts = [json.loads(line)["text"] for line in lines.decode().split("\n") if line]
    if len(texts) != expected:
        raise ValueError(f"{file} has {len(texts)} texts, but {VECTORS_FILE} has {expected} vectors.")
    return texts


def _stored_shares(shares: Shares, several: bool) -> dict[str, Any]:
    labels = sorted(shares)
    if several:
        return {"labels": [stored_label(label) for label in labels]}
    if len(labels) == 1:
        return {"label": stored_label(labels[0])}
    return {"shares": [[stored_label(label), shares[label]] for label in labels]}
