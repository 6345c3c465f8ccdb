import evaluate
import pytest

from fewtext.evaluation.metrics import EpisodicAccuracy
from fewtext.evaluation.statistics import mean_interval


def test_it_is_a_metric_of_evaluate_that_needs_no_network():
    metric = EpisodicAccuracy()
    assert isinstance(metric, evaluate.Metric)
    for predictions, references, number in (([0, 1], [0, 1], 1), ([1, 1], [0, 1], 2)):
        metric.add_batch(predictions=predictions, references=references, episodes=[number] * 2)
    assert metric.compute()["accuracy"] == 0.75


def test_accuracy_and_f1_by_episode():
    scores = EpisodicAccuracy().compute(
        predictions=[0, 1, 1, 1, 0, 0], references=[0, 1, 0, 1, 0, 1], episodes=[7, 7, 8, 8, 9, 9]
    )
    expected = mean_interval([1.0, 0.5, 0.5])
    assert scores["accuracy"] == pytest.approx(expected.mean)
    assert scores["accuracy_interval"] == pytest.approx(expected.half_width)
    assert scores["f1"] == pytest.approx((1 + 1 / 3 + 1 / 3) / 3)
