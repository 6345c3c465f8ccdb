"""FewShotClassifier: a support set and a text in, an answer out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from fewtext.data.columns import check_texts
from fewtext.inference.adaptation import EncoderAdaptation
from fewtext.inference.adapting import Adapting
from fewtext.inference.answering import Answering
from fewtext.inference.cache import CACHED_TEXTS, VectorCache
from fewtext.inference.confidence import check_abstain
from fewtext.inference.estimator import Estimator
from fewtext.inference.large import LARGE, too_large
from fewtext.inference.publishing import Publishing
from fewtext.inference.repeats import warn_alike_names, warn_repeated
from fewtext.inference.similarity import Similarity
from fewtext.inference.state import State
from fewtext.inference.storage import load_classifier, save_classifier
from fewtext.inference.support import SupportSet
from fewtext.models.configuration import check_settings
from fewtext.models.devices import default_device
from fewtext.models.loading import load_network
from fewtext.models.modeling import MatchingNetwork
from fewtext.models.onnx import OnnxNetwork
from fewtext.models.packaged import DEFAULT_MODEL
from fewtext.sharing.export import check_export, write_onnx

ADAPTATIONS = (None, "memory", "encoder")


class FewShotClassifier(Answering, Adapting, Similarity, Publishing, Estimator):
    """Classify text from a handful of labelled examples; an estimator of scikit-learn.

    Several threads may ask one classifier at once. Changes (`fit`, `add`, `adapt`, ...) are for one thread at a time.

    Args:
        model: The Matching Network, or a name as in `from_pretrained`; None is `fewtext/minilm`.
        label_names: Whether class names count as examples; `auto` where nine in ten of them are words.
        adaptation: What `fit` does beyond embedding: None, `memory` or `encoder` (see `adapt`).
        abstain: When to answer None: `auto`, or a threshold between 0 and 1 for `abstain_by`; None always answers.
        abstain_by: `membership` (does the text resemble the examples at all), `confidence` (probability of the
            best class) or `margin` (its lead over the second).
        cache_size: Texts whose embeddings are kept after they were asked, so that they are not encoded again.
        large_size: Examples, of one class each, from which a support set is large: kept in columns, compared with the
            cosine kernel by centering alone, without full context. It cannot be adapted or diagnosed.
        search: How the examples of a large support set are compared with: `exact` (all, in blocks), `index` (the
            nearest, found by FAISS; the others by the mean of their class), or `auto`: `index` where the extra `faiss`
            is installed.
        precision: In which the embeddings of a large support set are kept: `float32`, `float16` or `int8`.

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
        cache_size: int = CACHED_TEXTS,
        large_size: int = LARGE,
        search: str = "auto",
        precision: str = "float16",
    ) -> None:
        self.model = model
        self.label_names = label_names
        self.adaptation = adaptation
        self.abstain = abstain
        self.abstain_by = abstain_by
        self.cache_size = cache_size
        self.large_size = large_size
        self.search = search
        self.precision = precision

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path | None = None,
        *,
        revision: str | None = None,
        token: str | None = None,
        device: str | torch.device | None = None,
        backend: str = "torch",
        label_names: bool | str | None = None,
        abstain: str | float | None = None,
        abstain_by: str | None = None,
        **settings: Any,
    ) -> FewShotClassifier:
        """Load a classifier, a fewtext model or any encoder.

        Args:
            name: A folder or Hub id of a saved classifier, a fewtext model, or an encoder; or a model of the package.
                By default `fewtext/minilm`: all-MiniLM-L6-v2, from the Hub or the offline package, with an adapter
                that was meta-trained on intents and sentiment.
            revision: Branch, tag or commit on the Hub.
            token: Access token of the Hub.
            device: Where to put the model; by default a GPU if there is one, with `onnx` the CPU.
            backend: What runs the encoder: `torch`, or `onnx` (onnxruntime, on the CPU) for a folder that `export`
                wrote. An ONNX encoder cannot be trained; all else is as with `torch`.
            label_names: As in `FewShotClassifier`; by default as saved, else `auto`.
            abstain: As in `FewShotClassifier`; by default as saved, else None.
            abstain_by: As in `FewShotClassifier`; by default as saved, else `membership`.
            **settings: Fields of `MatchingNetworkConfig`, for an encoder; without a name for all-MiniLM-L6-v2.

        Raises:
            ValueError: a folder that is not a whole model, or lacks the files of the backend; the message says what
                is wrong.
            OSError: nothing of that name can be found.
            ImportError: `backend="onnx"` without onnxruntime.
            TypeError: a setting that there is not, or settings for a model that has its own.
        """
        if own := sorted(settings.keys() & cls().get_params().keys()):
            raise TypeError(
                f"{own[0]} is a setting of the classifier: FewShotClassifier({own[0]}=...), or "
                f"clf.set_params({own[0]}=...) before fit."
            )
        check_settings(settings, ("revision", "token", "device", "backend", "label_names", "abstain", "abstain_by"))
        model, folder = load_network(name, revision=revision, token=token, backend=backend, **settings)
        if model.tokenizer is None:
            raise ValueError(f"{name} lacks its tokenizer (tokenizer.json), so it cannot read texts.")
        place = torch.device("cpu") if isinstance(model, OnnxNetwork) else default_device()
        model.to(place if device is None else torch.device(device))  # type: ignore[arg-type]
        state, parameters = load_classifier(folder, model) if folder is not None else (None, {})
        classifier = cls(model, **parameters)
        if label_names is not None and label_names != classifier.label_names:
            classifier.label_names = label_names
            if state is not None:
                state = state.changed(state.support, label_names, classifier._large())
        if abstain is not None:
            classifier.abstain = abstain
        if abstain_by is not None:
            classifier.abstain_by = abstain_by
        classifier._check_parameters()
        classifier._state = state
        return classifier

    def base_network(self) -> MatchingNetwork:
        """Return the Matching Network of `model`; one given by name is loaded when it is first needed."""
        if isinstance(self.model, MatchingNetwork):
            return self.model.eval()
        loaded: tuple[Any, MatchingNetwork] | None = getattr(self, "_loaded", None)
        if loaded is None or loaded[0] != self.model:
            network = load_network(self.model)[0]
            network.to(default_device())  # type: ignore[arg-type]
            loaded = self._loaded = (self.model, network)
        return loaded[1]

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
        if unknown is not None:
            support = replace(support, unknown=tuple(check_texts(unknown, "unknown")))
        if self.adaptation is not None and self._large().apply_to(support.shares):
            raise too_large(len(support), f"adaptation={self.adaptation!r}")
        warn_repeated(support)
        warn_alike_names(support)
        model, before = self.base_network(), self._state
        known = None
        if before is not None and before.is_current:
            known = before.support if before.model is model else None
        else:
            self.cache.clear()
        if support.has_texts:  # its vectors may be those of another model
            support = support.without_vectors()
        elif known is None:
            support.check_has_texts()
        state = State.embed(model, support, self.label_names, self._large(), known=known)
        if self.adaptation is not None:
            state = self._adapted(state, self.adaptation, EncoderAdaptation())
        _ = state.memory  # what can fail, fails before the change
        self._state = state
        return self

    def partial_fit(self, texts: Iterable[str], labels: Any, classes: Any = None) -> FewShotClassifier:
        """Add examples, as `add`; `classes` is there for scikit-learn and not needed."""
        return self.add(texts, labels)

    def save_pretrained(self, folder: str | Path, *, include_texts: bool = True) -> None:
        """Save model, tokenizer and support set in a folder, whole or not at all.

        Where the folder holds these very weights already, the support files alone are written.

        Args:
            folder: The folder; a new one, or one of an earlier save.
            include_texts: Without them only the embeddings of the examples are saved, and no texts of no class:
                thresholds that learned from these stay until the examples change.

        Raises:
            FileExistsError: the folder holds something that is not a fewtext model.
            TypeError: labels that JSON cannot hold.
        """
        save_classifier(folder, self.network, self._state, self._parameters(), include_texts)

    def export(
        self, format: str, folder: str | Path, *, quantize: str | None = None, include_texts: bool = True
    ) -> None:
        """Save the classifier with its encoder in another format beside the torch weights, whole or not at all.

        Load it with `from_pretrained(folder, backend="onnx")`. A folder has the encoder of the last export alone.

        Args:
            format: `onnx`.
            folder: As in `save_pretrained`.
            quantize: `int8` (a smaller and faster encoder, a little less exact), or None.
            include_texts: As in `save_pretrained`.

        Raises:
            ValueError: another format or quantization, or an encoder that cannot be exported.
            ImportError: the packages for it are not installed.
            FileExistsError, TypeError: as `save_pretrained`.
        """
        check_export(self.network, format, quantize)
        write_more = partial(write_onnx, self.network, quantize=quantize)
        save_classifier(folder, self.network, self._state, self._parameters(), include_texts, write_more)

    def _check_parameters(self) -> None:
        if self.label_names not in (True, False, "auto"):
            raise ValueError(f"label_names is {self.label_names!r}; it is True, False or 'auto'.")
        if self.adaptation not in ADAPTATIONS:
            raise ValueError(f"adaptation is {self.adaptation!r}; it is None, 'memory' or 'encoder'.")
        check_abstain(self.abstain, self.abstain_by)
        VectorCache(self.cache_size)
        self._large()

    def _parameters(self) -> dict[str, Any]:
        """The parameters that are saved: all but the model."""
        return {key: value for key, value in self.get_params().items() if key != "model"}

    def __repr__(self) -> str:
        """The classifier in a line; its network would fill pages."""
        support = self.support
        known = "no examples" if support is None else f"{len(support)} examples of {len(support.classes)} classes"
        name = self.model or DEFAULT_MODEL
        if isinstance(self.model, MatchingNetwork):
            config = self.model.config
            name = f"{config.base_encoder or 'an encoder'}{', meta-trained' if config.trained_on else ''}"
        adapted = "" if self._state is None or not self._state.is_adapted else ", adapted"
        return f"FewShotClassifier({name}, {known}{adapted})"

    def __sklearn_is_fitted__(self) -> bool:
        return self.support is not None
