import numpy as np
import pytest
import torch

from fewtext.inference.stacking import KEYS_ALONE, SHARES_PENALTY, fit_shares, weighed


@pytest.fixture
def told():
    generator = torch.Generator().manual_seed(0)
    truth = torch.randint(4, (60,), generator=generator)
    parts = torch.randn(4, 60, 4, generator=generator)
    for part, help_ in enumerate((1.0, 2.0, -1.0, 0.5)):
        parts[part, torch.arange(60), truth] += help_
    return parts, torch.eye(4)[truth], torch.ones(60, 4) > 0


def test_no_other_shares_are_better(told):
    """The objective in plain loops, from what was found and a hundred other points beside it."""
    parts, targets, present = told

    def objective(shares):
        total = SHARES_PENALTY / 2 * sum((a - b) ** 2 for a, b in zip(shares, KEYS_ALONE, strict=True))
        for i in range(parts.shape[1]):
            logits = sum(share * parts[p, i].double() for p, share in enumerate(shares))
            total -= float(torch.log_softmax(logits, -1) @ targets[i].double())
        return total

    found = np.array(fit_shares(parts, targets, present))
    assert found[1] > 0.2 and found[2] == 0  # the second part knows more; the third misleads
    random = np.random.default_rng(0)
    assert all(objective(np.maximum(found + random.normal(0, 0.05, 4), 0)) >= objective(found) for _ in range(100))


def test_few_examples_change_little(told):
    parts, targets, present = told
    few = np.array(fit_shares(parts[:, :3], targets[:3], present[:3]))
    many = np.array(fit_shares(parts, targets, present))
    assert np.abs(few - KEYS_ALONE).sum() < np.abs(many - KEYS_ALONE).sum() / 3
    assert fit_shares(parts[:, :0], targets[:0], present[:0]) == KEYS_ALONE


def test_classes_that_were_left_out_tell_nothing(told):
    parts, targets, present = told
    alone = targets[:40, 3] == 0
    expected = fit_shares(parts[:, :40][:, alone, :3], targets[:40][alone, :3], present[:40][alone, :3])
    present = present[:40].clone()
    present[:, 3] = False
    damaged = parts[:, :40].clone()
    damaged[:, :, 3] = -torch.inf
    assert fit_shares(damaged, targets[:40], present) == pytest.approx(expected, abs=1e-4)


def test_the_shares_weigh_the_parts(told):
    parts = told[0]
    expected = torch.log_softmax(0.5 * parts[0] + 2 * parts[2], -1)
    torch.testing.assert_close(weighed(parts, (0.5, 0.0, 2.0, 0.0)), expected)
