"""FewShotClassifier: a support set and a text in, an answer out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from fewtext.data.columns import check_texts
from fewtext.inference.confidence import Confidence, check_abstain
from fewtext.inference.editing import Editing
from fewtext.inference.explanation import Explanation, explained
from fewtext.inference.memory import Answers
from fewtext.inference.state import State, embedded, warn_repeated
from fewtext.inference.storage import load_classifier, save_classifier
from fewtext.inference.support import SupportSet
from fewtext.models.loading import load_network
from fewtext.models.modeling import MatchingNetwork

Prediction = dict[str, Any]

ADAPTATIONS = (None, "memory")


class FewShotClassifier(Editing, ClassifierMixin, BaseEstimator):
    """Classify text from a handful of labelled examples; an estimator of scikit-learn.

    Args:
        model: The Matching Network, or a name as in `from_pretrained`; None is the default encoder.
        label_names: Whether class names count as examples; `auto` where nine in ten of them are words.
        adaptation: What `fit` does beyond embedding: None, or `memory` (see `adapt`).
        abstain: When to answer None: `auto`, or a threshold between 0 and 1 for `abstain_by`; None always answers.
        abstain_by: `membership` (does the text resemble the examples at all), `confidence` (probability of the
            best class) or `margin` (its lead over the second).

    >>> clf = FewShotClassifier.from_pretrained()
    >>> texts = ["where is my parcel", "it has not arrived", "i want my money back", "how do i return this"]
    >>> _ = clf.fit(texts, ["tracking", "tracking", "refund", "refund"])
    >>> clf("has it been shipped?")[0]["label"]
    'tracking'
    """

    def __init__(
        self,
        model: MatchingNetwork | str | Path | None = None,
        *,
        label_names: bool | str = "auto",
        adaptation: str | None = None,
        abstain: str | float | None = None,
        abstain_by: str = "membership",
    ) -> None:
        self.model = model
        self.label_names = label_names
        self.adaptation = adaptation
        self.abstain = abstain
        self.abstain_by = abstain_by

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path | None = None,
        *,
        revision: str | None = None,
        token: str | None = None,
        device: str | torch.device | None = None,
        label_names: bool | str | None = None,
        abstain: str | float | None = None,
        **settings: Any,
    ) -> FewShotClassifier:
        """Load a classifier, a fewtext model or any encoder.

        Args:
            name: A folder or Hub id of a saved classifier, a fewtext model, or an encoder; by default
                all-MiniLM-L6-v2, from the Hub or the offline package.
            revision: Branch, tag or commit on the Hub.
            token: Access token of the Hub.
            device: Where to put the model; by default a GPU if there is one.
            label_names: As in `FewShotClassifier`; by default as saved, else `auto`.
            abstain: As in `FewShotClassifier`; by default as saved, else None.
            **settings: Fields of `MatchingNetworkConfig`, for an encoder.

        Raises:
            ValueError: a folder that is not a whole model; the message says what is wrong.
            OSError: nothing of that name can be found.
        """
        model, folder = load_network(name, revision=revision, token=token, **settings)
        if model.tokenizer is None:
            raise ValueError(f"{name} lacks its tokenizer (tokenizer.json), so it cannot read texts.")
        model.to(torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu")))  # type: ignore[arg-type]
        state, parameters = load_classifier(folder, model) if folder is not None else (None, {})
        classifier = cls(model, **parameters)
        if label_names is not None and label_names != classifier.label_names:
            classifier.label_names = label_names
            if state is not None:
                support = embedded(model, state.support, label_names, known=state.support)
                state = State.of(model, support, label_names)
                state = state.adapted() if classifier.adaptation else state
        if abstain is not None:
            classifier.abstain = abstain
        if state is not None:
            classifier._state = state
        return classifier

    @property
    def network(self) -> MatchingNetwork:
        """The Matching Network; a model given by name is loaded when it is first needed."""
        if isinstance(self.model, MatchingNetwork):
            return self.model.eval()
        if getattr(self, "_loaded", None) is None:
            self._loaded, _ = load_network(self.model)
        return self._loaded

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, sorted: the columns of `predict_proba`."""
        classes = self._ready().support.classes
        array = np.empty(len(classes), dtype=object)
        array[:] = classes
        kinds = {type(label) for label in classes}
        return np.array(classes) if kinds in ({str}, {int}, {float}, {bool}) else array

    @property
    def confidence(self) -> Confidence:
        """Temperature and thresholds, fitted by leave-one-out over the support set."""
        return self._ready().confidence

    def fit(self, texts: Any, labels: Any = None, *, unknown: Iterable[str] | None = None) -> FewShotClassifier:
        """Use these examples as the support set, and no others; the cost is one encoder pass over them.

        Args:
            texts: The examples; or a `SupportSet`, which may have classes known by name or description alone.
            labels: The label of each text: one, a list (several), or a dictionary (a distribution); or an
                indicator matrix.
            unknown: Texts that belong to no class, where there are any: the thresholds then learn from them.

        Raises:
            TypeError: a text that is not a string, a label that cannot be hashed or ordered, with its row.
            ValueError: no examples, an empty text, different numbers of texts and labels, or one class.
        """
        self._check_parameters()
        support = texts if isinstance(texts, SupportSet) else SupportSet.create(texts, labels)
        if not support.classes:
            raise ValueError("no examples were given; a classifier needs at least one text of each of two classes.")
        if len(support.classes) < 2:
            raise ValueError(
                f"all examples are of the class {support.classes[0]!r}; a classifier needs at least two classes."
            )
        outside = check_texts(unknown, "unknown") if unknown is not None else None
        warn_repeated(support)
        self._remember(support, outside)
        return self

    def partial_fit(self, texts: Iterable[str], labels: Any, classes: Any = None) -> FewShotClassifier:
        """Add examples, as `add`; `classes` is there for scikit-learn and not needed."""
        return self.add(texts, labels)

    def predict_proba(self, texts: Iterable[str]) -> NDArray[np.float32]:
        """Return the calibrated probability of each class, `(n_texts, n_classes)`, columns as in `classes_`."""
        return self.confidence.probabilities(self._answer(texts).log_probs)

    def decision_function(self, texts: Iterable[str]) -> NDArray[np.float32]:
        """Return log-probabilities `(n_texts, n_classes)`; of two classes the log-odds of the second, `(n_texts,)`."""
        scores = np.log(np.maximum(self.predict_proba(texts), np.finfo(np.float32).tiny))
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
        answers = self._answer(texts)
        probabilities = state.confidence.probabilities(answers.log_probs)
        refused = self._refused(answers, abstain)
        if state.support.several:
            named = probabilities >= state.confidence.multi_label_threshold
            named |= probabilities == probabilities.max(1, keepdims=True, initial=0)
            return (named & ~refused[:, None]).astype(np.int64)
        predicted = self.classes_[probabilities.argmax(1)] if len(probabilities) else self.classes_[:0]
        if refused.any():
            predicted = predicted.astype(object)
            predicted[refused] = None
        return predicted

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
        answers = self._answer(texts)
        state = self._ready()
        classes = state.support.classes
        refused, against = self._refused(answers, abstain), 1 - state.confidence.scores(answers, self.abstain_by)
        ranked = []
        for i, row in enumerate(state.confidence.probabilities(answers.log_probs)):
            none = [{"label": None, "score": float(against[i])}] if refused[i] else []
            best = [{"label": classes[j], "score": float(row[j])} for j in np.argsort(-row, kind="stable")[:top_k]]
            ranked.append([*none, *best][:top_k])
        return ranked

    def explain(self, text: str) -> Explanation:
        """Return the answer to a text and the examples behind it, whose attention adds up to its score."""
        state = self._ready()
        return explained(text, self.network.embed(check_texts([text])), state)

    def save_pretrained(self, folder: str | Path, *, include_texts: bool = True) -> None:
        """Save model, tokenizer and support set in a folder, whole or not at all.

        Where the folder holds these very weights already, the support files alone are written.

        Args:
            folder: The folder; a new one, or one of an earlier save.
            include_texts: Without them only the embeddings of the examples are saved.

        Raises:
            FileExistsError: the folder holds something that is not a fewtext model.
            TypeError: labels that JSON cannot hold.
        """
        save_classifier(folder, self.network, getattr(self, "_state", None), self._parameters(), include_texts)

    def _answer(self, texts: Iterable[str]) -> Answers:
        state = self._ready()
        return state.memory.answer(self.network.embed(check_texts(texts)))

    def _refused(self, answers: Answers, abstain: str | float | None) -> NDArray[np.bool_]:
        """Which texts get no answer, `(n_texts,)`."""
        abstain = self.abstain if abstain is None else abstain
        check_abstain(abstain, self.abstain_by)
        if abstain is None:
            return np.zeros(len(answers.familiarity), dtype=bool)
        confidence = self.confidence
        return confidence.scores(answers, self.abstain_by) < confidence.threshold(self.abstain_by, abstain)

    def _check_parameters(self) -> None:
        if self.label_names not in (True, False, "auto"):
            raise ValueError(f"label_names is {self.label_names!r}; it is True, False or 'auto'.")
        if self.adaptation not in ADAPTATIONS:
            raise ValueError(f"adaptation is {self.adaptation!r}; it is None or 'memory'.")
        check_abstain(self.abstain, self.abstain_by)

    def _parameters(self) -> dict[str, Any]:
        """The parameters that are saved: all but the model."""
        return {key: value for key, value in self.get_params(deep=False).items() if key != "model"}

    def __sklearn_clone__(self) -> FewShotClassifier:
        """A new classifier with the same parameters; it shares the model, which nothing changes."""
        return type(self)(**self.get_params(deep=False))

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """The classifier in a line; its network would fill pages."""
        support = self.support
        known = "no examples" if support is None else f"{len(support)} examples of {len(support.classes)} classes"
        name = self.model.config.base_encoder if isinstance(self.model, MatchingNetwork) else self.model
        return f"FewShotClassifier({name or 'default encoder'}, {known})"

    def __sklearn_is_fitted__(self) -> bool:
        return self.support is not None
