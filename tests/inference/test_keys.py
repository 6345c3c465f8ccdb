import torch
from torch.nn.functional import normalize

from fewtext.inference.keys import KEY_PENALTY, KEY_TEMPERATURE, fit_keys


def data(n_way=4, shot=5, dim=12):
    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(n_way, dim, generator=generator, dtype=torch.float64)
    features = centers.repeat_interleave(shot, 0) + torch.randn(n_way * shot, dim, generator=generator).double()
    return normalize(features, dim=-1), torch.eye(n_way, dtype=torch.float64).repeat_interleave(shot, 0)


def test_it_is_the_minimum_of_its_objective():
    features, labels = data()
    keys = fit_keys(features, labels, torch.ones(len(features)).double(), steps=500)
    centers = normalize(labels.T @ features, dim=-1)
    moved = (keys.vectors - centers).requires_grad_()
    offsets = keys.offsets.clone().requires_grad_()
    logits = KEY_TEMPERATURE * features @ (centers + moved).T + offsets
    entropy = torch.nn.functional.cross_entropy(logits, labels.argmax(1), reduction="sum")
    (entropy + KEY_PENALTY / 2 * KEY_TEMPERATURE**2 * moved.square().sum()).backward()
    assert moved.grad.abs().max() < 1e-4 and offsets.grad.abs().max() < 1e-4


def test_an_example_of_weight_zero_does_not_count():
    features, labels = data()
    weights = torch.ones(len(features)).double()
    weights[3] = 0
    kept = weights > 0
    one = fit_keys(features, labels, weights, steps=300)
    other = fit_keys(features[kept], labels[kept], weights[kept], steps=300)
    torch.testing.assert_close(one.vectors, other.vectors, rtol=0, atol=1e-4)


def test_distributions_are_learned():
    features = torch.eye(3).double()
    labels = torch.tensor([[0.8, 0.2], [0.2, 0.8], [0.5, 0.5]]).double()
    found = torch.softmax(fit_keys(features, labels, torch.ones(3).double()).logits(features), -1)
    assert (found - labels).abs().max() < 0.1
