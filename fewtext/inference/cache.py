"""Texts that were asked before: their embeddings are kept, so that the encoder reads a text once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import torch
from torch import Tensor

from fewtext.models.modeling import MatchingNetwork

CACHED_TEXTS = 10_000
"""Texts whose embeddings are kept: 15 MB at 384 dimensions."""


class VectorCache:
    """The embeddings f' of the texts that were asked last, by one model.

    Args:
        size: Most texts to keep; 0 keeps none, and then a text is encoded as often as it comes.

    Attributes:
        hits: Texts that needed no encoder.
        misses: Texts that were encoded.
    """

    def __init__(self, size: int = CACHED_TEXTS) -> None:
        if size < 0:
            raise ValueError(f"cache_size is {size}; it must be at least 0 texts.")
        self.size = size
        self.hits = 0
        self.misses = 0
        self._vectors: dict[str, Tensor] = {}
        self._model: MatchingNetwork | None = None

    def __repr__(self) -> str:
        return f"VectorCache({len(self._vectors)} of {self.size} texts, {self.hits} hits, {self.misses} misses)"

    @property
    def hit_rate(self) -> float:
        """Share of the texts that needed no encoder; 0 before the first."""
        return self.hits / max(1, self.hits + self.misses)

    def embed(self, model: MatchingNetwork, texts: Sequence[str]) -> Tensor:
        """Return f' of texts, `(n_texts, dim)`, of which the model encodes those that are not here."""
        if not self.size:
            self.misses += len(texts)
            return model.embed(texts)
        if model is not self._model:
            self.clear()
            self._model = model
        asked = {text: self._vectors.pop(text, None) for text in dict.fromkeys(texts)}  # threads may share a cache
        known = {text: vector for text, vector in asked.items() if vector is not None}
        fresh = [text for text in asked if text not in known]
        vectors = model.embed(fresh)
        self.misses += len(fresh)
        self.hits += len(texts) - len(fresh)
        kept = {text: vector.clone() for text, vector in zip(fresh[-self.size :], vectors[-self.size :], strict=True)}
        self._vectors |= known | kept  # the last asked come last
        for text in list(islice(self._vectors, max(0, len(self._vectors) - self.size))):
            self._vectors.pop(text, None)
        if len(fresh) == len(texts):
            return vectors
        rows = dict(zip(fresh, vectors, strict=True)) | known
        return torch.stack([rows[text] for text in texts])

    def clear(self) -> None:
        """Forget all texts."""
        self._vectors.clear()
