"""FewShotClassifier: a support set and a text in, an answer out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fewtext.data.columns import check_texts
from fewtext.folders import replaced_folder
from fewtext.inference.explanation import Evidence, Explanation
from fewtext.inference.support import TEXTS_FILE, VECTORS_FILE, SupportSet, check_examples, names_as_text, use_names
from fewtext.models.loading import load_network
from fewtext.models.modeling import MatchingNetwork

QUERIES = 1024
"""Queries matched at once."""

Prediction = dict[str, Any]


@dataclass(frozen=True)
class _Memory:
    """The support set as tensors, in context: what every query is matched with."""

    examples: Tensor
    labels: Tensor
    weights: Tensor
    in_context: Tensor
    named: bool


class FewShotClassifier:
    """Classify text from a handful of labelled examples.

    Args:
        model: The Matching Network, with its tokenizer.
        label_names: Whether class names count as examples; `auto` where all of them are words.

    >>> clf = FewShotClassifier.from_pretrained()
    >>> texts = ["where is my parcel", "it has not arrived", "i want my money back", "how do i return this"]
    >>> _ = clf.fit(texts, ["tracking", "tracking", "refund", "refund"])
    >>> clf("has it been shipped?")[0]["label"]
    'tracking'
    """

    def __init__(self, model: MatchingNetwork, *, label_names: bool | str = "auto") -> None:
        if label_names not in (True, False, "auto"):
            raise ValueError(f"label_names is {label_names!r}; it is True, False or 'auto'.")
        self.model = model.eval()
        self.label_names = label_names
        self.support: SupportSet | None = None
        self._memory: _Memory | None = None

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path | None = None,
        *,
        revision: str | None = None,
        token: str | None = None,
        label_names: bool | str | None = None,
        device: str | torch.device | None = None,
        **settings: Any,
    ) -> FewShotClassifier:
        """Load a classifier, a fewtext model or any encoder.

        Args:
            name: A folder or Hub id of a saved classifier, a fewtext model, or an encoder; by default
                all-MiniLM-L6-v2, from the Hub or the offline package.
            revision: Branch, tag or commit on the Hub.
            token: Access token of the Hub.
            label_names: As in `FewShotClassifier`; by default as saved, else `auto`.
            device: Where to put the model; by default a GPU if there is one.
            **settings: Fields of `MatchingNetworkConfig`, for an encoder.

        Raises:
            ValueError: a folder that is not a whole model; the message says what is wrong.
            OSError: nothing of that name can be found.
        """
        model, folder = load_network(name, revision=revision, token=token, **settings)
        support: SupportSet | None = None
        saved: dict[str, str] = {}
        if folder is not None and ((folder / VECTORS_FILE).is_file() or (folder / TEXTS_FILE).is_file()):
            support, saved = SupportSet.load(folder, model.config.embedding_size)
        if label_names is None:
            label_names = {"True": True, "False": False}.get(saved.get("label_names", ""), "auto")
        if model.tokenizer is None:
            raise ValueError(f"{name} lacks its tokenizer (tokenizer.json), so it cannot read texts.")
        model.to(torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu")))  # type: ignore[arg-type]
        classifier = cls(model, label_names=label_names)
        if support is not None:
            classifier._remember(support)
        return classifier

    @property
    def classes_(self) -> list[str]:
        """The class names, sorted: the columns of `predict_proba`."""
        return list(self._support().classes)

    def fit(self, texts: Iterable[str], labels: Iterable[Any]) -> FewShotClassifier:
        """Use these examples as the support set, and no others; the cost is one encoder pass over them.

        Args:
            texts: The examples.
            labels: The class of each.

        Raises:
            TypeError: a text that is not a string, a label that is neither a name nor a whole number.
            ValueError: no examples, an empty text, different numbers of texts and labels, or one class.
        """
        checked, names = check_examples(texts, labels)
        if len(set(names)) < 2:
            raise ValueError(f"all examples are of the class {names[0]!r}; a classifier needs at least two classes.")
        self._remember(SupportSet.create(checked, names, *self._embed_examples(checked, names, known=())))
        return self

    def add(self, texts: Iterable[str], labels: Any) -> FewShotClassifier:
        """Add examples, of new or known classes; only they are encoded.

        Args:
            texts: The examples.
            labels: The class of each, or one class name for all of them.

        Raises:
            TypeError, ValueError: as `fit`; the classifier is then as it was.
        """
        checked, names = check_examples(texts, labels)
        known = self.support.classes if self.support is not None else ()
        vectors, name_vectors = self._embed_examples(checked, names, known)
        if self.support is None:
            self._remember(SupportSet.create(checked, names, vectors, name_vectors))
        else:
            self._remember(self.support.add(checked, names, vectors, name_vectors))
        return self

    def remove(self, label: str) -> FewShotClassifier:
        """Remove a class with its examples; raises `KeyError` if there is no such class."""
        self._remember(self._support().remove(str(label)))
        return self

    def predict_proba(self, texts: Iterable[str]) -> NDArray[np.float32]:
        """Return the probability of each class, `(n_texts, n_classes)`, columns as in `classes_`."""
        memory = self._ready()
        checked = check_texts(texts)
        if not checked:
            return np.zeros((0, len(self.classes_)), dtype=np.float32)
        queries = self.model.embed(checked)
        return np.concatenate(
            [self._match(queries[start : start + QUERIES], memory) for start in range(0, len(checked), QUERIES)]
        )

    def predict(self, texts: Iterable[str]) -> list[str]:
        """Return the class of each text: that of the highest probability."""
        classes = self.classes_
        return [classes[i] for i in self.predict_proba(texts).argmax(1)]

    def __call__(self, texts: str | Iterable[str], top_k: int | None = 1) -> list[Prediction] | list[list[Prediction]]:
        """Classify one text or several, in the form of transformers' text-classification pipeline.

        Args:
            texts: One text, or several.
            top_k: How many classes to name; None names all.

        Returns:
            For one text `[{"label", "score"}, ...]`, best first. For several one dictionary each where
            `top_k` is 1, else one such list each.
        """
        if isinstance(texts, str):
            return self.top_classes([texts], top_k)[0]
        ranked = self.top_classes(texts, top_k)
        return [row[0] for row in ranked] if top_k == 1 else ranked

    def top_classes(self, texts: Iterable[str], top_k: int | None = None) -> list[list[Prediction]]:
        """Return the `top_k` classes of each text with their scores, best first; None returns all."""
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k is {top_k}; it must be at least 1, or None for all classes.")
        probabilities = self.predict_proba(texts)
        classes = self.classes_
        return [
            [{"label": classes[i], "score": float(row[i])} for i in np.argsort(-row, kind="stable")[:top_k]]
            for row in probabilities
        ]

    @torch.inference_mode()
    def explain(self, text: str) -> Explanation:
        """Return the answer to a text and the examples behind it, whose attention adds up to its score."""
        memory, support = self._ready(), self._support()
        query = self.model.embed(check_texts([text]))
        log_probs, attention = self.model.matcher.attend(query, memory.examples, memory.labels, memory.weights)
        best = int(log_probs[0].argmax())
        names = names_as_text(support.classes) if memory.named else []
        labels = [*support.labels, *support.classes[: len(names)]]
        shares = attention[0].tolist()
        evidence = [
            Evidence(example, label, share, is_name=i >= len(support))
            for i, (example, label, share) in enumerate(zip([*support.texts, *names], labels, shares, strict=True))
        ]
        evidence.sort(key=lambda item: -item.attention)
        return Explanation(text, support.classes[best], float(log_probs[0, best].exp()), tuple(evidence))

    def save_pretrained(self, folder: str | Path) -> None:
        """Save model, tokenizer and support set in a folder, whole or not at all.

        Raises `FileExistsError` if the folder holds something that is not a fewtext model.
        """
        with replaced_folder(folder) as new:
            self.model.save_pretrained(new)
            if self.support is not None and len(self.support):
                self.support.save(new, {"label_names": str(self.label_names)})

    def _embed_examples(
        self, texts: Sequence[str], labels: Sequence[str], known: Sequence[str]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Embed the examples, and the names of the classes that are new, in one pass."""
        new = sorted(set(labels) - set(known))
        vectors = self.model.embed([*texts, *names_as_text(new)], support=True)
        return vectors[: len(texts)], dict(zip(new, vectors[len(texts) :], strict=True))

    @torch.inference_mode()
    def _remember(self, support: SupportSet) -> None:
        memory = None
        if len(support):
            named = use_names(self.label_names, support.classes)
            examples, labels, weights = (
                tensor.to(self.model.device) for tensor in support.tensors(named, self.model.config.name_weight)
            )
            memory = _Memory(examples, labels, weights, self.model.matcher.contextualize(examples, weights), named)
        self.support, self._memory = support, memory

    @torch.inference_mode()
    def _match(self, queries: Tensor, memory: _Memory) -> NDArray[np.float32]:
        log_probs = self.model.matcher(queries, memory.examples, memory.labels, memory.weights, memory.in_context)
        return log_probs.exp().float().cpu().numpy()

    def _support(self) -> SupportSet:
        if self.support is None or not len(self.support):
            raise ValueError("the classifier has no examples yet; call fit(texts, labels) first.")
        return self.support

    def _ready(self) -> _Memory:
        classes = self._support().classes
        if len(classes) < 2 or self._memory is None:
            raise ValueError(f"the classifier knows only the class {classes[0]!r}; add examples of another one.")
        return self._memory
