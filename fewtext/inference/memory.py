"""What queries are matched with: a support set as tensors, in context, and class keys where it was adapted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fewtext.inference.keys import KEY_PENALTY, KEY_TEMPERATURE, ClassKeys, fit_keys
from fewtext.inference.stacking import KEYS_ALONE, weighed
from fewtext.models.attention import attention, kernel_scores, prototypes, represent, vote_of_scores
from fewtext.models.matching import Matcher, queries_at_once
from fewtext.models.one_hot import Labels, class_sizes, label_table

LEAST = -1e4
"""Least log-probability of a vote beside keys."""


@dataclass(frozen=True)
class Answers:
    """What the memory says about some queries.

    Attributes:
        log_probs: `(n_query, n_way)` log-probability of each class, before calibration.
        familiarity: `(n_query,)` how much a query resembles the support set at all, on no fixed scale.
        parts: `(4, n_query, n_way)` what keys, vote, prototypes and spelling say, where the memory was adapted.
    """

    log_probs: Tensor
    familiarity: Tensor
    parts: Tensor | None = None


@dataclass(frozen=True)
class Memory:
    """A support set, ready to answer.

    Attributes:
        matcher: What compares.
        examples: `(n, dim)` embeddings g' of examples, names and descriptions.
        labels: What each says: one class each, or `(n, n_way)` shares.
        weights: `(n,)` how much each counts.
        in_context: `(n, dim)` g(x_i, S).
        keys: Class keys, where the memory was adapted.
        shares: How much keys, vote, prototypes and spelling each count where it was adapted.
    """

    matcher: Matcher
    examples: Tensor
    labels: Labels
    weights: Tensor
    in_context: Tensor
    keys: ClassKeys | None = None
    shares: tuple[float, ...] = KEYS_ALONE

    @classmethod
    @torch.inference_mode()
    def build(cls, matcher: Matcher, examples: Tensor, labels: Labels, weights: Tensor) -> Memory:
        """Put the examples in context of each other."""
        return cls(matcher, examples, labels, weights, matcher.contextualize(examples, weights))

    def adapted(self, queries: Tensor, key_penalty: float = KEY_PENALTY) -> Memory:
        """Return the memory with keys fitted to its own examples, `queries` `(n, dim)` their embeddings f'."""
        with torch.inference_mode():
            features = normalize(self._query_in_context(queries), dim=-1)
        keys = fit_keys(features.clone(), label_table(self.labels).clone(), self.weights.clone(), key_penalty)
        return replace(self, keys=keys)

    @torch.inference_mode()
    def answer(self, queries: Tensor, spelled: Tensor | None = None) -> Answers:
        """Return the answers to queries, in blocks.

        Args:
            queries: `(n_query, dim)` embeddings f'.
            spelled: `(n_query, n_way)` how alike they and the classes are spelled, for a memory that was adapted.
        """
        spelled = queries.new_zeros(len(queries), 1) if spelled is None else spelled.to(queries)
        blocks = zip(queries.split(self._block), spelled.split(self._block), strict=True)
        found = [self._answer(*block) for block in blocks] if len(queries) else []
        if not found:
            return Answers(queries.new_zeros(0, self.labels.shape[1]), queries.new_zeros(0))
        parts = [block.parts for block in found if block.parts is not None]
        return Answers(
            torch.cat([block.log_probs for block in found]),
            torch.cat([block.familiarity for block in found]),
            torch.cat(parts, 1) if parts else None,
        )

    def weightiest(self, queries: Tensor, log_probs: Tensor, top_k: int | None) -> tuple[Tensor, Tensor]:
        """Return the rows of the weightiest examples and their parts in answers, `(n_query, k)`, the largest first."""
        parts, rows = self.attention(queries, log_probs).sort(dim=-1, descending=True, stable=True)
        return rows[:, :top_k], parts[:, :top_k]

    @torch.inference_mode()
    def attention(self, queries: Tensor, log_probs: Tensor) -> Tensor:
        """Return the part of each example in answers of `log_probs` `(n_query, n_way)`, `(n_query, n)`."""
        parts = [queries.new_zeros(0, len(self.weights))]
        for block, answers in zip(queries.split(self._block), log_probs.split(self._block), strict=True):
            if len(block):
                parts.append(attention(self._scores(block)[1], self.labels, self.weights, answers.to(self.weights)))
        return torch.cat(parts)

    @torch.inference_mode()
    def represent(self, queries: Tensor) -> Tensor:
        """Return h(x) `(n_query, dim)`: queries placed by what they resemble."""
        blocks = []
        for block in queries.split(self._block):
            f, scores = self._scores(block)
            blocks.append(self._represent(scores, self._vote(f, scores)))
        return torch.cat(blocks) if blocks else queries

    @property
    def _block(self) -> int:
        return queries_at_once(len(self.weights))

    @cached_property
    def _mean(self) -> Tensor | None:
        return self.matcher.context.mean(self.examples[None], self.weights[None])

    @cached_property
    def _first_read(self) -> Tensor | None:
        return self.matcher.context.first_read(self.in_context[None], self.weights[None])

    @cached_property
    def _directions(self) -> Tensor:
        return normalize(self.in_context, dim=-1)

    @cached_property
    def _prototypes(self) -> Tensor:
        """The mean of each class, `(n_way, dim)`; of length 1 where the kernel is cosine."""
        means = prototypes(self.in_context, self.labels, self.weights)
        return normalize(means, dim=-1) if self.matcher.kernel == "cosine" else means

    @cached_property
    def _sizes(self) -> Tensor:
        return class_sizes(self.labels, self.weights)

    @cached_property
    def _centers(self) -> Tensor:
        means = prototypes(self._directions, self.labels, self.weights)
        return normalize(means.float(), dim=-1).to(means)  # 0 stays 0 in half precision

    def _query_in_context(self, queries: Tensor) -> Tensor:
        """Return f(x, S) `(n_query, dim)`."""
        embed = self.matcher.context.embed_query
        return embed(queries[None], self._mean, self.in_context[None], self.weights[None], self._first_read)[0]

    def _scores(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Return f(x, S) `(n_query, dim)` and the scaled scores of the examples, `(n_query, n)`.

        Where the kernel is cosine, f has length 1. The scores lie in memory example by example: so they are summed by
        class without another pass.
        """
        matcher, f = self.matcher, self._query_in_context(queries)
        if matcher.kernel == "cosine":  # the examples are normalized once for all queries
            f = normalize(f, dim=-1)
            return f, (self._directions @ (matcher.temperature * f).mT).mT
        return f, matcher.temperature * kernel_scores(f, self.in_context, matcher.kernel)

    def _vote(self, f: Tensor, scores: Tensor) -> Tensor:
        matcher, of_prototypes = self.matcher, None
        if matcher.class_vote in ("prototype", "mixed"):
            kernel = "dot" if matcher.kernel == "cosine" else matcher.kernel  # both have length 1
            of_prototypes = matcher.temperature * kernel_scores(f, self._prototypes, kernel)
        share = 0.0 if matcher.prototype_share is None else matcher.prototype_share
        return vote_of_scores(scores, of_prototypes, self.labels, self.weights, matcher.class_vote, share, self._sizes)

    def _represent(self, scores: Tensor, log_probs: Tensor) -> Tensor:
        return represent(attention(scores, self.labels, self.weights, log_probs), self.in_context)

    def _parts(self, directions: Tensor, scores: Tensor, spelled: Tensor) -> Tensor:
        """Return what keys, vote, prototypes and spelling say on the scale of the keys, `(4, n_query, n_way)`.

        The vote is that of the examples alone (equation 1 of Vinyals et al. 2016).
        """
        assert self.keys is not None
        keyed = self.keys.logits(directions).float()
        prototypes = KEY_TEMPERATURE * (directions @ self._centers.T).float()
        vote = vote_of_scores(scores, None, self.labels, self.weights, "sum", sizes=self._sizes)
        # Of a class without examples the vote is -inf, and no share times infinity is no number.
        vote = (vote / self.matcher.temperature).float().clamp_min(LEAST)
        spelled = spelled.float().expand_as(keyed)
        return torch.stack([keyed, KEY_TEMPERATURE * vote, prototypes, KEY_TEMPERATURE * spelled])

    def _answer(self, queries: Tensor, spelled: Tensor) -> Answers:
        matcher, parts = self.matcher, None
        f, scores = self._scores(queries)
        directions = f if matcher.kernel == "cosine" else normalize(f, dim=-1)
        votes = self._vote(f, scores)
        if self.keys is None:
            log_probs, best = votes, KEY_TEMPERATURE * (directions @ self._centers.T).amax(-1)
        else:
            parts = self._parts(directions, scores, spelled)
            log_probs, best = weighed(parts, self.shares), parts[0].amax(-1)
        if matcher.membership_is_trained:
            nearest = self._largest(scores) / matcher.temperature
            belongs = matcher.membership(torch.cat([self._represent(scores, votes), nearest[:, None]], dim=-1))
            return Answers(log_probs, belongs.sum(-1), parts)
        if matcher.kernel == "cosine":
            nearest = self._largest(scores) / matcher.temperature
        else:
            nearest = self._largest(directions @ self._directions.T)
        # The nearest example counts half as much as the class: 17 instead of 18 % false answers
        # at 95 % recall on the out-of-scope texts of CLINC150 (recipes/support).
        return Answers(log_probs, best + 0.5 * KEY_TEMPERATURE * nearest, parts)

    def _largest(self, scores: Tensor) -> Tensor:
        """Return the largest score of each query by an example that counts, `(n_query,)`."""
        counted = self.weights > 0
        return (scores if bool(counted.all()) else scores.masked_fill(~counted, -torch.inf)).amax(-1)
