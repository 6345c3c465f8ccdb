"""Texts compared by what they resemble: the second use of a Matching Network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewtext.data.columns import check_texts
from fewtext.inference.editing import Editing

MEASURES = ("cosine", "euclidean")


class Similarity(Editing):
    """The part of `FewShotClassifier` that compares texts in the space of its support set."""

    def represent(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return h(x) = Σ_i a(x, x_i) g(x_i), `(n_texts, dim)`: texts placed by which examples they resemble.

        Two texts that resemble the same examples are near each other, however they are worded.
        """
        state = self._ready()
        vectors = self._embed(check_texts(texts))
        return state.memory.represent(vectors).float().cpu().numpy()

    def similarity(self, a: Sequence[str], b: Sequence[str], measure: str = "cosine") -> NDArray[np.float32]:
        """Return how similar each text of `a` is to each of `b`, `(len(a), len(b))`.

        Args:
            a: Texts.
            b: Texts.
            measure: `cosine`, or `euclidean` (the negative distance), of h.

        Raises:
            ValueError: another measure, or a classifier without examples.
        """
        if measure not in MEASURES:
            raise ValueError(f"measure is {measure!r}; it is one of {', '.join(MEASURES)}.")
        from sklearn.metrics.pairwise import cosine_similarity, euclidean_distances

        first = check_texts(a, "a")
        both = self.represent([*first, *check_texts(b, "b")])
        left, right = both[: len(first)], both[len(first) :]
        if not len(left) or not len(right):
            return np.zeros((len(left), len(right)), dtype=np.float32)
        return cosine_similarity(left, right) if measure == "cosine" else -euclidean_distances(left, right)

    def rank(
        self, query: str, candidates: Sequence[str], *, top_k: int | None = None, measure: str = "cosine"
    ) -> list[dict[str, Any]]:
        """Return the candidates by their similarity to a text, the nearest first.

        Args:
            query: The text.
            candidates: What to rank.
            top_k: How many to return; None returns all.
            measure: As in `similarity`.

        Returns:
            `[{"index", "text", "score"}, ...]`, where `index` is the place among the candidates.
        """
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k is {top_k}; it must be at least 1, or None for all candidates.")
        texts = check_texts(candidates, "candidates")
        scores = self.similarity([query], texts, measure)[0]
        order = np.argsort(-scores, kind="stable")[:top_k]
        return [{"index": int(i), "text": texts[i], "score": float(scores[i])} for i in order]
