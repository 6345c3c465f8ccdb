"""Classifiers of as many examples as one likes: texts of a corpus, and copies whose vectors are moved a little."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fewtext import FewShotClassifier, MatchingNetwork


class Prepared(MatchingNetwork):
    """A Matching Network that looks up the vectors of examples, and encodes all else."""

    vectors: Tensor
    row_of: dict[str, int]

    @classmethod
    def of(cls, network: MatchingNetwork, texts: Sequence[str], vectors: Tensor) -> Prepared:
        """Return the network with the vectors `(n_texts, dim)` of some texts; it shares the encoder."""
        prepared = cls(network.config, network.encoder).eval()
        prepared.load_state_dict(network.state_dict())
        prepared.tokenizer = network.tokenizer
        prepared.vectors, prepared.row_of = vectors, {text: row for row, text in enumerate(texts)}
        return prepared

    def embed(self, texts: Any, **options: Any) -> Tensor:
        """Return the vectors of texts, `(n_texts, dim)`."""
        known = [self.row_of[text] for text in texts if text in self.row_of]
        encoded = super().embed([text for text in texts if text not in self.row_of], **options)
        vectors = torch.empty(len(texts), self.config.embedding_size)
        is_known = torch.tensor([text in self.row_of for text in texts], dtype=torch.bool)
        vectors[is_known], vectors[~is_known] = self.vectors[known], encoded
        return vectors


def perturbed(vectors: Tensor, size: int, noise: float, seed: int = 0) -> Tensor:
    """Return `size` vectors of length 1: the given ones, then copies of them moved by `noise` in random directions."""
    copies = vectors[torch.arange(size) % len(vectors)]
    random = torch.Generator().manual_seed(seed)
    for start in range(len(vectors), size, 65_536):
        part = copies[start : start + 65_536]
        part += noise * normalize(torch.randn(part.shape, generator=random), dim=-1)
    return normalize(copies, dim=-1)


def classifier_of(
    network: MatchingNetwork,
    vectors: Tensor,
    labels: Sequence[str],
    texts: Sequence[str] | None = None,
    **settings: Any,
) -> FewShotClassifier:
    """Return a classifier of the vectors `(n, dim)` of examples; names of classes are encoded."""
    texts = [f"example {i}" for i in range(len(vectors))] if texts is None else texts
    return FewShotClassifier(Prepared.of(network, texts, vectors), **settings).fit(texts, labels)


def resident() -> tuple[float, float]:
    """Return the resident memory of this process in MB, and how much of it are pages of files."""
    gc.collect()
    pages = Path("/proc/self/statm").read_text(encoding="utf-8").split()
    return tuple(int(number) * os.sysconf("SC_PAGE_SIZE") / 2**20 for number in pages[1:3])  # type: ignore[return-value]
