"""What queries are matched with where examples are many: class sums, and the nearest examples of a query."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize
from torch.special import log_ndtr

from fewtext.inference.index import VectorIndex
from fewtext.inference.keys import KEY_TEMPERATURE
from fewtext.inference.labels import Label
from fewtext.inference.memory import Answers
from fewtext.inference.rows import Rows, some_vectors
from fewtext.models.attention import vote_of_sums
from fewtext.models.matching import SCORES, Matcher

NEAREST = 1024
"""Examples of which a query is compared with each."""

BLOCK = 65_536
"""Examples that are read at once where all are."""


@dataclass(frozen=True)
class Found:
    """The nearest examples of some queries, and what all examples add up to.

    Attributes:
        scores: `(n_query, k)` cosines, names and descriptions last; -inf where there are less.
        numbers: `(n_query, k)` numbers in the whole column; of names, from its end on.
        classes: `(n_query, k)`.
        terms: `(n_query, k)` w exp(τ (s - 1)), what each says for its class.
        sums: `(n_query, n_way)` the same of all examples of a class.
        sizes: `(n_query, n_way)` the weight of all examples of a class.
        prototypes: `(n_query, n_way)` the cosine of a query and the class's mean direction.
    """

    scores: Tensor
    numbers: Tensor
    classes: Tensor
    terms: Tensor
    sums: Tensor
    sizes: Tensor
    prototypes: Tensor


@dataclass(frozen=True)
class LargeMemory:
    """A large support set, ready to answer by the cosine kernel, with the context `none` or `center`.

    With an index a query is compared with its nearest examples one by one. Of the rest of a class it is known how many
    there are and their mean cosine m, exactly, from the class's sum; around it their cosines s are taken for normally
    distributed with the variance v of directions within classes, but for being below the k-th nearest's, b. Then
    the mean of exp(τ s) is exp(τ m + τ² v / 2) Φ((b - m - τ v) / √v) / Φ((b - m) / √v). Without an index all examples
    are read in blocks, and the vote is exact.

    Attributes:
        matcher: What compares.
        classes: The labels, sorted.
        vectors: Embeddings g' of the examples.
        numbers: `(whole,)` the class of each row of the whole column.
        names: `(n_names, dim)` embeddings g' of names and descriptions.
        of_names: `(n_names,)` the class of each.
        name_weight: How much one of them counts; an example counts 1.
        mean: `(1, dim)` what is centered on: the mean direction when the index was made.
        sums: `(n_way, dim)` sums of the directions of the examples of each class.
        covariance: `(dim, dim)` of the directions within their classes.
        index: Finds the nearest; None reads all.
        made_of: Number of the examples when mean and index were made.
        changed: How many have come and gone since.
    """

    matcher: Matcher
    classes: tuple[Label, ...]
    vectors: Rows[Tensor]
    numbers: Tensor
    names: Tensor
    of_names: Tensor
    name_weight: float
    mean: Tensor
    sums: Tensor
    covariance: Tensor
    index: VectorIndex | None = None
    made_of: int = 0
    changed: int = 0

    @torch.inference_mode()
    def answer(self, queries: Tensor, own: NDArray[np.int64] | None = None) -> Answers:
        """Return the answers to queries, `(n_query, dim)` embeddings f'.

        Where `own` gives the row of each query among the examples, that example is left out.
        """
        parts = []
        for start in range(0, len(queries), self._block):
            rows = slice(start, start + self._block)
            f = self.directions(queries[rows].cpu())
            found = self.found(f, None if own is None else own[rows])
            parts.append(self._answer(found))
        if not parts:
            return Answers(queries.new_zeros(0, len(self.sums)), queries.new_zeros(0))
        return Answers(torch.cat([p.log_probs for p in parts]), torch.cat([p.familiarity for p in parts]))

    @torch.inference_mode()
    def weightiest(self, queries: Tensor, log_probs: Tensor, top_k: int | None) -> tuple[Tensor, Tensor]:
        """Return the rows of the nearest examples and their parts in answers, `(n_query, k)`, the largest first.

        Rows count names and descriptions after the examples; -1 is none. Fewer parts than 1 in all: the others' are
        not listed.
        """
        if not len(queries):
            return torch.empty(0, 0, dtype=torch.long), queries.new_empty(0, 0)
        rows, parts = [], []
        for block, answers in zip(queries.split(self._block), log_probs.split(self._block), strict=True):
            found = self.found(self.directions(block.cpu()))
            own, order = self._parts(found, answers.cpu()).sort(dim=-1, descending=True, stable=True)
            rows.append(self._rows_of(found.numbers.gather(-1, order[:, :top_k])))
            parts.append(own[:, :top_k])
        return torch.cat(rows), torch.cat(parts)

    @torch.inference_mode()
    def represent(self, queries: Tensor) -> Tensor:
        """Return h(x) `(n_query, dim)`: queries placed by what they resemble."""
        blocks = [self._represent(self.found(self.directions(part.cpu()))) for part in queries.split(self._block)]
        return torch.cat(blocks) if blocks else queries

    def exact(self) -> LargeMemory:
        """Return the memory that reads all examples."""
        return replace(self, index=None)

    def directions(self, vectors: Tensor) -> Tensor:
        """Return vectors `(n, dim)` in context, of length 1."""
        center = self.matcher.context.center
        return normalize(vectors if center is None else center(vectors, self.mean), dim=-1)

    def blocks(self, size: int = BLOCK) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
        """Yield the numbers of the examples and their directions, a block at a time."""
        kept = self.vectors.kept
        for start in range(0, len(kept), size):
            rows = np.arange(start, min(start + size, len(kept)))
            yield kept[rows], self.directions(some_vectors(self.vectors, rows))

    @property
    def _block(self) -> int:
        return max(1, min(1024, SCORES // (NEAREST + 3 * len(self.sums) + len(self.names))))

    @cached_property
    def _counts(self) -> Tensor:
        """Examples of each class, `(n_way,)`."""
        return torch.bincount(self.numbers[torch.from_numpy(self.vectors.kept)], minlength=len(self.sums)).float()

    @cached_property
    def means(self) -> Tensor:
        """The mean direction of the examples of each class, `(n_way, dim)`."""
        return self.sums / self._counts.clamp_min(1)[:, None]

    @cached_property
    def _seen(self) -> NDArray[np.bool_]:
        """Which numbers there are, `(whole,)`."""
        seen = np.zeros(self.vectors.whole, dtype=bool)
        seen[self.vectors.kept] = True
        return seen

    @cached_property
    def _name_sizes(self) -> Tensor:
        """What the names and descriptions of each class count, `(n_way,)`."""
        return self.name_weight * torch.bincount(self.of_names, minlength=len(self.sums))

    @cached_property
    def _names(self) -> Tensor:
        return self.directions(self.names)

    @cached_property
    def _class_sums(self) -> Tensor:
        """Sums of the weighted directions of examples, names and descriptions of each class."""
        return self.sums.index_add(0, self.of_names, self.name_weight * self._names)

    def found(self, f: Tensor, own: NDArray[np.int64] | None = None) -> Found:
        """Return what there is near queries `f` `(n_query, dim)`, and what all examples add up to."""
        near, numbers, exact = self._scanned(f) if self.index is None else (*self._searched(f), None)
        counts = self._counts.expand(len(f), -1)
        prototypes = f @ normalize(self._class_sums, dim=-1).T
        totals = f @ self.sums.T
        if own is not None:
            itself = torch.from_numpy(self.vectors.kept[own])
            g = self.directions(some_vectors(self.vectors, own))
            of = self.numbers[itself][:, None]
            cosine = (f * g).sum(-1, keepdim=True)
            near = near.masked_fill(numbers == itself[:, None], -torch.inf)
            counts = counts.scatter_add(-1, of, -torch.ones_like(cosine))
            totals = totals.scatter_add(-1, of, -cosine)
            without = normalize(self._class_sums[of[:, 0]] - g, dim=-1)
            prototypes = prototypes.scatter(-1, of, (f * without).sum(-1, keepdim=True))
            if exact is not None:
                exact = exact.scatter_add(-1, of, -self._term(cosine)).clamp_min(0)
        classes = self.numbers[numbers.clamp_min(0)].clamp_min(0)  # where there are less, what counts nothing
        terms = self._term(near)
        sums = self._completed(f, near, classes, terms, counts, totals) if exact is None else exact
        of_names, n_query = self.of_names.expand(len(f), -1), len(f)
        by_name = f @ self._names.T
        name_terms = self.name_weight * self._term(by_name)
        name_numbers = torch.arange(self.vectors.whole, self.vectors.whole + len(self.names)).expand(n_query, -1)
        return Found(
            scores=torch.cat([near, by_name], -1),
            numbers=torch.cat([numbers, name_numbers], -1),
            classes=torch.cat([classes, of_names], -1),
            terms=torch.cat([terms, name_terms], -1),
            sums=sums.scatter_add(-1, of_names, name_terms),
            sizes=counts + self._name_sizes,
            prototypes=prototypes,
        )

    def _term(self, scores: Tensor) -> Tensor:
        """What an example says for its class; a cosine is at most 1, so nothing overflows."""
        return torch.exp(self.matcher.temperature * (scores - 1))

    def _searched(self, f: Tensor) -> tuple[Tensor, Tensor]:
        assert self.index is not None
        seen = self.vectors.whole if self.vectors.is_whole else self._seen  # others may have grown it
        scores, numbers = self.index.search(f, min(NEAREST, len(self.vectors)), seen)
        return scores.masked_fill(numbers < 0, -torch.inf), numbers

    def _scanned(self, f: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Read all examples: the nearest of each query, and the sums of the classes, `(n_query, n_way)`."""
        scores, numbers = f.new_empty(len(f), 0), torch.empty(len(f), 0, dtype=torch.long)
        sums = f.new_zeros(len(self.sums), len(f))
        for own, g in self.blocks(min(BLOCK, SCORES // len(f))):
            block = torch.from_numpy(own)
            cosines = g @ f.T
            sums.index_add_(0, self.numbers[block], self._term(cosines))
            scores, best = torch.cat([scores, cosines.T], -1).topk(min(NEAREST, scores.shape[1] + len(g)), -1)
            numbers = torch.cat([numbers, block.expand(len(f), -1)], -1).gather(-1, best)
        return scores, numbers, sums.T

    @cached_property
    def _spread(self) -> Tensor:
        """How wide each class is beside the average: by how much its mean direction is shorter than 1, `(n_way,)`."""
        widths = 1 - self.means.square().sum(-1)
        return widths / ((widths * self._counts).sum() / self._counts.sum()).clamp_min(1e-6)

    def _completed(
        self, f: Tensor, near: Tensor, classes: Tensor, terms: Tensor, counts: Tensor, totals: Tensor
    ) -> Tensor:
        """Add what is not among the nearest: so many examples of a class, with their mean cosine and its variance."""
        there = near > -torch.inf
        n = torch.zeros_like(totals).scatter_add_(-1, classes, there.to(near.dtype))
        found = torch.zeros_like(totals).scatter_add_(-1, classes, near.masked_fill(~there, 0))
        sums = torch.zeros_like(totals).scatter_add_(-1, classes, terms)
        rest = counts - n
        mean = ((totals - found) / rest.clamp_min(1)).clamp(-1, 1)
        variance = (((f @ self.covariance) * f).sum(-1, keepdim=True) * self._spread).clamp_min(1e-8)
        moved = self.matcher.temperature * variance
        below = near.masked_fill(~there, torch.inf).amin(-1, keepdim=True) - mean
        cut = log_ndtr((below - moved) / variance.sqrt()) - log_ndtr(below / variance.sqrt())
        return sums + rest.clamp_min(0) * self._term(mean + moved / 2) * cut.exp()

    def _answer(self, found: Found) -> Answers:
        matcher = self.matcher
        log_probs = self._vote(found)
        nearest = found.scores.amax(-1)
        if matcher.membership_is_trained:
            belongs = matcher.membership(torch.cat([self._represent(found, log_probs), nearest[:, None]], dim=-1))
            return Answers(log_probs, belongs.sum(-1))
        return Answers(log_probs, KEY_TEMPERATURE * (found.prototypes.amax(-1) + 0.5 * nearest))

    def _vote(self, found: Found) -> Tensor:
        present, tiny = found.sizes > 0, torch.finfo(found.sums.dtype).tiny
        summed = torch.where(present, found.sums.clamp_min(tiny).log(), -torch.inf)
        share = 0.0 if self.matcher.prototype_share is None else self.matcher.prototype_share
        by_prototypes = self.matcher.temperature * found.prototypes
        return vote_of_sums(summed, found.sizes, by_prototypes, self.matcher.class_vote, share)

    def _parts(self, found: Found, log_probs: Tensor) -> Tensor:
        """The part of each of the nearest in answers, `(n_query, k)`."""
        tiny = torch.finfo(found.sums.dtype).tiny
        return found.terms * (log_probs.exp() / found.sums.clamp_min(tiny)).gather(-1, found.classes)

    def _represent(self, found: Found, log_probs: Tensor | None = None) -> Tensor:
        """h(x) of the nearest, and of the others by the mean direction of their class."""
        log_probs = self._vote(found) if log_probs is None else log_probs
        parts = self._parts(found, log_probs)
        k = parts.shape[1] - len(self.names)
        distinct, places = found.numbers[:, :k].clamp_min(0).unique(return_inverse=True)
        near = self.directions(some_vectors(Rows(self.vectors.pieces), distinct.numpy()))
        others = log_probs.exp().scatter_add(-1, found.classes, -parts).clamp_min(0)
        means = self._class_sums / (self._counts + self._name_sizes).clamp_min(1e-6)[:, None]
        h = (parts[:, :k, None] * near[places]).sum(1)
        return h + parts[:, k:] @ self._names + others @ means

    def _rows_of(self, numbers: Tensor) -> Tensor:
        """Return numbers of the whole column as rows of what is kept, then names; -1 stays."""
        kept, whole = torch.from_numpy(self.vectors.kept), self.vectors.whole
        rows = torch.where(numbers >= whole, numbers - whole + len(kept), torch.searchsorted(kept, numbers))
        return rows.masked_fill(numbers < 0, -1)
