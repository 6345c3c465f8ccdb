"""How the texts of a class are spelled: what an embedding, which keeps the meaning, says too little of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from fewtext.models.one_hot import Labels, label_table

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

N_GRAMS = (3, 5)
"""Shortest and longest n-gram, in characters of one word and the spaces around it."""

COLUMNS = 2**12
"""Columns that n-grams are hashed to."""


def n_grams(texts: Sequence[str]) -> csr_matrix:
    """Count the character n-grams of texts, `(n_texts, COLUMNS)`."""
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import HashingVectorizer  # imported late: only adapted classifiers need it

    counter = HashingVectorizer(
        analyzer="char_wb", ngram_range=N_GRAMS, n_features=COLUMNS, norm=None, alternate_sign=False, dtype=np.float32
    )
    return counter.transform(texts) if len(texts) else csr_matrix((0, COLUMNS), dtype=np.float32)


@dataclass(frozen=True)
class Spelling:
    """Each class as one document of all its texts, in tf-idf.

    Attributes:
        rarity: `(COLUMNS,)` inverse document frequency of each n-gram among the examples.
        classes: `(COLUMNS, n_way)` tf-idf of each class, of length 1.
    """

    rarity: Tensor
    classes: Tensor

    @classmethod
    def of(cls, counts: csr_matrix, labels: Labels, weights: Tensor) -> Spelling:
        """Read it off examples.

        Args:
            counts: `(n, COLUMNS)` their n-grams.
            labels: What each says, as in `Memory`.
            weights: `(n,)` how much each counts.
        """
        from scipy.sparse import csr_matrix

        counted = weights.float().cpu().numpy()
        texts = counts[np.flatnonzero(counted)]
        occurs = np.bincount(texts.indices, minlength=COLUMNS)
        rarity = np.log((1 + texts.shape[0]) / (1 + occurs)) + 1
        shares = label_table(labels).float().cpu().numpy() * counted[:, None]
        documents = csr_matrix(shares.T.astype(np.float32)) @ counts
        classes = np.ascontiguousarray(_weighted(documents, rarity).toarray().T)
        return cls(torch.from_numpy(rarity.astype(np.float32)), torch.from_numpy(classes))

    def cosines(self, counts: csr_matrix) -> Tensor:
        """Return how alike texts of these n-grams and the classes are spelled, `(n_texts, n_way)` from 0 to 1."""
        return torch.from_numpy(_weighted(counts, self.rarity.numpy()) @ self.classes.numpy())


def _weighted(counts: csr_matrix, rarity: np.ndarray) -> csr_matrix:
    """Return log(1 + count) times rarity, of length 1 in every row that is not empty."""
    from scipy.sparse import csr_matrix

    values = np.log1p(counts.data) * rarity[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    lengths = np.sqrt(np.bincount(rows, values**2, minlength=counts.shape[0]))
    values = (values / np.maximum(lengths[rows], np.finfo(np.float32).tiny)).astype(np.float32)
    return csr_matrix((values, counts.indices, counts.indptr), shape=counts.shape)
