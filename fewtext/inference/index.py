"""The nearest of millions of vectors, by FAISS: inverted lists, of which a query reads a few."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from math import isqrt
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LISTS_READ = 32
"""Most inverted lists that a query reads; at least half as many. There are about two square roots of the vectors."""

SHARE_READ = 1 / 40
"""Share of the lists that it reads in between: the fewer lists there are, the more of what is near is in the first."""

POINTS_A_LIST = 64
"""Vectors a list from which the lists are learned."""

CODES = {"float32": "Flat", "float16": "SQ8", "int8": "SQ8"}
"""What the lists hold of vectors of a precision, as FAISS calls it.

A byte a dimension finds and weighs what is near as two bytes do, its cosines off by 1e-3 or so, in half the memory.
"""


def faiss_is_installed() -> bool:
    """Tell whether the extra `faiss` is there."""
    return find_spec("faiss") is not None


def load_faiss() -> Any:
    """Return the module; raises `ImportError` where it is not installed."""
    try:
        return import_module("faiss")
    except ImportError as error:
        raise ImportError("search='index' needs the extra faiss: pip install 'fewtext[faiss]'") from error


class VectorIndex:
    """Vectors of length 1 by number, searched for the largest inner products; it only grows.

    States of a classifier share it, also in several threads: each sees the vectors that it knows. What a file holds is
    mapped, not read, until something is added, saved or copied.

    Args:
        index: The index of FAISS.
        mapped: Whether it is a map of a file, which cannot change.
    """

    def __init__(self, index: Any, mapped: bool = False) -> None:
        self._index = index
        self._mapped = mapped
        self._lock = RLock()
        self.end = int(index.ntotal)  # above every number

    def __getstate__(self) -> dict[str, Any]:
        """What is copied: a map would not find its file again."""
        with self._lock:
            self._read()
            return {"index": load_faiss().serialize_index(self._index), "end": self.end}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(load_faiss().deserialize_index(state["index"]))  # type: ignore[misc]
        self.end = state["end"]

    @classmethod
    def learned(cls, sample: Tensor, n: int, precision: str, seed: int = 0) -> VectorIndex:
        """Return an empty index for `n` vectors like those of a sample `(n_sample, dim)`.

        Raises `ImportError` where FAISS is not installed.
        """
        faiss = load_faiss()
        lists = max(1, min(2 * isqrt(n), len(sample) // 39))  # FAISS warns below 39 a list
        index = faiss.index_factory(sample.shape[1], f"IVF{lists},{CODES[precision]}", faiss.METRIC_INNER_PRODUCT)
        learner = faiss.extract_index_ivf(index)
        learner.cp.seed, learner.cp.niter, learner.cp.max_points_per_centroid = seed, 10, POINTS_A_LIST
        faiss.omp_set_num_threads(torch.get_num_threads())
        index.train(sample.numpy())
        return cls(index)

    @staticmethod
    def sample_size(n: int) -> int:
        """Return from how many vectors the lists for `n` are learned."""
        return min(n, POINTS_A_LIST * 2 * isqrt(n))

    def add(self, vectors: Tensor, numbers: NDArray[np.int64], end: int | None = None) -> bool:
        """Add vectors `(n, dim)` of numbers that are all new.

        Returns:
            False, and nothing is added, where it does not end at `end`: another classifier has added to it.
        """
        if not len(numbers):
            return True
        with self._lock:
            if end not in (None, self.end):
                return False
            self._read()
            self._index.add_with_ids(vectors.numpy(), numbers)
            self.end = int(numbers.max()) + 1
        return True

    def _read(self) -> None:
        """Take the lists of a map into memory: from the map, for the file may be that of another save by now."""
        if not self._mapped:
            return
        faiss = load_faiss()
        index = faiss.extract_index_ivf(self._index)
        lists = faiss.ArrayInvertedLists(index.nlist, index.code_size)
        index.invlists.copy_subset_to(lists, faiss.InvertedLists.SUBSET_TYPE_ID_RANGE, 0, self.end)
        index.replace_invlists(lists, True)
        lists.this.disown()  # the index frees them
        self._mapped = False

    def search(
        self, queries: Tensor, k: int, seen: NDArray[np.bool_] | int | None = None, lists: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the `k` largest inner products, `(n_query, k)`, and the numbers of their vectors; -1 for none.

        Args:
            queries: `(n_query, dim)`.
            k: How many.
            seen: Which of the first numbers there are, or that so many are; those after them are not. None is all.
            lists: How many inverted lists to read; by default a share of them, and `LISTS_READ` at most.
        """
        faiss = load_faiss()
        if lists is None:
            lists = max(LISTS_READ // 2, min(LISTS_READ, int(SHARE_READ * faiss.extract_index_ivf(self._index).nlist)))
        with self._lock:  # FAISS searches nothing that grows meanwhile
            if isinstance(seen, int):
                seen = None if seen == self.end else np.ones(seen, dtype=bool)
            bits = None if seen is None else np.packbits(seen, bitorder="little")
            chosen = None if bits is None else faiss.IDSelectorBitmap(bits)
            faiss.omp_set_num_threads(torch.get_num_threads())
            options = faiss.SearchParametersIVF(nprobe=lists, sel=chosen)
            scores, numbers = self._index.search(queries.contiguous().numpy(), k, params=options)
        return torch.from_numpy(scores), torch.from_numpy(numbers)

    def compacted(self, kept: NDArray[np.int64]) -> VectorIndex:
        """Return an index of its own with some of the vectors, numbered anew in the order of `kept`."""
        faiss = load_faiss()
        with self._lock:
            self._read()
            index = faiss.clone_index(self._index)
        new = np.full(self.end, -1, dtype=np.int64)
        new[kept] = np.arange(len(kept))
        index.remove_ids(np.flatnonzero(new < 0))
        lists = faiss.extract_index_ivf(index).invlists
        for number in range(lists.nlist):
            if size := lists.list_size(number):
                own = faiss.rev_swig_ptr(lists.get_ids(number), size)
                own[:] = new[own]
        return VectorIndex(index)

    def save(self, file: Path) -> None:
        """Write the index to a file."""
        faiss = load_faiss()
        with self._lock:
            self._read()
            faiss.write_index(self._index, str(file))

    @classmethod
    def open(cls, file: Path, dim: int) -> VectorIndex:
        """Map a saved index.

        Raises:
            ValueError: a file that is damaged, or of vectors of another size.
            ImportError: FAISS is not installed.
        """
        faiss = load_faiss()
        try:
            index = faiss.read_index(str(file), faiss.IO_FLAG_MMAP)
        except RuntimeError as error:
            raise ValueError(f"{file} is damaged or was cut off while it was written.") from error
        if index.d != dim:
            raise ValueError(f"{file} holds vectors of size {index.d}, but the model has size {dim}.")
        return cls(index, mapped=True)
