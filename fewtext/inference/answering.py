"""Answers of a fitted classifier: classes, probabilities, None where nothing fits, and the evidence."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterable
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from fewtext.data.columns import check_texts
from fewtext.evaluation.statistics import Estimate
from fewtext.inference.confidence import FEWEST, Confidence, check_abstain
from fewtext.inference.editing import Editing
from fewtext.inference.explanation import Explanation, explained
from fewtext.inference.labels import label_shares
from fewtext.inference.large import precision_of
from fewtext.inference.large_memory import LargeMemory
from fewtext.inference.memory import Answers, Memory
from fewtext.models.layers import weights_sample

Prediction = dict[str, Any]

READING = (
    *("pooling", "projection", "lower_layer", "lower_share", "normalize", "lower_case", "max_length"),
    *("query_prompt", "support_prompt", "context", "context_steps", "kernel", "class_vote", "name_weight"),
)
"""What of a model's settings its answers depend on, beside its weights."""


class Answering(Editing):
    """The part of `FewShotClassifier` that answers."""

    abstain: str | float | None
    abstain_by: str

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, sorted: the columns of `predict_proba`; read-only."""
        return self._support().class_array

    @property
    def fingerprint(self) -> str:
        """What the answers depend on, as 16 hexadecimal digits: examples, names, model, adaptation, abstaining."""
        state = self._ready()
        support, confidence = state.support, state.confidence
        names = [[str(label), support.names[label], support.descriptions.get(label)] for label in support.classes]
        abstaining = [self.abstain, self.abstain_by, *(round(threshold, 2) for threshold in confidence.thresholds)]
        fitted: list[Any] = [state.named, state.is_adapted, confidence.n, round(confidence.temperature, 2)]
        if state.is_adapted:
            fitted += [state.spelling is not None, *(round(share, 2) for share in state.shares)]
        if state.searched is not None:
            fitted += [precision_of(state.searched.vectors), state.searched.index is not None]
        reading = [getattr(state.model.config, name) for name in READING]
        told = [list(support.ids), names, abstaining, fitted, reading]
        weights = [] if state.weights is None else state.weights.tolist()
        matching = weights_sample(state.model.matcher).tolist()
        return hashlib.sha256(json.dumps([told, weights, matching]).encode()).hexdigest()[:16]

    @property
    def memory(self) -> Memory | LargeMemory:
        """What texts are compared with, as tensors: it answers queries that are embedded already.

        After `adapt` spelling counts too, of which embeddings know nothing: the answers to texts differ a little.
        """
        return self._ready().memory

    @property
    def confidence(self) -> Confidence:
        """Temperature and thresholds, fitted by leave-one-out over the support set."""
        return self._ready().confidence

    @property
    def expected_accuracy(self) -> Estimate | None:
        """Accuracy on texts like the examples, as a share of 1 with its 95 % interval, by leave-one-out.

        None where no example can be left out. After `adapt("encoder")` that of keys and vote on the encoder as it was
        before: of an encoder that has learned the examples they cannot tell.
        """
        held_out = self._ready().held_out
        return None if held_out is None else held_out.accuracy

    def predict_proba(self, texts: Iterable[str]) -> NDArray[np.float32]:
        """Return the calibrated probability of each class, `(n_texts, n_classes)`, columns as in `classes_`."""
        return self.confidence.probabilities(self._answer(texts).log_probs)

    def predict_log_proba(self, texts: Iterable[str]) -> NDArray[np.float32]:
        """Return the logarithm of `predict_proba`, as scikit-learn's classifiers; of 0 that of the smallest number."""
        return np.log(np.maximum(self.predict_proba(texts), np.finfo(np.float32).tiny))

    def decision_function(self, texts: Iterable[str]) -> NDArray[np.float32]:
        """Return log-probabilities `(n_texts, n_classes)`; of two classes the log-odds of the second, `(n_texts,)`."""
        scores = self.predict_log_proba(texts)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict(self, texts: Iterable[str], abstain: str | float | None = None) -> NDArray[Any]:
        """Return the class of each text: that of the highest probability, or None where the text fits nothing.

        Where texts have several labels, an indicator matrix `(n_texts, n_classes)` of the classes whose
        probability reaches the fitted threshold, and at least of the best.

        Args:
            texts: The texts.
            abstain: As in `FewShotClassifier`, which gives the default.
        """
        state = self._ready()
        self._check_abstain(abstain)
        answers = self._answer(texts)
        refused = self._refused(answers, abstain)
        if state.support.several:
            probabilities = state.confidence.probabilities(answers.log_probs)
            named = probabilities >= state.confidence.multi_label_threshold
            named |= probabilities == probabilities.max(1, keepdims=True, initial=0)
            return (named & ~refused[:, None]).astype(np.int64)
        # The temperature does not change which class is best, so nothing needs to be fitted for it.
        predicted = self.classes_[answers.log_probs.argmax(1).cpu().numpy()]
        if refused.any():
            predicted = predicted.astype(object)
            predicted[refused] = None
        return predicted

    def score(self, texts: Iterable[str], labels: Any, sample_weight: Any = None) -> float:
        """Return the accuracy; where texts have several labels, the share of texts with exactly the right ones.

        Args:
            texts: The texts.
            labels: What is right, in a form that `fit` takes; a row of an indicator matrix may be empty here.
            sample_weight: Weight of each text, `(n_texts,)`.
        """
        checked = check_texts(texts)
        several = self._ready().support.several
        if several and getattr(labels, "ndim", 1) == 2:
            right = labels.toarray() if hasattr(labels, "toarray") else np.asarray(labels)
            expected = (len(checked), len(self.classes_))
            if right.shape != expected:
                raise ValueError(f"labels has the shape {right.shape}; {expected} was expected.")
            return float(np.average((self.predict(checked) == right).all(1), weights=sample_weight))
        shares, _ = label_shares(labels, len(checked))
        predicted = self.predict(checked)
        if several:
            classes = self.classes_
            found = [set(classes[row > 0]) == set(own) for row, own in zip(predicted, shares, strict=True)]
        else:
            found = [label is not None and label in own for label, own in zip(predicted, shares, strict=True)]
        return float(np.average(found, weights=sample_weight))

    def __call__(
        self, texts: str | Iterable[str], top_k: int | None = 1, abstain: str | float | None = None
    ) -> list[Prediction] | list[list[Prediction]]:
        """Classify one text or several, in the form of transformers' text-classification pipeline.

        Args:
            texts: One text, or several.
            top_k: How many classes to name; None names all.
            abstain: As in `predict`.

        Returns:
            For one text `[{"label", "score"}, ...]`, best first. For several one dictionary each where
            `top_k` is 1, else one such list each.
        """
        if isinstance(texts, str):
            return self.top_classes([texts], top_k, abstain)[0]
        ranked = self.top_classes(texts, top_k, abstain)
        return [row[0] for row in ranked] if top_k == 1 else ranked

    def top_classes(
        self, texts: Iterable[str], top_k: int | None = None, abstain: str | float | None = None
    ) -> list[list[Prediction]]:
        """Return the `top_k` classes of each text with their scores, best first; None returns all.

        A text that fits nothing gets the label None first, its score being what speaks against answering.
        """
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k is {top_k}; it must be at least 1, or None for all classes.")
        self._check_abstain(abstain)
        answers = self._answer(texts)
        state = self._ready()
        classes = state.support.classes
        refused = self._refused(answers, abstain)
        against = 1 - state.confidence.scores(answers, self.abstain_by) if refused.any() else refused
        ranked = []
        for i, row in enumerate(state.confidence.probabilities(answers.log_probs)):
            none = [{"label": None, "score": float(against[i])}] if refused[i] else []
            best = [{"label": classes[j], "score": float(row[j])} for j in np.argsort(-row, kind="stable")[:top_k]]
            ranked.append([*none, *best][:top_k])
        return ranked

    def familiarity(self, texts: Iterable[str]) -> NDArray[np.float64]:
        """Return how much each text resembles the support set at all, `(n_texts,)` between 0 and 1.

        It is the share of texts of the known classes that are expected to be less familiar; texts of no class
        are near 0. `abstain="auto"` with `abstain_by="membership"` refuses below 0.05, or below what `unknown`
        texts taught.
        """
        return self.confidence.scores(self._answer(texts), "membership")

    @overload
    def explain(self, texts: str, top_k: int | None = None) -> Explanation: ...  # type: ignore[overload-overlap]

    @overload
    def explain(self, texts: Iterable[str], top_k: int | None = None) -> list[Explanation]: ...

    def explain(self, texts: str | Iterable[str], top_k: int | None = None) -> Explanation | list[Explanation]:
        """Return the answer to a text, or to each of several, and the examples behind it.

        The attention of the examples of a class adds up to the score of that class; one of several labels adds to each
        of them, so there the sums are larger.

        Args:
            texts: One text, or several.
            top_k: How many examples to name; None names all.
        """
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k is {top_k}; it must be at least 1, or None for all examples.")
        state = self._ready()
        checked = check_texts([texts] if isinstance(texts, str) else texts)
        explanations = explained(checked, self._embed(checked), state, top_k)
        return explanations[0] if isinstance(texts, str) else explanations

    def _answer(self, texts: Iterable[str]) -> Answers:
        state = self._ready()
        checked = check_texts(texts)
        return state.answer(checked, self._embed(checked))

    def _check_abstain(self, abstain: str | float | None) -> None:
        check_abstain(self.abstain if abstain is None else abstain, self.abstain_by)

    def _refused(self, answers: Answers, abstain: str | float | None) -> NDArray[np.bool_]:
        """Which texts get no answer, `(n_texts,)`."""
        abstain = self.abstain if abstain is None else abstain
        if abstain is None:
            return np.zeros(len(answers.familiarity), dtype=bool)
        confidence = self.confidence
        if confidence.is_unfitted and (abstain == "auto" or self.abstain_by == "membership"):
            warnings.warn(
                "no example can be left out here, so nothing tells which texts fit no class, and none is refused: "
                "give two examples a class, or fit(..., unknown=texts).",
                stacklevel=3,
            )
        elif confidence.n < FEWEST and abstain == "auto" and not self._ready().support.unknown:
            warnings.warn(
                f"only {confidence.n} different examples tell which texts fit no class, so few or none are refused: "
                "give more examples, or fit(..., unknown=texts).",
                stacklevel=3,
            )
        return confidence.scores(answers, self.abstain_by) < confidence.threshold(self.abstain_by, abstain)
