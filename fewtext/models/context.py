"""Full-context embeddings: texts embedded in view of the whole support set.

Vinyals et al. 2016, arXiv:1606.04080, section 2.1.2 and appendix A, with learned gates γ that start at 0.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize

from fewtext.models.configuration import MatchingNetworkConfig


class Center(nn.Module):
    """Subtract a learned share of the support set's mean from every vector, then normalise."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.full((1,), float(share)))

    def forward(self, vectors: Tensor, mean: Tensor) -> Tensor:
        """Return the vectors `(..., n, dim)` centered on the mean of the support set, `(..., 1, dim)`."""
        return self.shifted(normalize(vectors, dim=-1), mean)

    def shifted(self, directions: Tensor, mean: Tensor) -> Tensor:
        """Return the same of vectors of length 1; in place where there are no gradients."""
        if torch.is_grad_enabled():
            return normalize(directions - self.share * mean, dim=-1)
        return normalize(directions.sub_(self.share * mean), dim=-1, out=directions)


def mean_direction(support: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean direction of a support set `(..., n_support, dim)`, `(..., 1, dim)`.

    A mean of vectors of very different lengths would be that of the longest: all count by direction.
    """
    return _weighted_mean(normalize(support, dim=-1), weights)


def _weighted_mean(directions: Tensor, weights: Tensor) -> Tensor:
    total = weights.sum(-1)[..., None, None].clamp_min(torch.finfo(directions.dtype).tiny)
    return (weights[..., None, :] @ directions) / total


class FullContextEmbedding(nn.Module):
    """g(x_i, S) = g'(x_i) + γ (→h_i + ←h_i), a bidirectional LSTM over the support set (appendix A.2)."""

    def __init__(self, config: MatchingNetworkConfig) -> None:
        super().__init__()
        size = config.context_size or config.embedding_size
        self.lstm = nn.LSTM(config.embedding_size, size, batch_first=True, bidirectional=True)
        self.project = _projection(size, config.embedding_size)
        self.gate = nn.Parameter(torch.full((1,), float(config.context_gate)))

    def train(self, mode: bool = True) -> FullContextEmbedding:
        """Set the mode, but not the LSTM's: nothing in it drops out, and cuDNN's has gradients in training alone."""
        super().train(mode)
        self.lstm.train()
        return self

    def forward(self, support: Tensor, weights: Tensor) -> Tensor:
        """Return `(n_episodes, n_support, dim)` embeddings in context; rows of weight 0 must come last."""
        lengths = (weights > 0).sum(-1).clamp_min(1)
        packed = nn.utils.rnn.pack_padded_sequence(support, lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], True, total_length=support.shape[1])
        forward, backward = states.chunk(2, dim=-1)
        return support + self.gate * self.project(forward + backward)


class AttentionLSTM(nn.Module):
    """f(x, S) = h_K: K steps of an LSTM that reads the support set by attention (equations 3 to 6).

    ĥ_k, c_k = LSTM(f'(x), [h_{k-1}, r_{k-1}], c_{k-1}); h_k = f'(x) + γ ĥ_k;
    r_k = Σ_i softmax_i(h_k · g(x_i)) g(x_i); h_0 and c_0 are 0.
    """

    def __init__(self, config: MatchingNetworkConfig) -> None:
        super().__init__()
        size = config.context_size or config.embedding_size
        self.steps = config.context_steps
        self.size = size
        self.gates = nn.Linear(3 * config.embedding_size, 4 * size)
        self.project = _projection(size, config.embedding_size)
        self.gate = nn.Parameter(torch.full((1,), float(config.context_gate)))

    def forward(self, query: Tensor, support: Tensor, weights: Tensor, first_read: Tensor | None = None) -> Tensor:
        """Return `(..., n_query, dim)` queries that have read `support` `(..., n_support, dim)`.

        `first_read` `(..., 1, dim)` is the mean of the support set, where that is known already: h_0 is 0, so it is
        what every query reads first.
        """
        of_query, of_hidden, of_read = self.gates.weight.chunk(3, dim=-1)
        asked = linear(query, of_query, self.gates.bias)  # the same at every step
        gates = asked + linear(_weighted_mean(support, weights) if first_read is None else first_read, of_read)
        cell, hidden = query.new_zeros(*query.shape[:-1], self.size), query
        log_weights = _log_weights(weights) if self.steps > 1 else weights
        for step in range(self.steps):
            if step:
                read = torch.softmax(hidden @ support.mT + log_weights, dim=-1) @ support
                gates = asked + linear(hidden, of_hidden) + linear(read, of_read)
            into, forget, new, out = gates.chunk(4, dim=-1)
            cell = torch.sigmoid(forget) * cell + torch.sigmoid(into) * torch.tanh(new)
            hidden = query + self.gate * self.project(torch.sigmoid(out) * torch.tanh(cell))
        return hidden


class Context(nn.Module):
    """The context of a configuration: `none`, `center`, or `lstm` (center, then both LSTMs)."""

    def __init__(self, config: MatchingNetworkConfig) -> None:
        super().__init__()
        self.center = Center(config.center_share) if config.context != "none" else None
        self.support_lstm = FullContextEmbedding(config) if config.context == "lstm" else None
        reads = config.context == "lstm" and config.context_steps > 0  # else its weights would get no gradient
        self.query_lstm = AttentionLSTM(config) if reads else None

    def mean(self, support: Tensor, weights: Tensor) -> Tensor | None:
        """Return what vectors are centered on, `(n_episodes, 1, dim)`; None where they are not."""
        return mean_direction(support, weights) if self.center is not None else None

    def embed_support(self, support: Tensor, weights: Tensor) -> Tensor:
        """Return g(x_i, S) `(n_episodes, n_support, dim)` for g'(x_i)."""
        centered = support
        if self.center is not None:
            directions = normalize(support, dim=-1)
            centered = self.center.shifted(directions, _weighted_mean(directions, weights))
        return self.support_lstm(centered, weights) if self.support_lstm is not None else centered

    def first_read(self, support_in_context: Tensor, weights: Tensor) -> Tensor | None:
        """Return what every query reads first, `(n_episodes, 1, dim)`; None where queries read nothing."""
        return _weighted_mean(support_in_context, weights) if self.query_lstm is not None else None

    def embed_query(
        self,
        query: Tensor,
        mean: Tensor | None,
        support_in_context: Tensor,
        weights: Tensor,
        first_read: Tensor | None = None,
    ) -> Tensor:
        """Return f(x, S) `(n_episodes, n_query, dim)` for f'(x), the `mean` of the support set, and g(x_i, S).

        What `first_read` returns of the same examples and weights need not be computed again for other queries.
        """
        centered = query if self.center is None or mean is None else self.center(query, mean)
        if self.query_lstm is None:
            return centered
        return self.query_lstm(centered, support_in_context, weights, first_read)


def _log_weights(weights: Tensor) -> Tensor:
    """Return log w `(..., 1, n)`, -inf where the weight is 0, with gradients that are numbers."""
    logs = weights.clamp_min(torch.finfo(weights.dtype).tiny).log()
    return logs.masked_fill(weights == 0, -torch.inf)[..., None, :]


def _projection(size: int, embedding_size: int) -> nn.Module:
    return nn.Identity() if size == embedding_size else nn.Linear(size, embedding_size, bias=False)
