import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, f1_score

from fewtext.evaluation.statistics import accuracy, balanced_accuracy, macro_f1, mean_interval


def test_the_interval_is_students():
    values = [0.8, 0.9, 0.7, 1.0]
    estimate = mean_interval(values)
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert estimate.mean == pytest.approx(0.85)
    assert estimate.half_width == pytest.approx((high - low) / 2)
    assert str(estimate) == f"85.0 ± {50 * (high - low):.1f}"
    assert mean_interval([0.5]).half_width == float("inf")
    with pytest.raises(ValueError, match="no values"):
        mean_interval([])


@given(st.integers(0, 10_000))
def test_macro_f1_is_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    predictions, references = rng.integers(0, 4, (3, 12)), rng.integers(0, 4, (3, 12))
    expected = [f1_score(y, p, average="macro", zero_division=0) for p, y in zip(predictions, references, strict=True)]
    np.testing.assert_allclose(macro_f1(predictions, references, 4), expected)
    np.testing.assert_allclose(accuracy(predictions, references), (predictions == references).mean(1))


def test_unknown_queries_do_not_count():
    predictions, references = np.array([[0, 1, 1, 0]]), np.array([[0, 1, -1, -100]])
    assert accuracy(predictions, references).tolist() == [1.0]
    assert macro_f1(predictions, references, 2).tolist() == [1.0]


def test_balanced_accuracy_is_that_of_scikit_learn():
    references, predictions = list("aaaaaabb"), list("aaaaaaab")
    assert balanced_accuracy(predictions, references) == balanced_accuracy_score(references, predictions) == 0.75
