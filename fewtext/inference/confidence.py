"""Honest confidence: temperature and thresholds, fitted by leave-one-out on the support set alone."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import stdtr
from torch import Tensor

from fewtext.evaluation.statistics import expected_calibration_error
from fewtext.inference.held_out import HeldOut
from fewtext.inference.memory import Answers

RULES = ("membership", "confidence", "margin")

FEWEST = 4
"""Different examples below which the spread of their familiarity is next to unknown."""

REFUSED = 0.05
"""Share of texts that do belong which the automatic threshold may refuse."""


@dataclass(frozen=True)
class Confidence:
    """How sure an answer is, and when there is none.

    Attributes:
        temperature: Factor of the log-probabilities before their softmax.
        familiarity_mean: Mean familiarity of the examples that were left out.
        familiarity_spread: Its standard deviation.
        n: Number of different examples that both were fitted on; 0 says that nothing could be fitted.
        thresholds: For each rule the automatic threshold.
        multi_label_threshold: Probability from which a class is named, where texts have several.
        calibration_error_before: Expected calibration error on the left-out examples without the temperature.
        calibration_error: The same with it.
    """

    temperature: float = 1.0
    familiarity_mean: float = 0.0
    familiarity_spread: float = 1.0
    n: int = 0
    thresholds: tuple[float, float, float] = (0.0, 0.0, 0.0)
    multi_label_threshold: float = 0.5
    calibration_error_before: float | None = None
    calibration_error: float | None = None

    @classmethod
    def fit(cls, held_out: HeldOut | None, unknown: Answers | None = None, several: bool = False) -> Confidence:
        """Fit to what left-out examples got as answers, and to texts that belong to no class, if there are any.

        Without such texts the threshold of a rule is where it refuses one in twenty left-out examples; with
        them where it is right most often on both. With such texts alone it is where one in twenty of them would get
        an answer, and familiarity is the share of them that is less familiar. Where texts may have `several` labels,
        the probability from which a class is named is fitted too.
        """
        if held_out is None:
            return cls() if unknown is None or not len(unknown.familiarity) else cls._of_unknown(unknown)
        log_probs = held_out.log_probs.double().clamp_min(-50).flatten(0, 1)
        n = held_out.n
        labels = held_out.labels.repeat(len(held_out.log_probs), 1)
        targets = labels.double() / labels.sum(-1, keepdim=True)
        # n right answers in a row do not make the next one certain: smoothed as in Platt 1999, section 2.2.
        doubt = 1 / (n + 2)
        targets = (1 - doubt) * targets + doubt / targets.shape[1]
        temperature = _temperature(log_probs, targets)
        familiarity = held_out.familiarity.double().flatten().cpu().numpy()
        spread = float(familiarity.std(ddof=1)) if len(familiarity) > 1 else 1.0
        correct = held_out.correct.ravel()
        before = torch.softmax(log_probs, -1).amax(-1).cpu().numpy()
        probabilities = torch.softmax(temperature * log_probs, -1).cpu().numpy()
        fitted = cls(
            temperature=temperature,
            familiarity_mean=float(familiarity.mean()),
            familiarity_spread=max(spread, 1e-6),
            n=n,
            multi_label_threshold=_multi_label_threshold(probabilities, labels > 0) if several else 0.5,
            calibration_error_before=expected_calibration_error(before, correct),
            calibration_error=expected_calibration_error(probabilities.max(1), correct),
        )
        known = Answers(held_out.log_probs.flatten(0, 1), held_out.familiarity.flatten())
        return cls(**{**asdict(fitted), "thresholds": tuple(fitted._threshold(r, known, unknown) for r in RULES)})

    @classmethod
    def _of_unknown(cls, unknown: Answers) -> Confidence:
        familiarity = unknown.familiarity.double().cpu().numpy()
        spread = float(familiarity.std(ddof=1)) if len(familiarity) > 1 else 1.0
        known = cls(
            familiarity_mean=float(familiarity.mean()), familiarity_spread=max(spread, 1e-6), n=len(familiarity)
        )
        thresholds = tuple(float(np.quantile(known.scores(unknown, rule), 1 - REFUSED)) for rule in RULES)
        return cls(**{**asdict(known), "thresholds": thresholds})

    @property
    def is_unfitted(self) -> bool:
        """Whether there was nothing to fit to: no example that can be left out, and no text of no class."""
        return self.n == 0

    def probabilities(self, log_probs: Tensor) -> NDArray[np.float32]:
        """Return calibrated probabilities, `(..., n_way)` as the log-probabilities are."""
        return torch.softmax(self.temperature * log_probs.float(), -1).cpu().numpy()

    def scores(self, answers: Answers, rule: str) -> NDArray[np.float64]:
        """Return how much speaks for answering at all, `(n_query,)` between 0 and 1.

        `confidence` is the probability of the best class, `margin` its lead over the second. `membership` is
        the share of texts of the known classes that are expected to be less familiar (a p-value under
        Student's t distribution of the left-out examples); 1 where nothing could be fitted.
        """
        if rule == "membership":
            if not self.n:
                return np.ones(len(answers.familiarity))
            width = self.familiarity_spread * math.sqrt(1 + 1 / self.n)
            familiarity = answers.familiarity.double().cpu().numpy()
            return np.asarray(stdtr(max(self.n - 1, 1), (familiarity - self.familiarity_mean) / width))
        ranked = np.sort(self.probabilities(answers.log_probs.clamp_min(-50)), axis=1)[:, ::-1].astype(np.float64)
        return ranked[:, 0] if rule == "confidence" else ranked[:, 0] - ranked[:, 1]

    def threshold(self, rule: str, abstain: str | float) -> float:
        """Return the score below which a text gets no answer."""
        return self.thresholds[RULES.index(rule)] if abstain == "auto" else float(abstain)

    def _threshold(self, rule: str, known: Answers, unknown: Answers | None) -> float:
        inside = self.scores(known, rule)
        if unknown is None or not len(unknown.familiarity):
            return REFUSED if rule == "membership" else float(np.quantile(inside, REFUSED))
        outside = self.scores(unknown, rule)
        values = np.unique(np.r_[inside, outside])
        cuts = (values[1:] + values[:-1]) / 2
        if not len(cuts):
            return float(values[0])
        kept = 1 - np.searchsorted(np.sort(inside), cuts) / len(inside)
        caught = np.searchsorted(np.sort(outside), cuts) / len(outside)
        return float(cuts[np.argmax(kept + caught)])

    def to_json(self) -> dict[str, Any]:
        """Return the values as `confidence.json` holds them."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Confidence:
        """Return the confidence of saved values; raises `ValueError` for others."""
        if not isinstance(values, dict) or set(values) != set(cls.__dataclass_fields__):
            raise ValueError("confidence.json is not of this version of fewtext; fit the classifier again.")
        thresholds = values["thresholds"]
        numbers = [v for k, v in values.items() if k != "thresholds" and v is not None]
        right = isinstance(thresholds, list | tuple) and len(thresholds) == len(RULES)
        if not right or not all(isinstance(v, Real) for v in (*thresholds, *numbers)):
            raise ValueError("confidence.json is damaged: it holds something else than numbers.")
        return cls(**{**values, "thresholds": tuple(thresholds)})


def check_abstain(abstain: str | float | None, rule: str) -> None:
    """Raise `ValueError` for a threshold or rule that there is not."""
    if rule not in RULES:
        raise ValueError(f"abstain_by is {rule!r}; it is one of {', '.join(RULES)}.")
    if abstain is None or abstain == "auto":
        return
    number = isinstance(abstain, Real) and not isinstance(abstain, bool)
    if not number or not 0 <= float(abstain) <= 1:
        raise ValueError(f"abstain is {abstain!r}; it is None, 'auto' or a threshold between 0 and 1.")


def _temperature(log_probs: Tensor, targets: Tensor) -> float:
    """Minimize the negative log-likelihood over the temperature (Guo et al. 2017, section 4.2)."""

    def loss(log_temperature: float) -> float:
        return -float((targets * torch.log_softmax(math.exp(log_temperature) * log_probs, -1)).sum(-1).mean())

    found = minimize_scalar(loss, bounds=(math.log(0.05), math.log(20.0)), method="bounded", options={"xatol": 1e-4})
    return float(math.exp(found.x))


def _multi_label_threshold(probabilities: NDArray[np.floating], of_class: Tensor) -> float:
    """Return the probability from which naming a class gives the best micro-averaged F1."""
    truth = of_class.cpu().numpy()
    order = np.argsort(-probabilities, axis=None)
    hits = np.cumsum(truth.ravel()[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + truth.sum())
    return float(probabilities.ravel()[order[int(f1.argmax())]])
