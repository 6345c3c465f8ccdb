"""`transformers.pipeline("few-shot-text-classification", ...)`.

What is heavy is imported where it is used: `fewtext.registration` imports this module in the midst of other imports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from huggingface_hub import snapshot_download
from torch.utils.data import Dataset as TorchDataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.pipelines import PIPELINE_REGISTRY, Pipeline

if TYPE_CHECKING:
    from fewtext.inference.classifier import FewShotClassifier
    from fewtext.inference.support import SupportSet

TASK = "few-shot-text-classification"

LIST_BATCH = 256
"""Texts of a list that are encoded together unless `batch_size` says otherwise; what is streamed goes one by one."""


class FewShotTextClassificationPipeline(Pipeline):
    """Answers of a `FewShotClassifier` in the form of `TextClassificationPipeline`.

    Args:
        model: A folder or Hub id (through `transformers.pipeline`); or a `FewShotClassifier`, a `MatchingNetwork`
            or an encoder that is loaded already.
        tokenizer: The tokenizer, where the model comes without one.
        support: The examples, where the model has none or others are wanted: (text, label) pairs, a dictionary of
            the texts of each label, a `SupportSet`, or a `Dataset` with a text and a label column.
        label_names: As in `FewShotClassifier`; by default as saved, else `auto`.
        device: As in transformers: a number is a GPU, -1 the CPU; by default a GPU if there is one.
        **options: `top_k`, `abstain` (as in `FewShotClassifier`), `batch_size` and the like, for every call.

    Raises:
        ValueError: no examples, or other input that `FewShotClassifier` refuses.
        TypeError: a parameter that there is not.

    >>> import fewtext, transformers
    >>> examples = {"tracking": ["where is my parcel"], "refund": ["i want my money back"]}
    >>> model = fewtext.MatchingNetwork.from_encoder()
    >>> pipe = transformers.pipeline("few-shot-text-classification", model=model, support=examples)
    >>> pipe("has it been shipped?")[0]["label"]
    'tracking'
    """

    # Nothing is loaded beside the model: its tokenizer comes with it.
    _load_tokenizer = _load_processor = False  # type: ignore[assignment]
    _load_image_processor = _load_video_processor = _load_feature_extractor = False  # type: ignore[assignment]

    def __init__(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase | str | None = None,
        *,
        support: Any = None,
        label_names: bool | str | None = None,
        device: int | str | torch.device | None = None,
        task: str = TASK,
        **options: Any,
    ) -> None:
        if isinstance(device, int):
            device = f"cuda:{device}" if device >= 0 and torch.cuda.is_available() else "cpu"
        classifier, device = _classifier(model, tokenizer, label_names, device, support is not None)
        if support is None and classifier.support is None:
            raise ValueError(
                "the model has no support set: pass support= with examples and their labels, or call "
                "fit(texts, labels) on a FewShotClassifier and save that."
            )
        network = classifier.network
        if network.tokenizer is None:
            raise ValueError("the model has no tokenizer, so it cannot read texts; pass tokenizer=.")
        options.pop("local_files_only", None)  # transformers gives it to the model and to the pipeline
        options.update(tokenizer=network.tokenizer, task=task, device=device)
        super().__init__(model=network, **options)
        self.classifier = classifier if support is None else classifier.fit(as_support(support))
        self._list_batch = options.get("batch_size") or LIST_BATCH

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Classify texts.

        Args:
            inputs: A text, or several: whatever has a length (a list, a `datasets.Column`, an array) gives a list;
                a generator, another iterable without a length, or a `KeyDataset` gives its answers one by one.
            *args: Ignored, as in transformers.
            **kwargs: `top_k`, how many classes to name (None names all); `abstain`, as in `FewShotClassifier`: a
                text that fits nothing gets the label None; `batch_size`, how many texts are encoded together.

        Returns:
            For one text `[{"label", "score"}]`, for several one such dictionary each. Where `top_k` is given, a list
            of such dictionaries for each text, best first.

        Raises:
            TypeError: something that is not a text, or a parameter that there is not.
            ValueError: an empty text.
        """
        if isinstance(inputs, Iterable) and not isinstance(inputs, str | Mapping | TorchDataset):
            if isinstance(inputs, Sized):
                inputs = list(inputs)
                if not inputs:
                    return []
                for row, one in enumerate(inputs):
                    _text_of(one, f", row {row}")
                kwargs.setdefault("batch_size", self._list_batch)
            else:
                inputs = (text for text in inputs)
        result = super().__call__(inputs, *args, **kwargs)
        return [result] if isinstance(inputs, str) and "top_k" not in kwargs else result

    def _sanitize_parameters(
        self, top_k: Any = "", abstain: str | float | None = None, **unknown: Any
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        if unknown:
            raise TypeError(
                f"the pipeline has no parameter {', '.join(sorted(unknown))}; a call takes top_k, abstain, batch_size "
                "and num_workers. Texts are cut at the model's max_length by themselves."
            )
        forward: dict[str, Any] = {} if abstain is None else {"abstain": abstain}
        if top_k == "":  # None is a value: all classes
            return {}, forward, {}
        return {}, {**forward, "top_k": top_k}, {"as_list": True}

    def preprocess(self, inputs: Any) -> dict[str, str]:  # type: ignore[override]
        """Check a text; it is tokenized with those it is encoded with."""
        return {"text": _text_of(inputs)}

    def _forward(  # type: ignore[override]
        self, inputs: dict[str, Any], top_k: int | None = 1, abstain: str | float | None = None
    ) -> dict[str, Any]:
        text = inputs["text"]
        if isinstance(text, str):
            return {"ranked": self.classifier.top_classes([text], top_k, abstain)[0]}
        return {"ranked": self.classifier.top_classes(text, top_k, abstain)}

    def postprocess(self, model_outputs: Any, as_list: bool = False) -> Any:  # type: ignore[override]
        """Return the answer to a text: a dictionary, or a list of them where `top_k` was given."""
        return model_outputs["ranked"] if as_list else model_outputs["ranked"][0]

    def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> None:  # type: ignore[override]
        """Save the classifier; see `FewShotClassifier.save_pretrained`, which takes the same options."""
        self.classifier.save_pretrained(save_directory, **kwargs)


def _text_of(inputs: Any, place: str = "") -> str:
    """Return a text, given by itself or as `{"text": ...}`; raises naming its place for what is none."""
    from fewtext.data.columns import is_visible

    text = inputs.get("text") if isinstance(inputs, Mapping) and "text_pair" not in inputs else inputs
    if not isinstance(text, str):
        kind = type(inputs).__name__
        raise TypeError(f"the pipeline got {inputs!r} ({kind}){place}; every text must be a string.")
    if not is_visible(text):
        raise ValueError(f"the pipeline got an empty text{place}; every text needs at least one visible character.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"the pipeline got a text that is not valid Unicode{place} ({error}).") from error
    return text


class ByName:
    """What `transformers.pipeline` gets for a name: how to load the classifier, once its device is known."""

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        self.name = name
        self.options = options

    @classmethod
    def from_pretrained(cls, name: str, **options: Any) -> ByName:
        """Take the place of a model class in the registry."""
        return cls(name, options)

    def load(self, device: str | torch.device | None, label_names: bool | str | None) -> FewShotClassifier:
        """Load it; raises `ValueError` for a precision other than the model's own."""
        from fewtext.inference.classifier import FewShotClassifier
        from fewtext.models.encoders import MODEL_FILES

        settings = dict(self.options)
        for transformers_own in ("_from_pipeline", "trust_remote_code", "code_revision"):
            settings.pop(transformers_own, None)
        dtype = settings.pop("dtype", None)
        name = self.name
        if settings.pop("local_files_only", False) and not Path(name).is_dir():
            revision = settings.pop("revision", None)
            name = snapshot_download(name, revision=revision, local_files_only=True, allow_patterns=list(MODEL_FILES))
        classifier = FewShotClassifier.from_pretrained(name, device=device, label_names=label_names, **settings)
        if dtype not in (None, "auto", classifier.network.dtype):
            raise ValueError(f"dtype is {dtype}; the model is used as it was saved, in {classifier.network.dtype}.")
        return classifier


def as_support(support: Any) -> SupportSet:
    """Return the examples as a support set.

    Args:
        support: (text, label) pairs, a dictionary of the texts of each label, a `SupportSet` or a `Dataset`.

    Raises:
        TypeError: something else.
        ValueError: a label without texts.
    """
    from datasets import Dataset

    from fewtext.inference.support import SupportSet

    if isinstance(support, SupportSet):
        return support
    if isinstance(support, Dataset):
        return SupportSet.from_dataset(support)
    if isinstance(support, Mapping):
        of_label = {label: [texts] if isinstance(texts, str) else list(texts) for label, texts in support.items()}
        if empty := [label for label, texts in of_label.items() if not texts]:
            raise ValueError(f"support has no text of the class {empty[0]!r}.")
        support = [(text, label) for label, texts in of_label.items() for text in texts]
    if not isinstance(support, Iterable) or isinstance(support, str):
        raise TypeError(f"support is a {type(support).__name__}; give (text, label) pairs or a dictionary of texts.")
    pairs = list(support)
    for row, pair in enumerate(pairs):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise TypeError(f"support, row {row} is {pair!r}; every row is a (text, label) pair.")
    return SupportSet.create([text for text, _ in pairs], [label for _, label in pairs])


def _classifier(
    model: Any, tokenizer: Any, label_names: bool | str | None, device: str | torch.device | None, refit: bool
) -> tuple[FewShotClassifier, str | torch.device | None]:
    """Return a classifier, not the user's own where it is going to be fitted, and the device that it is to be on."""
    from fewtext.inference.classifier import FewShotClassifier
    from fewtext.models.modeling import MatchingNetwork
    from fewtext.models.tokenizers import load_tokenizer, lower_cased

    tokenizer = load_tokenizer(tokenizer) if isinstance(tokenizer, str | Path) else tokenizer
    if isinstance(model, ByName):
        classifier = model.load(device, label_names)
        device = classifier.network.device
    elif isinstance(model, FewShotClassifier):
        own = model.network.device
        if label_names is not None or (device is not None and torch.device(device).type != own.type):
            raise ValueError("a classifier has its label_names and its device; set them where it is made.")
        classifier, device = model.__sklearn_clone__() if refit else model, own
    elif isinstance(model, PreTrainedModel):
        network = model if isinstance(model, MatchingNetwork) else MatchingNetwork.from_encoder(model)
        classifier = FewShotClassifier(network, label_names="auto" if label_names is None else label_names)
    else:
        raise TypeError(f"model is a {type(model).__name__}; give a folder, a Hub id, a classifier or a model.")
    network = classifier.network
    if tokenizer is not None:
        if network.tokenizer is None:
            network.tokenizer = lower_cased(tokenizer) if network.config.lower_case else tokenizer
        elif tokenizer.get_vocab() != network.tokenizer.get_vocab():
            raise ValueError("the model has another tokenizer, by which it reads its examples; leave tokenizer out.")
    return classifier, device


PIPELINE_REGISTRY.register_pipeline(
    TASK, pipeline_class=FewShotTextClassificationPipeline, pt_model=ByName, type="text"
)
