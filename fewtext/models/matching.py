"""Matching on embeddings: context, attention, vote, representation and membership, all that is not the encoder."""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import initialization

from fewtext.data.markers import PAD_QUERY, UNKNOWN
from fewtext.models.attention import attention, kernel_scores, represent, vote
from fewtext.models.configuration import MatchingNetworkConfig
from fewtext.models.context import AttentionLSTM, Center, Context, FullContextEmbedding

QUERIES, SCORES = 1024, 2**23
"""Most queries, and most scores of queries by examples, that are computed at once: 32 MB a table of scores."""


def queries_at_once(n_support: int) -> int:
    """Return how many queries to match at once, so that memory is bounded whatever the size of the support set.

    >>> queries_at_once(770), queries_at_once(1_000_000)
    (1024, 8)
    """
    return max(1, min(QUERIES, SCORES // max(1, n_support)))


class Matcher(nn.Module):
    """The part of a Matching Network that compares embedded queries with an embedded support set.

    Its tensors are those of one support set, `(n_query, dim)` and `(n_support, dim)`, or of several
    episodes, `(n_episodes, n_query, dim)` and so on; what it returns has the same form.

    Args:
        config: The settings.

    >>> from transformers import BertConfig
    >>> matcher = Matcher(MatchingNetworkConfig(encoder=BertConfig(hidden_size=8).to_dict()))
    >>> matcher(torch.randn(3, 8), torch.randn(4, 8), torch.eye(4)).shape
    torch.Size([3, 4])
    """

    def __init__(self, config: MatchingNetworkConfig) -> None:
        super().__init__()
        self.kernel = config.kernel
        self.class_vote = config.class_vote
        self.context = Context(config)
        # A scalar is a tensor of one element: sharded training (FSDP) cannot split one without a dimension.
        self.log_temperature = nn.Parameter(torch.full((1,), math.log(config.temperature or 1.0)))
        self.prototype_share = (
            nn.Parameter(torch.full((1,), config.prototype_share)) if config.class_vote == "mixed" else None
        )
        self.membership = nn.Linear(config.embedding_size + 1, 1)

    @property
    def temperature(self) -> Tensor:
        """The learned factor τ of the kernel."""
        return self.log_temperature.exp()

    @property
    def membership_is_trained(self) -> bool:
        """Whether the membership head has learned from unknown queries; untrained it reads the kernel alone."""
        return bool(self.membership.weight[:, :-1].any())

    def forward(
        self,
        query: Tensor,
        support: Tensor,
        labels: Tensor,
        weights: Tensor | None = None,
        support_in_context: Tensor | None = None,
    ) -> Tensor:
        """Return the log-probability of each class, `(n_query, n_way)`.

        Args:
            query: `(n_query, dim)` f'(x).
            support: `(n_support, dim)` g'(x_i).
            labels: `(n_support, n_way)` one-hot, several classes, or a distribution.
            weights: `(n_support,)`; by default 1, and 0 takes an example out.
            support_in_context: `(n_support, dim)` g(x_i, S) from `contextualize`, to save computing it again.
        """
        episodes = Episodes(self, query, support, labels, weights, support_in_context)
        return episodes.unbatched(episodes.log_probs)

    def contextualize(self, support: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return g(x_i, S) for g'(x_i), `(n_support, dim)`."""
        batched = support if support.dim() == 3 else support[None]
        weights = batched.new_ones(batched.shape[:-1]) if weights is None else weights.view(batched.shape[:-1])
        embedded = self.context.embed_support(batched, weights)
        return embedded if support.dim() == 3 else embedded[0]

    def attend(
        self, query: Tensor, support: Tensor, labels: Tensor, weights: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return log-probabilities, as `forward`, and the attention `(n_query, n_support)` behind them."""
        episodes = Episodes(self, query, support, labels, weights)
        return episodes.unbatched(episodes.log_probs), episodes.unbatched(episodes.attention())

    def represent(self, query: Tensor, support: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return h(x) = Σ_i a(x, x_i) g(x_i, S), `(n_query, dim)`: texts placed by what they resemble."""
        episodes = Episodes(self, query, support, labels, weights)
        return episodes.unbatched(episodes.represent())

    def membership_logits(
        self, query: Tensor, support: Tensor, labels: Tensor, weights: Tensor | None = None
    ) -> Tensor:
        """Return the logit that each query belongs to the support set's classes, `(n_query,)`."""
        episodes = Episodes(self, query, support, labels, weights)
        return episodes.unbatched(episodes.membership())

    def episode_loss(
        self, log_probs: Tensor, membership: Tensor, query_labels: Tensor, label_smoothing: float = 0.0
    ) -> Tensor:
        """Return the mean over the episodes of the known queries' negative log-likelihood (equation 2).

        While the membership head is trained, its binary cross-entropy over all queries is added.

        Args:
            log_probs: `(n_episodes, n_query, n_way)`.
            membership: `(n_episodes, n_query)` logits.
            query_labels: `(n_episodes, n_query)`; -1 for unknown, -100 where padded.
            label_smoothing: Share of the target that all classes of the episode get alike (Szegedy et al. 2016,
                section 7).
        """
        known = query_labels >= 0
        nll = -log_probs.gather(-1, query_labels.clamp_min(0)[..., None])[..., 0]
        if label_smoothing:
            there = log_probs > -torch.inf  # an episode of fewer classes than others is padded
            alike = -log_probs.masked_fill(~there, 0.0).sum(-1) / there.sum(-1).clamp_min(1)
            nll = torch.lerp(nll, alike, label_smoothing)
        nll = nll.masked_fill(~known, 0.0)
        loss = (nll.sum(-1) / known.sum(-1).clamp_min(1)).mean()
        if self.membership.weight.requires_grad:
            present = query_labels != PAD_QUERY
            belongs = (query_labels != UNKNOWN).to(membership.dtype)
            entropy = binary_cross_entropy_with_logits(membership, belongs, reduction="none")
            loss = loss + ((entropy * present).sum(-1) / present.sum(-1).clamp_min(1)).mean()
        return loss


class Episodes:
    """Queries and support sets in context, with the votes on them: one `Matcher` at work."""

    def __init__(
        self,
        matcher: Matcher,
        query: Tensor,
        support: Tensor,
        labels: Tensor,
        weights: Tensor | None = None,
        support_in_context: Tensor | None = None,
    ) -> None:
        self.matcher = matcher
        self.single = query.dim() == 2
        weights = support.new_ones(support.shape[:-1]) if weights is None else weights.to(support.dtype)
        if self.single:
            query, support, labels, weights = query[None], support[None], labels[None], weights[None]
            support_in_context = None if support_in_context is None else support_in_context[None]
        context = matcher.context
        self.g = context.embed_support(support, weights) if support_in_context is None else support_in_context
        self.f = context.embed_query(query, context.mean(support, weights), self.g, weights)
        self.labels = labels.to(self.g.dtype)
        self.weights = weights

    @cached_property
    def log_probs(self) -> Tensor:
        """The log-probability of each class by the vote, `(n_episodes, n_query, n_way)`."""
        matcher = self.matcher
        return vote(
            self.f,
            self.g,
            self.labels,
            self.weights,
            temperature=matcher.temperature,
            prototype_share=matcher.prototype_share if matcher.prototype_share is not None else 0.0,
            kernel=matcher.kernel,
            class_vote=matcher.class_vote,
        )

    def unbatched(self, tensor: Tensor) -> Tensor:
        """Take off the dimension of the episodes where the tensors came without it."""
        return tensor[0] if self.single else tensor

    def attention(self, scores: Tensor | None = None, log_probs: Tensor | None = None) -> Tensor:
        """The part of each example in each answer, `(n_episodes, n_query, n_support)`; by default the vote's."""
        scores = kernel_scores(self.f, self.g, self.matcher.kernel) if scores is None else scores
        log_probs = self.log_probs if log_probs is None else log_probs
        return attention(self.matcher.temperature * scores, self.labels, self.weights, log_probs)

    def represent(self) -> Tensor:
        """h(x), `(n_episodes, n_query, dim)`."""
        return represent(self.attention(), self.g)

    def membership(self) -> Tensor:
        """The membership head on h(x) and the largest kernel score, `(n_episodes, n_query)`."""
        scores = kernel_scores(self.f, self.g, self.matcher.kernel)
        nearest = scores.masked_fill(~(self.weights > 0)[..., None, :], -torch.inf).amax(-1, keepdim=True)
        h = represent(self.attention(scores), self.g)
        return self.matcher.membership(torch.cat([h, nearest], dim=-1)).sum(-1)  # not a view: FSDP hooks outputs


def initialize(module: nn.Module, config: MatchingNetworkConfig) -> None:
    """Set what starts at a value of the configuration rather than at random."""
    if isinstance(module, Center):
        initialization.constant_(module.share, config.center_share)
    elif isinstance(module, FullContextEmbedding | AttentionLSTM):
        initialization.constant_(module.gate, config.context_gate)
    elif isinstance(module, Matcher):
        initialization.constant_(module.log_temperature, math.log(config.temperature or 1.0))
        if module.prototype_share is not None:
            initialization.constant_(module.prototype_share, config.prototype_share)
        # Untrained, the head ranks texts by their largest kernel score: the baseline that training starts from.
        scale, offset = (5.0, 5.0) if config.kernel == "euclidean" else (10.0, -5.0)
        initialization.zeros_(module.membership.weight)
        initialization.constant_(module.membership.weight[:, -1:], scale)
        initialization.constant_(module.membership.bias, offset)
