"""The memory of a large support set: made of it, or grown from the one before."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize
from tqdm.auto import tqdm

from fewtext.inference.index import VectorIndex
from fewtext.inference.large import precision_of
from fewtext.inference.large_memory import BLOCK, LargeMemory
from fewtext.inference.rows import Rows, class_numbers, some_vectors
from fewtext.inference.support import SupportSet
from fewtext.models.matching import Matcher
from fewtext.models.modeling import MatchingNetwork

GROWTH = 0.25
"""Share of the examples that may come or go before the mean and the index are made anew."""


def large_memory(
    model: MatchingNetwork, support: SupportSet, named: bool, by_index: bool, known: LargeMemory | None = None
) -> LargeMemory:
    """Return the memory of an embedded support set that is large.

    Args:
        model: What embedded it.
        support: The support set.
        named: Whether class names count.
        by_index: Whether an index finds the nearest examples.
        known: The memory of the support set that this one came from: what stayed is taken over.
    """
    unmade = _unmade(model, support, named)
    if known is not None and (known.index is not None) == by_index and _comes_from(unmade, known):
        grown = _grown(unmade, known)
        if grown is not None:
            return grown
    if model.matcher.context.support_lstm is not None:
        warnings.warn(
            f"the {len(support):,} examples are matched by centering alone, without full context, whose LSTMs would "
            "read all of them in order.",
            stacklevel=2,
        )
    return _made(unmade, by_index)


def loaded_memory(
    model: MatchingNetwork,
    support: SupportSet,
    named: bool,
    index: VectorIndex | None,
    tensors: Mapping[str, Tensor],
) -> LargeMemory:
    """Return the memory of a saved support set, with the tensors that were saved of it, by name."""
    return replace(
        _unmade(model, support, named),
        mean=tensors["mean"],
        sums=tensors["sums"],
        covariance=tensors["covariance"],
        index=index,
        made_of=int(tensors["made"][0]),
        changed=int(tensors["made"][1]),
    )


def _unmade(model: MatchingNetwork, support: SupportSet, named: bool) -> LargeMemory:
    """Return a memory without mean, sums and index."""
    assert isinstance(support.vectors, Rows) and isinstance(support.shares, Rows)
    texts, labels = support.class_texts(named)
    size = model.config.embedding_size
    names = torch.stack([support.class_vectors[text] for text in texts]) if texts else torch.zeros(0, size)
    column = {label: number for number, label in enumerate(support.classes)}
    return LargeMemory(
        matcher=_on_cpu(model.matcher),
        classes=support.classes,
        vectors=support.vectors,
        numbers=torch.from_numpy(class_numbers(support.shares, support.classes)),
        names=names.float(),
        of_names=torch.tensor([column[label] for label in labels], dtype=torch.long),
        name_weight=model.config.name_weight,
        mean=torch.zeros(1, size),
        sums=torch.zeros(len(support.classes), size),
        covariance=torch.zeros(size, size),
    )


def _on_cpu(matcher: Matcher) -> Matcher:
    return matcher if matcher.log_temperature.device.type == "cpu" else copy.deepcopy(matcher).cpu()


@torch.inference_mode()
def _made(memory: LargeMemory, by_index: bool) -> LargeMemory:
    """Add mean, covariance, sums and index, in passes over the examples."""
    n = len(memory.vectors)
    total = memory.name_weight * normalize(memory.names, dim=-1).sum(0, keepdim=True)
    for start in range(0, n, BLOCK):
        block = some_vectors(memory.vectors, np.arange(start, min(start + BLOCK, n)))
        total += normalize(block, dim=-1).sum(0, keepdim=True)
    mean = total / (n + memory.name_weight * len(memory.names))
    memory = replace(memory, mean=mean, made_of=n)
    chosen = np.sort(np.random.default_rng(0).permutation(n)[: VectorIndex.sample_size(n)])
    sample = memory.directions(some_vectors(memory.vectors, chosen))
    index = None
    if by_index:
        index = VectorIndex.learned(sample, n, precision_of(memory.vectors))
    sums = torch.zeros_like(memory.sums)
    with tqdm(total=n, desc="Indexing the examples", unit="example", delay=2, disable=not by_index) as bar:
        for numbers, directions in memory.blocks():
            sums.index_add_(0, memory.numbers[torch.from_numpy(numbers)], directions)
            if index is not None:
                index.add(directions, numbers)
            bar.update(len(numbers))
    memory = replace(memory, sums=sums, index=index)
    return replace(memory, covariance=_covariance(memory, sample, memory.vectors.kept[chosen]))


def _covariance(memory: LargeMemory, sample: Tensor, numbers: NDArray[np.int64]) -> Tensor:
    """Return the covariance of directions around the mean of their class, `(dim, dim)`."""
    apart = sample - memory.means[memory.numbers[torch.from_numpy(numbers)]]
    return apart.T @ apart / max(1, len(sample))


def _comes_from(memory: LargeMemory, known: LargeMemory) -> bool:
    """Tell whether few of the examples differ, and an index of the others can be taken over."""
    before, whole = known.vectors, known.vectors.whole
    pieces = memory.vectors.pieces[: len(before.pieces)]
    if len(pieces) < len(before.pieces) or any(a is not b for a, b in zip(pieces, before.pieces, strict=True)):
        return False
    if known.index is not None and known.index.end != whole:  # another classifier added to it
        return False
    changed = known.changed + memory.vectors.whole - whole + len(_gone(before, memory.vectors))
    return changed <= GROWTH * known.made_of


@torch.inference_mode()
def _grown(memory: LargeMemory, known: LargeMemory) -> LargeMemory | None:
    """Take over mean, sums and index; add what came, and take away what went; None where others were faster."""
    whole = known.vectors.whole
    new, gone = np.arange(whole, memory.vectors.whole), _gone(known.vectors, memory.vectors)
    changed = known.changed + len(new) + len(gone)
    memory = replace(memory, mean=known.mean, covariance=known.covariance, made_of=known.made_of, changed=changed)
    directions = memory.directions(some_vectors(Rows(memory.vectors.pieces), new))
    if known.index is not None and not known.index.add(directions, new, end=whole):
        return None
    sums = _grown_sums(memory, known, new, gone, directions) if _keeps_labels(memory, known) else _sums(memory)
    return replace(memory, sums=sums, index=known.index)


def _keeps_labels(memory: LargeMemory, known: LargeMemory) -> bool:
    """Tell whether the examples that were there say what they said."""
    column = {label: number for number, label in enumerate(memory.classes)}
    table = torch.tensor([*(column.get(label, -1) for label in known.classes), -1])  # -1: of a class that went
    return torch.equal(table[known.numbers], memory.numbers[: known.vectors.whole])


def _sums(memory: LargeMemory) -> Tensor:
    sums = torch.zeros_like(memory.sums)
    for numbers, directions in memory.blocks():
        sums.index_add_(0, memory.numbers[torch.from_numpy(numbers)], directions)
    return sums


def _grown_sums(
    memory: LargeMemory, known: LargeMemory, new: NDArray[np.int64], gone: NDArray[np.int64], directions: Tensor
) -> Tensor:
    """Return the sums of the classes after the examples `new` came and those `gone` went."""
    column = {label: number for number, label in enumerate(memory.classes)}
    sums = torch.zeros_like(memory.sums)
    there = [(column[label], number) for number, label in enumerate(known.classes) if label in column]
    sums[[new for new, _ in there]] = known.sums[[old for _, old in there]]
    came = torch.from_numpy(np.isin(new, memory.vectors.kept, assume_unique=True))
    sums.index_add_(0, memory.numbers[torch.from_numpy(new)][came], directions[came])
    gone = gone[(memory.numbers[torch.from_numpy(gone)] >= 0).numpy()]  # of a class that went, nothing is left
    if len(gone):
        left = memory.directions(some_vectors(Rows(memory.vectors.pieces), gone))
        sums.index_add_(0, memory.numbers[torch.from_numpy(gone)], -left)
    return sums


def _gone(before: Rows[Tensor], now: Rows[Tensor]) -> NDArray[np.int64]:
    """Return the numbers of the rows that were kept before and are not now."""
    there = np.zeros(now.whole, dtype=bool)
    there[before.kept] = True
    there[now.kept] = False
    return np.flatnonzero(there)
