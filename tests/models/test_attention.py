"""Kernels, vote, attention and h(x) against the plain loops of references.py, forward and gradient."""

import pytest
import references
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fewtext.models.attention import attention, kernel_scores, prototypes, represent, vote, vote_of_scores
from fewtext.models.configuration import CLASS_VOTES, KERNELS
from fewtext.models.one_hot import OneHot

QUERY, SUPPORT, WAY, DIM = 3, 6, 3, 4


def problem(labels="one-hot", seed=0):
    generator = torch.Generator().manual_seed(seed)
    query = torch.randn(QUERY, DIM, generator=generator, dtype=torch.float64, requires_grad=True)
    support = torch.randn(SUPPORT, DIM, generator=generator, dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([1.0, 1.0, 0.5, 1.0, 2.0, 1.0], dtype=torch.float64)
    y = torch.eye(WAY, dtype=torch.float64)[torch.tensor([0, 1, 2, 0, 1, 2])]
    if labels == "soft":
        y = torch.softmax(torch.randn(SUPPORT, WAY, generator=generator, dtype=torch.float64), -1)
    if labels == "multi":
        y[0, 1] = y[4, 2] = 1.0
    return query, support, y, weights


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_equal_the_loops(kernel):
    query, support, _, _ = problem()
    scores = kernel_scores(query, support, kernel)
    expected = torch.stack([torch.stack([references.kernel(x, g, kernel) for g in support]) for x in query])
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-10)
    ours = torch.autograd.grad(scores.square().sum(), (query, support))
    theirs = torch.autograd.grad(expected.square().sum(), (query, support))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-8)


@pytest.mark.parametrize("labels", ["one-hot", "soft", "multi"])
@pytest.mark.parametrize("class_vote", CLASS_VOTES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_votes_equal_the_loops(kernel, class_vote, labels):
    query, support, y, weights = problem(labels)
    temperature = torch.tensor(1.7, dtype=torch.float64, requires_grad=True)
    share = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)
    log_probs = vote(query, support, y, weights, temperature=temperature, prototype_share=share, kernel=kernel,
                     class_vote=class_vote)  # fmt: skip
    expected = torch.stack(
        [torch.stack(references.vote(x, support, y, weights, temperature, kernel, class_vote, share)) for x in query]
    )
    torch.testing.assert_close(log_probs.exp(), expected, rtol=0, atol=1e-10)
    inputs = [query, support, temperature] + ([share] if class_vote == "mixed" else [])
    ours = torch.autograd.grad(log_probs.exp().square().sum(), inputs)
    theirs = torch.autograd.grad(expected.square().sum(), inputs)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-8)


@pytest.mark.parametrize("kernel", KERNELS)
def test_representation_equals_the_loops(kernel):
    query, support, y, weights = problem()
    scores = 1.3 * kernel_scores(query, support, kernel)
    log_probs = vote(query, support, y, weights, temperature=1.3, kernel=kernel)
    h = represent(attention(scores, y, weights, log_probs), support)
    expected = torch.stack([torch.stack(references.represent(x, support, 1.3, kernel, weights)) for x in query])
    torch.testing.assert_close(h, expected, rtol=0, atol=1e-8)
    ours = torch.autograd.grad(h.square().sum(), (query, support))
    theirs = torch.autograd.grad(expected.square().sum(), (query, support))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-8)


@pytest.mark.parametrize("class_vote", CLASS_VOTES)
def test_attention_adds_up_to_the_scores_of_the_classes(class_vote):
    query, support, y, weights = problem()
    log_probs = vote(query, support, y, weights, temperature=3.0, prototype_share=0.7, class_vote=class_vote)
    shares = attention(3.0 * kernel_scores(query, support), y, weights, log_probs)
    torch.testing.assert_close(shares @ y, log_probs.exp(), rtol=0, atol=1e-12)


def test_prototypes_are_weighted_means():
    _, support, y, weights = problem()
    expected = (support[2] * 0.5 + support[5]) / 1.5
    torch.testing.assert_close(prototypes(support, y, weights)[2], expected)


@pytest.mark.parametrize("class_vote", CLASS_VOTES)
def test_padding_changes_nothing(class_vote):
    query, support, y, weights = problem()
    padded = (
        torch.cat([support, torch.full((2, DIM), 9.0, dtype=torch.float64)]),
        torch.cat([torch.cat([y, torch.zeros(SUPPORT, 1)], -1), torch.zeros(2, WAY + 1)]),
        torch.cat([weights, torch.zeros(2)]),
    )
    options = {"temperature": 2.0, "prototype_share": 0.7, "class_vote": class_vote}
    plain = vote(query, support, y, weights, **options)
    wide = vote(query, *padded, **options)
    torch.testing.assert_close(wide[:, :WAY], plain, rtol=0, atol=1e-12)
    assert torch.isneginf(wide[:, WAY]).all()
    gradient = torch.autograd.grad(wide[:, 0].sum(), (query, support))
    assert all(torch.isfinite(g).all() for g in gradient)


def test_far_examples_do_not_overflow():
    query = torch.tensor([[1.0, 0.0]])
    support = torch.tensor([[1000.0, 0.0], [-1000.0, 0.0]], requires_grad=True)
    for class_vote in CLASS_VOTES:
        log_probs = vote(query, support, torch.eye(2), torch.ones(2), temperature=20.0, prototype_share=0.5,
                         kernel="dot", class_vote=class_vote)  # fmt: skip
        assert torch.isfinite(log_probs).all() and log_probs[0, 0] > -1e-4
        assert torch.isfinite(torch.autograd.grad(log_probs.sum(), support)[0]).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), class_vote=st.sampled_from(CLASS_VOTES), kernel=st.sampled_from(KERNELS))
def test_probabilities_add_up_and_ignore_the_order(seed, class_vote, kernel):
    query, support, y, weights = problem(seed=seed)
    options = {"temperature": 2.5, "prototype_share": 0.7, "kernel": kernel, "class_vote": class_vote}
    probs = vote(query, support, y, weights, **options).exp()
    torch.testing.assert_close(probs.sum(-1), torch.ones(QUERY, dtype=torch.float64))
    order = torch.randperm(SUPPORT, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(vote(query, support[order], y[order], weights[order], **options).exp(), probs)


def test_paper_cosine_caps_the_probability():
    """Without a temperature the best case of 5-way 1-shot is e / (e + 4 e^-1) = 0.65 (DESIGN.md)."""
    support = torch.tensor([[1.0, 0.0]] + [[-1.0, 0.0]] * 4)
    probs = vote(torch.tensor([[1.0, 0.0]]), support, torch.eye(5), torch.ones(5), temperature=1.0).exp()
    assert probs[0, 0] == pytest.approx(0.6488, abs=1e-3)


@pytest.mark.parametrize("labels", ["numbers", "table"])
@pytest.mark.parametrize("class_vote", ["sum", "mean", "mixed"])
def test_classes_that_are_far_off_keep_their_order_and_gradient(class_vote, labels):
    """Scores of 0, -100 and -400: exponentials below the largest score would all be 0."""
    scores = torch.tensor([[0.0, -100.0, -400.0, -401.0]], requires_grad=True)
    numbers, weights = torch.tensor([0, 1, 2, 2]), torch.ones(4)
    table = torch.eye(4)[numbers]  # the fourth class has no example
    given = OneHot(numbers, 4) if labels == "numbers" else table
    exact, peer = scores.detach().double().requires_grad_(), []
    for c in range(3):
        own = exact[0, numbers == c]
        peer.append(torch.logsumexp(own, 0) - (torch.tensor(float(len(own))).log() if class_vote != "sum" else 0))
    expected = torch.log_softmax(torch.stack(peer), 0)
    of_prototypes = torch.zeros(1, 4)
    found = vote_of_scores(scores, of_prototypes, given, weights, class_vote, 0.0)
    torch.testing.assert_close(found[0, :3].double(), expected, rtol=1e-5, atol=1e-5)
    assert found[0, 3] == -torch.inf
    for c in range(3):
        [ours] = torch.autograd.grad(found[0, c], scores, retain_graph=True)
        [theirs] = torch.autograd.grad(expected[c], exact, retain_graph=True)
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-5)
