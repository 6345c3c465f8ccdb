"""The support set: the examples, their labels and their embeddings; immutable, so nothing is half changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, safe_open, save_file
from torch import Tensor

from fewtext.data.columns import check_labels, check_texts
from fewtext.data.names import names_are_words, readable_name
from fewtext.folders import check_safetensors

VECTORS_FILE = "support.safetensors"
TEXTS_FILE = "support.jsonl"


@dataclass(frozen=True)
class SupportSet:
    """Examples with their labels and embeddings, in a canonical order.

    The order is that of a hash of label and text, so it looks random, as in training, and does not depend
    on the order in which the examples came.

    Attributes:
        texts: The examples.
        labels: The class of each.
        vectors: `(n_support, dim)` their embeddings g'.
        name_vectors: The embedding `(dim,)` of each class's readable name.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    vectors: Tensor
    name_vectors: Mapping[str, Tensor]

    @classmethod
    def create(
        cls, texts: Sequence[str], labels: Sequence[str], vectors: Tensor, name_vectors: Mapping[str, Tensor]
    ) -> SupportSet:
        """Make a support set from examples in any order."""
        order = sorted(range(len(texts)), key=lambda i: example_id(texts[i], labels[i]))
        return cls(
            tuple(texts[i] for i in order),
            tuple(labels[i] for i in order),
            vectors[order].cpu(),  # it lives on the CPU; the classifier keeps what it computes with on its device
            {label: name_vectors[label].cpu() for label in sorted(set(labels))},
        )

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The class names, sorted."""
        return tuple(sorted(set(self.labels)))

    def __len__(self) -> int:
        return len(self.texts)

    def add(
        self, texts: Sequence[str], labels: Sequence[str], vectors: Tensor, name_vectors: Mapping[str, Tensor]
    ) -> SupportSet:
        """Return the support set with more examples."""
        return SupportSet.create(
            [*self.texts, *texts],
            [*self.labels, *labels],
            torch.cat([self.vectors, vectors.cpu()]),
            {**self.name_vectors, **name_vectors},
        )

    def remove(self, label: str) -> SupportSet:
        """Return the support set without a class; raises `KeyError` naming the classes there are."""
        if label not in self.classes:
            raise KeyError(f"no class {label!r} to remove; the classes are {', '.join(map(repr, self.classes))}")
        kept = [i for i, own in enumerate(self.labels) if own != label]
        return SupportSet.create(
            [self.texts[i] for i in kept], [self.labels[i] for i in kept], self.vectors[kept], self.name_vectors
        )

    def tensors(self, use_names: bool, name_weight: float) -> tuple[Tensor, Tensor, Tensor]:
        """Return embeddings `(n, dim)`, one-hot labels `(n, n_way)` and weights `(n,)`, names last."""
        position = {label: i for i, label in enumerate(self.classes)}
        rows = [position[label] for label in self.labels]
        vectors, weights = self.vectors, self.vectors.new_ones(len(self))
        if use_names:
            rows += range(len(self.classes))
            vectors = torch.cat([vectors, torch.stack([self.name_vectors[label] for label in self.classes])])
            weights = torch.cat([weights, weights.new_full((len(self.classes),), name_weight)])
        return vectors, torch.nn.functional.one_hot(torch.tensor(rows), len(self.classes)).to(vectors), weights

    def save(self, folder: Path, metadata: Mapping[str, str]) -> None:
        """Write `support.jsonl` and `support.safetensors`, which knows the other's sha256."""
        lines = "".join(
            json.dumps({"id": example_id(text, label), "text": text, "label": label}, ensure_ascii=False) + "\n"
            for text, label in zip(self.texts, self.labels, strict=True)
        )
        (folder / TEXTS_FILE).write_text(lines, encoding="utf-8", newline="\n")
        position = {label: i for i, label in enumerate(self.classes)}
        tensors = {
            "vectors": self.vectors.cpu().contiguous(),
            "labels": torch.tensor([position[label] for label in self.labels]),
            "name_vectors": torch.stack([self.name_vectors[label] for label in self.classes]).cpu(),
        }
        classes = json.dumps(self.classes, ensure_ascii=False)
        sha256 = hashlib.sha256(lines.encode()).hexdigest()
        save_file(tensors, folder / VECTORS_FILE, {**metadata, "classes": classes, "texts_sha256": sha256})

    @classmethod
    def load(cls, folder: Path, dim: int) -> tuple[SupportSet, dict[str, str]]:
        """Read a saved support set and its metadata; raises `ValueError` if its files are not of one save."""
        texts_file, vectors_file = folder / TEXTS_FILE, folder / VECTORS_FILE
        for file in (texts_file, vectors_file):
            if not file.is_file():
                raise ValueError(f"{folder} lacks {file.name}, a part of the support set.")
        check_safetensors(vectors_file)
        with safe_open(vectors_file, framework="pt") as stored:
            metadata = dict(stored.metadata() or {})
        lines = texts_file.read_bytes()
        if hashlib.sha256(lines).hexdigest() != metadata.get("texts_sha256"):
            raise ValueError(f"{texts_file} and {vectors_file.name} are not of one save; save the classifier again.")
        tensors = load_file(vectors_file)
        if tensors["vectors"].shape[-1] != dim:
            raise ValueError(
                f"{vectors_file} holds vectors of size {tensors['vectors'].shape[-1]}, but the model has size {dim}."
            )
        classes = json.loads(metadata["classes"])
        texts = [json.loads(line)["text"] for line in lines.decode().split("\n") if line]
        labels = [classes[i] for i in tensors["labels"].tolist()]
        names = dict(zip(classes, tensors["name_vectors"], strict=True))
        return cls(tuple(texts), tuple(labels), tensors["vectors"], names), metadata


def example_id(text: str, label: str) -> str:
    """Return the stable id of an example, 16 hexadecimal digits.

    >>> example_id("where is my card", "card arrival")
    '4da019990dd53c44'
    """
    return hashlib.sha256(f"{label}\0{text}".encode()).hexdigest()[:16]


def check_examples(texts: Any, labels: Any) -> tuple[list[str], list[str]]:
    """Return texts and labels as lists, or raise saying which row cannot be used.

    One label for all texts may be given by itself.
    """
    checked = check_texts(texts)
    names = check_labels([labels] * len(checked) if isinstance(labels, str | int) else labels)
    if len(checked) != len(names):
        raise ValueError(f"{len(checked)} texts but {len(names)} labels; every text needs one label.")
    if not checked:
        raise ValueError("no examples were given; a classifier needs at least one text of each of two classes.")
    return checked, names


def use_names(setting: bool | str, classes: Sequence[str]) -> bool:
    """Tell whether class names join the support set: `auto` where all of them are words."""
    return names_are_words(classes) if setting == "auto" else bool(setting)


def names_as_text(labels: Iterable[str]) -> list[str]:
    """Return the readable name of each class."""
    return [readable_name(label) for label in labels]
