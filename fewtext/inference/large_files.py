"""A large support set on disk: an Arrow table, embeddings and an index, all mapped when they are opened, not read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from fewtext.folders import INDEX_FILE, TABLE_FILE, VECTORS_FILE
from fewtext.inference.index import VectorIndex
from fewtext.inference.labels import Label
from fewtext.inference.large_memory import LargeMemory
from fewtext.inference.pieces import OneClass, Strings, Vectors
from fewtext.inference.rows import Rows
from fewtext.inference.support import SupportSet

OF_MEMORY = ("mean", "sums", "covariance")
"""What was computed of the vectors."""

PART_OF_SAVE = b"fewtext"
"""Key of the table's metadata: what else was saved with it."""


def large_tensors(support: SupportSet, memory: LargeMemory) -> dict[str, Tensor]:
    """Return what `support.safetensors` holds of a large support set: embeddings, and what was computed of them."""
    assert isinstance(support.vectors, Rows)
    tensors = {name: getattr(memory, name) for name in OF_MEMORY} | {"vectors": _stored(support.vectors, "stored")}
    tensors["made"] = torch.tensor([memory.made_of, memory.changed])
    first = support.vectors.pieces[0]
    if isinstance(first, Vectors) and first.scales is not None:
        tensors["scales"] = _stored(support.vectors, "scales")
    return tensors


def write_table(support: SupportSet, folder: Path, include_texts: bool) -> str:
    """Write ids, texts and class numbers; return a hash of them, by which the files of one save know each other."""
    ids = list(support.ids)
    texts = list(support.texts) if include_texts else [""] * len(support)
    numbers = support.class_of_rows().astype(np.int32)
    hashed = hashlib.sha256(numbers.tobytes())
    for one in (*ids, *texts):
        hashed.update(one.encode() + b"\0")
    digest = hashed.hexdigest()
    strings = {"id": pa.array(ids, pa.large_string()), "text": pa.array(texts, pa.large_string())}
    table = pa.table({**strings, "class": pa.array(numbers)}).replace_schema_metadata({PART_OF_SAVE: digest.encode()})
    with pa.OSFile(str(folder / TABLE_FILE), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return digest


def write_index(memory: LargeMemory, folder: Path) -> None:
    """Write the index, where there is one, numbered as the table is."""
    if memory.index is None:
        return
    kept = memory.vectors
    index = memory.index if kept.is_whole and memory.index.end == kept.whole else memory.index.compacted(kept.kept)
    index.save(folder / INDEX_FILE)


def read_columns(folder: Path, digest: str, classes: Sequence[Label], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the columns of a large support set, by the names that `SupportSet` gives them.

    Raises `ValueError` if the files are damaged or not of one save.
    """
    file = folder / TABLE_FILE
    if not file.is_file():
        raise ValueError(f"{folder} lacks {TABLE_FILE}, a part of the support set.")
    try:
        table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{file} is damaged or was cut off while it was written ({error}).") from error
    if (table.schema.metadata or {}).get(PART_OF_SAVE) != digest.encode():
        raise ValueError(f"{file} and {VECTORS_FILE} are not of one save; save the classifier again.")
    vectors, scales = tensors["vectors"], tensors.get("scales")
    numbers = [chunk.to_numpy() for chunk in table["class"].chunks]
    if len(vectors) != len(table) or any(((own < 0) | (own >= len(classes))).any() for own in numbers):
        raise ValueError(f"{folder / VECTORS_FILE} is damaged: its vectors and classes do not fit {TABLE_FILE}.")
    return {
        "ids": Rows(tuple(Strings(chunk) for chunk in table["id"].chunks)),
        "texts": Rows(tuple(Strings(chunk) for chunk in table["text"].chunks)),
        "shares": Rows(tuple(OneClass(own, classes) for own in numbers)),
        "vectors": Rows((Vectors(vectors, scales),)),
    }


def read_index(folder: Path, n: int, dim: int) -> VectorIndex | None:
    """Map the index, where there is one; raises `ValueError` for one of another number of vectors, or damaged."""
    file = folder / INDEX_FILE
    if not file.is_file():
        return None
    index = VectorIndex.open(file, dim)
    if index.end != n:
        raise ValueError(f"{file} is an index of {index.end} examples, but there are {n}; save the classifier again.")
    return index


def _stored(column: Rows[Tensor], what: str) -> Tensor:
    parts = [getattr(piece, what) for piece in column.pieces]
    whole = parts[0] if len(parts) == 1 else torch.cat(parts)
    return whole if column.is_whole else whole[torch.from_numpy(column.kept)]
