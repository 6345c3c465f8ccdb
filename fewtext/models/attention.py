"""Kernels, attention and the vote: pure functions on tensors, after Vinyals et al. 2016, arXiv:1606.04080.

Shapes: `(..., n_query, dim)` queries, `(..., n_support, dim)` examples, `(..., n_support, n_way)` their
labels, `(..., n_support)` their weights, where `...` are episodes. A weight of 0 takes an example out,
which is how padding works.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fewtext.models.one_hot import Labels, class_sizes, classes_present, of_own_class, sum_by_class


def kernel_scores(query: Tensor, support: Tensor, kernel: str = "cosine") -> Tensor:
    """Return k(x, x_i) `(..., n_query, n_support)`: cosine, negative squared Euclidean distance, or dot.

    >>> kernel_scores(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 2.0]]))
    tensor([[0.8000]])
    """
    if kernel == "cosine":
        return normalize(query, dim=-1) @ normalize(support, dim=-1).mT
    scores = query @ support.mT
    if kernel == "dot":
        return scores
    return 2 * scores - query.square().sum(-1, keepdim=True) - support.square().sum(-1)[..., None, :]


def prototypes(support: Tensor, labels: Labels, weights: Tensor) -> Tensor:
    """Return the weighted mean vector of each class, `(..., n_way, dim)`; 0 for a class without examples."""
    sizes = class_sizes(labels, weights)[..., None].clamp_min(torch.finfo(support.dtype).tiny)
    return sum_by_class(support.mT, labels, weights).mT.contiguous() / sizes


def class_scores(scores: Tensor, labels: Labels, weights: Tensor, present: Tensor | None = None) -> Tensor:
    """Return log Σ_i w_i y_ic exp(s_i) `(..., n_query, n_way)`; -inf for a class without examples.

    Args:
        scores: `(..., n_query, n_support)` scaled kernel scores τ k(x, x_i).
        labels: `(..., n_support, n_way)` shares of each class in each example, 0 to 1.
        weights: `(..., n_support)` weight of each example.
        present: `(..., n_way)` the classes that have examples, where that is known already.
    """
    peak = _peak(scores, weights)
    summed = sum_by_class(_exp_below(scores, peak), labels, weights)
    present = (classes_present(labels, weights) if present is None else present)[..., None, :]
    if bool(((summed == 0) & present).any()):  # a class all of whose examples are far off underflows
        return torch.where(present, _summed_by_class(scores, labels, weights), -torch.inf)
    return torch.where(present, summed.clamp_min(torch.finfo(summed.dtype).tiny).log() + peak, -torch.inf)


def vote(
    query: Tensor,
    support: Tensor,
    labels: Labels,
    weights: Tensor,
    *,
    temperature: Tensor | float,
    prototype_share: Tensor | float = 0.0,
    kernel: str = "cosine",
    class_vote: str = "sum",
) -> Tensor:
    """Return the log-probability of each class, `(..., n_query, n_way)`.

    `sum` is equation 1 of the paper, ŷ = Σ_i a(x, x_i) y_i with a = softmax_i(τ k(x, x_i)); for labels that
    are distributions or several classes it is the attention-weighted mean of the label vectors. The other
    votes compare class scores by a softmax over the classes: `mean` divides a class's sum by its weight,
    `prototype` compares x with the class's mean vector (Snell et al. 2017), `mixed` mixes the scores of both.

    >>> support, labels = torch.eye(2), torch.eye(2)
    >>> vote(torch.tensor([[1.0, 0.0]]), support, labels, torch.ones(2), temperature=1.0).exp()
    tensor([[0.7311, 0.2689]])
    """
    of_examples = of_prototypes = None
    if class_vote != "prototype":
        of_examples = temperature * kernel_scores(query, support, kernel)
    if class_vote in ("prototype", "mixed"):
        of_prototypes = temperature * kernel_scores(query, prototypes(support, labels, weights), kernel)
    return vote_of_scores(of_examples, of_prototypes, labels, weights, class_vote, prototype_share)


def vote_of_scores(
    of_examples: Tensor | None,
    of_prototypes: Tensor | None,
    labels: Labels,
    weights: Tensor,
    class_vote: str,
    prototype_share: Tensor | float = 0.0,
    sizes: Tensor | None = None,
) -> Tensor:
    """Return the vote, as `vote`, where the scaled scores are there already.

    Args:
        of_examples: `(..., n_query, n_support)` τ k(x, x_i); the vote `prototype` needs none.
        of_prototypes: `(..., n_query, n_way)` τ k(x, p_c) for the votes `prototype` and `mixed`.
        labels: As in `vote`.
        weights: As in `vote`.
        class_vote: As in `vote`.
        prototype_share: As in `vote`.
        sizes: `(..., n_way)` what `class_sizes` tells, where that is known already.
    """
    sizes = class_sizes(labels, weights) if sizes is None else sizes
    if class_vote == "prototype":
        assert of_prototypes is not None
        return torch.log_softmax(of_prototypes.masked_fill(sizes[..., None, :] == 0, -torch.inf), dim=-1)
    assert of_examples is not None
    summed = class_scores(of_examples, labels, weights, sizes > 0)
    tiny = torch.finfo(summed.dtype).tiny
    if class_vote == "sum":
        everything = of_examples.masked_fill(~(weights > 0)[..., None, :], -torch.inf)
        return summed - torch.logsumexp(everything + weights.clamp_min(tiny).log()[..., None, :], -1)[..., None]
    return vote_of_sums(summed, sizes[..., None, :], of_prototypes, class_vote, prototype_share)


def vote_of_sums(
    summed: Tensor,
    sizes: Tensor,
    of_prototypes: Tensor | None,
    class_vote: str,
    prototype_share: Tensor | float = 0.0,
) -> Tensor:
    """Return the vote, as `vote`, where every example has one class and the classes are summed up already.

    Args:
        summed: `(..., n_query, n_way)` log Σ_i w_i exp(τ k(x, x_i)) over the examples of a class; -inf without any.
        sizes: `(..., n_query or 1, n_way)` weight of the examples of each class.
        of_prototypes: As in `vote_of_scores`.
        class_vote: As in `vote`.
        prototype_share: As in `vote`.
    """
    if class_vote == "sum":
        return torch.log_softmax(summed, dim=-1)
    if class_vote == "prototype":
        assert of_prototypes is not None
        return torch.log_softmax(of_prototypes.masked_fill(torch.isinf(summed), -torch.inf), dim=-1)
    mean = summed - sizes.clamp_min(torch.finfo(summed.dtype).tiny).log()
    if class_vote == "mean":
        return torch.log_softmax(mean, dim=-1)
    assert of_prototypes is not None
    absent = torch.isinf(mean)
    of_prototypes, mean = of_prototypes.masked_fill(absent, 0), mean.masked_fill(absent, 0)
    mixed = prototype_share * of_prototypes + (1 - prototype_share) * mean
    return torch.log_softmax(mixed.masked_fill(absent, -torch.inf), dim=-1)


def attention(scores: Tensor, labels: Labels, weights: Tensor, log_probs: Tensor) -> Tensor:
    """Return how much of each query's answer each example decided, `(..., n_query, n_support)`.

    a_i = Σ_c p_c softmax_{i in c}(s_i): each class's probability is shared out over its examples by their
    kernel scores. For the votes `sum` and `mean` this is the paper's attention; rows add up to 1 where
    every example has one class.
    """
    peak = _peak(scores, weights)
    absent = torch.isinf(log_probs)
    within = class_scores(scores, labels, weights).masked_fill(absent, 0)
    factor = torch.exp((log_probs.masked_fill(absent, 0) - within + peak).clamp_max(80)).masked_fill(absent, 0)
    return _exp_below(scores, peak) * weights[..., None, :] * of_own_class(factor, labels)


def represent(attention_weights: Tensor, support: Tensor) -> Tensor:
    """Return h(x) = Σ_i a(x, x_i) g(x_i), `(..., n_query, dim)`: x placed by what it resembles."""
    return attention_weights @ support


def _summed_by_class(scores: Tensor, labels: Labels, weights: Tensor) -> Tensor:
    """Return the same with the largest score of each class taken out: slower, and exact however far apart they are."""
    if isinstance(labels, Tensor):
        shares = (labels * weights[..., None]).unbind(-1)
        return torch.stack([_log_sum(scores, share) for share in shares], -1)
    own = labels.numbers.expand_as(scores)
    there = scores.detach().masked_fill(~(weights > 0)[..., None, :], -torch.inf)
    least = there.new_full((*scores.shape[:-1], labels.n_way), torch.finfo(scores.dtype).min)
    peaks = least.scatter_reduce(-1, own, there, "amax")
    summed = sum_by_class(_exp_below(scores, peaks.gather(-1, own)), labels, weights)
    return summed.clamp_min(torch.finfo(summed.dtype).tiny).log() + peaks


def _log_sum(scores: Tensor, shares: Tensor) -> Tensor:
    """Return log Σ_i w_i exp(s_i) `(..., n_query)`; a finite number where every weight `(..., n_support)` is 0."""
    counts = (shares > 0) | ~(shares > 0).any(-1, keepdim=True)
    weighed = scores + shares.clamp_min(torch.finfo(shares.dtype).tiny).log()[..., None, :]
    return torch.logsumexp(weighed.masked_fill(~counts[..., None, :], -torch.inf), -1)


def _peak(scores: Tensor, weights: Tensor) -> Tensor:
    """The largest score of each query, `(..., n_query, 1)`, taken out before exponentials."""
    return scores.detach().masked_fill(~(weights > 0)[..., None, :], -torch.inf).amax(-1, keepdim=True)


def _exp_below(scores: Tensor, peak: Tensor) -> Tensor:
    """Return exp(s - peak), at most 1; in place where no gradient needs what was before."""
    below = scores - peak
    return torch.exp(below.clamp_max(0)) if below.requires_grad else below.clamp_max_(0).exp_()
