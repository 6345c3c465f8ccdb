"""A support set on disk: `support.jsonl` with the texts, `support.safetensors` with embeddings and classes.

Of a large one `support.arrow` has the texts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from fewtext.folders import TEXTS_FILE, VECTORS_FILE, check_safetensors
from fewtext.inference.labels import Label, Shares, stored_label
from fewtext.inference.large_files import read_columns, write_table
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
    if include_texts and not support.has_texts:
        raise ValueError("this support set was saved without its texts; pass include_texts=False to save it again.")
    class_texts = sorted(support.class_vectors.keys() & {*support.names.values(), *support.descriptions.values()})
    stored = {name: tensor.cpu().contiguous() for name, tensor in (tensors or {}).items()}
    if not support.is_large:
        stored |= _label_tensors(support)
    if class_texts:
        stored["class_vectors"] = torch.stack([support.class_vectors[text] for text in class_texts]).cpu()
    about: dict[str, Any] = {
        "ids": None if support.is_large else support.ids,
        "classes": [stored_label(label) for label in support.classes],
        "names": [support.names[label] for label in support.classes],
        "descriptions": [support.descriptions.get(label) for label in support.classes],
        "class_texts": class_texts,
        "several": support.several,
        "unknown": support.unknown if include_texts else [],
        "texts_sha256": None,
        "table": write_table(support, folder, include_texts) if support.is_large else None,
        "settings": dict(settings),
    }
    if include_texts and not support.is_large:
        lines = "".join(
            json.dumps({"id": own, "text": text, **_stored_shares(shares, support.several)}, ensure_ascii=False) + "\n"
            for own, text, shares in zip(support.ids, support.texts, support.shares, strict=True)
        )
        (folder / TEXTS_FILE).write_text(lines, encoding="utf-8", newline="\n")
        about["texts_sha256"] = hashlib.sha256(lines.encode()).hexdigest()
    save_file(stored, folder / VECTORS_FILE, {"support": json.dumps(about, ensure_ascii=False)})


def _label_tensors(support: SupportSet) -> dict[str, Tensor]:
    assert isinstance(support.vectors, Tensor)
    position = {label: i for i, label in enumerate(support.classes)}
    pairs = [(i, position[c], share) for i, shares in enumerate(support.shares) for c, share in shares.items()]
    return {
        "vectors": support.vectors.cpu().contiguous(),
        "label_rows": torch.tensor([pair[:2] for pair in pairs], dtype=torch.int64).reshape(-1, 2),
        "label_shares": torch.tensor([pair[2] for pair in pairs], dtype=torch.float32),
    }


def load_support(folder: Path, dim: int) -> tuple[SupportSet, dict[str, Any], dict[str, Tensor]]:
    """Read a saved support set, its settings and further tensors.

    Raises `ValueError` if its files are not of one save, or do not fit a model of embeddings of size `dim`.
    """
    vectors_file = folder / VECTORS_FILE
    if not vectors_file.is_file():
        raise ValueError(f"{folder} lacks {VECTORS_FILE}, a part of the support set.")
    check_safetensors(vectors_file)
    with safe_open(vectors_file, framework="pt") as opened:
        metadata = dict(opened.metadata() or {})
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  no dictionary
    try:
        about = json.loads(metadata["support"])
        classes, _, names, descriptions, class_texts = (about[name] for name in LISTS)
        settings, several, table = about["settings"], about["several"], about.get("table")
        if not len(classes) == len(names) == len(descriptions):
            raise ValueError("its classes, names and descriptions are not of one number")
        vectors = tensors["vectors"]
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{vectors_file} is not a support set of this version of fewtext ({error}).") from error
    if vectors.dim() != 2 or vectors.shape[-1] != dim:
        raise ValueError(f"{vectors_file} holds vectors of size {vectors.shape[-1]}, but the model has size {dim}.")
    class_vectors = tensors.pop("class_vectors", vectors[:0].float())
    if class_vectors.shape != (len(class_texts), dim):
        raise ValueError(f"{vectors_file} is damaged: the vectors of names and descriptions do not fit them.")
    if table is None:
        columns = _small_columns(folder, about, tensors)
    else:
        columns = read_columns(folder, table, classes, tensors)
        tensors = {name: tensor for name, tensor in tensors.items() if name not in ("vectors", "scales")}
    finite = class_vectors if table is not None else torch.cat([vectors, class_vectors])
    if not bool(finite.isfinite().all()):
        raise ValueError(f"{vectors_file} is damaged: some of its vectors are not numbers.")
    support = SupportSet(
        **columns,
        names=dict(zip(classes, names, strict=True)),
        descriptions={label: text for label, text in zip(classes, descriptions, strict=True) if text is not None},
        several=several,
        class_vectors=dict(zip(class_texts, class_vectors, strict=True)),
        unknown=tuple(about.get("unknown", ())),
    )
    return support, settings, tensors


def _small_columns(folder: Path, about: Mapping[str, Any], tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Return ids, texts, shares and vectors; takes from the tensors what it reads."""
    file = folder / VECTORS_FILE
    try:
        vectors, rows, shares = (tensors.pop(name) for name in ("vectors", "label_rows", "label_shares"))
        ids, classes, sha256 = about["ids"], about["classes"], about["texts_sha256"]
    except KeyError as error:
        raise ValueError(f"{file} is not a support set of this version of fewtext ({error}).") from error
    fits = len(ids) == len(vectors) and len(rows) == len(shares) >= len(ids)
    inside = not len(rows) or (bool((rows >= 0).all()) and bool((rows < torch.tensor([len(ids), len(classes)])).all()))
    if not (fits and inside):
        raise ValueError(f"{file} is damaged: its ids, vectors and labels do not fit together.")
    texts = [""] * len(ids) if sha256 is None else _read_texts(folder / TEXTS_FILE, sha256, len(ids))
    per_text: list[dict[Label, float]] = [{} for _ in ids]
    for (i, c), share in zip(rows.tolist(), shares.tolist(), strict=True):
        per_text[i][classes[c]] = share
    return {"texts": tuple(texts), "shares": tuple(per_text), "ids": tuple(ids), "vectors": vectors}


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
