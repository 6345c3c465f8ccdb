"""Episodic accuracy as a metric of Hugging Face `evaluate`; built here, so it needs no network."""

from __future__ import annotations

from collections.abc import Sequence

import datasets
import evaluate
import numpy as np

from fewtext.evaluation.statistics import accuracy, macro_f1, mean_interval


class EpisodicAccuracy(evaluate.Metric):
    """Mean accuracy and macro-F1 over episodes, each with its 95 % interval.

    >>> metric = EpisodicAccuracy()
    >>> scores = metric.compute(predictions=[0, 1, 0, 0], references=[0, 1, 0, 1], episodes=[0, 0, 1, 1])
    >>> scores["accuracy"]
    0.75
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Accuracy and macro-F1 by episode, with 95 % intervals over the episodes.",
            citation="@article{vinyals2016matching, title={Matching Networks for One Shot Learning}, year={2016}}",
            inputs_description=(
                "predictions, references: class of each query within its episode; episodes: number of its episode."
            ),
            features=datasets.Features(
                {name: datasets.Value("int64") for name in ("predictions", "references", "episodes")}
            ),
        )

    def _compute(
        self, predictions: Sequence[int], references: Sequence[int], episodes: Sequence[int]
    ) -> dict[str, float]:
        numbers = np.asarray(episodes)
        predicted, true = np.asarray(predictions), np.asarray(references)
        n_way = int(max(predicted.max(), true.max())) + 1
        groups = [numbers == number for number in np.unique(numbers)]
        means = {
            "accuracy": mean_interval([accuracy(predicted[None, g], true[None, g])[0] for g in groups]),
            "f1": mean_interval([macro_f1(predicted[None, g], true[None, g], n_way)[0] for g in groups]),
        }
        return {
            key: value
            for name, estimate in means.items()
            for key, value in ((name, estimate.mean), (f"{name}_interval", estimate.half_width))
        }
