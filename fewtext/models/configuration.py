"""The settings of a Matching Network."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from torch import nn
from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from fewtext.folders import MODEL_TYPE

POOLINGS = ("mean", "cls", "max", "lasttoken", "mean_sqrt_len")
CONTEXTS = ("none", "center", "lstm")
KERNELS = ("cosine", "euclidean", "dot")
CLASS_VOTES = ("sum", "mean", "prototype", "mixed")
ACTIVATIONS: dict[str, type[nn.Module]] = {"identity": nn.Identity, "tanh": nn.Tanh, "relu": nn.ReLU, "gelu": nn.GELU}
KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "bool": ((bool,), "true or false"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "str": ((str,), "a text"),
}
"""What the value of a setting may be, by its type, and how that is said."""

TEMPERATURES = {"cosine": 20.0, "euclidean": 10.0, "dot": 20.0}
"""Where the temperature starts; on unit vectors the three starts give the same attention."""


class MatchingNetworkConfig(PreTrainedConfig):
    """Configuration of a `MatchingNetwork`.

    Args:
        encoder: Configuration of the transformer encoder (a dictionary with its `model_type`).
        base_encoder: Name of the pretrained encoder that training started from.
        separate_encoders: Whether queries (f') and examples (g') have encoders of their own.
        pooling: `mean`, `cls`, `max`, `lasttoken` or `mean_sqrt_len` (their sum over the root of the number of
            tokens) of the last hidden states.
        projection: Linear layers on the pooled vector, each a dictionary of its `size`, `bias` (whether it has
            one) and `activation` (`identity`, `tanh`, `relu` or `gelu`); they are part of the encoder.
        lower_layer: A lower layer, 1 being the lowest, whose pooled states stand in an embedding beside the last: they
            say more of the wording. The embedding is larger by them. None is the last layer alone.
        lower_share: How much the lower layer counts in the cosine of two embeddings.
        normalize: Whether embeddings have length 1; those of two layers always have.
        query_prompt: What is put before every query when it is read, such as `query: ` for E5.
        support_prompt: The same for examples and class names.
        lower_case: Whether texts are lower-cased before the tokenizer sees them.
        max_length: Texts are cut after so many tokens; None is the limit of tokenizer and encoder, else 512.
        context: `none`; `center` (subtract a share of the support set's mean, then normalise); `lstm`
            (center, then the full-context embeddings of Vinyals et al. 2016).
        center_share: Where the learned share of the mean starts.
        context_steps: Processing steps K of the attention LSTM over a query.
        context_size: Hidden size of both LSTMs; None is the size of the embedding, a smaller one is
            projected back to it.
        context_gate: Where the learned gates of both LSTMs start: 0 leaves embeddings as they are, 1 is
            the paper.
        kernel: `cosine`, `euclidean` (negative squared distance) or `dot`.
        temperature: Where the learned factor of the kernel starts; None is 20 for cosine and dot, 10 for
            euclidean.
        class_vote: `sum` (the paper), `mean` (no bias to classes with more examples), `prototype` (one
            mean vector a class), `mixed` (a learned share of mean and prototype).
        prototype_share: Where the learned share of the prototype in `mixed` starts.
        name_weight: Weight of a class name as an example; an example has 1.
        initializer_range: Standard deviation of new weights.
        trained_on: Data with licences, episodes and results of the run that trained the model, for the model card.

    Raises:
        ValueError: a value that is not one of those above, or out of range.

    >>> MatchingNetworkConfig(context="lstm", context_size=64).context_steps
    3
    """

    model_type = MODEL_TYPE
    sub_configs_defaults = {"encoder": SubConfigSpec(config_class=AutoConfig, model_type="bert")}  # noqa: RUF012

    encoder: dict | PreTrainedConfig | None = None
    base_encoder: str | None = None
    separate_encoders: bool = False
    pooling: str = "mean"
    projection: list[dict[str, Any]] | None = None
    lower_layer: int | None = None
    lower_share: float = 0.3
    normalize: bool = True
    query_prompt: str = ""
    support_prompt: str = ""
    lower_case: bool = False
    max_length: int | None = None
    context: str = "center"
    center_share: float = 0.7
    context_steps: int = 3
    context_size: int | None = None
    context_gate: float = 0.0
    kernel: str = "cosine"
    temperature: float | None = None
    class_vote: str = "mixed"
    prototype_share: float = 0.7
    name_weight: float = 1.0
    initializer_range: float = 0.02
    trained_on: dict[str, Any] | None = None

    def __post_init__(self, **kwargs: object) -> None:
        """Check every choice before anything is built."""
        kind = self.encoder.get("model_type") if isinstance(self.encoder, dict) else None
        if kind is not None and kind not in CONFIG_MAPPING:
            raise ValueError(
                f"the encoder is a {kind!r}, which transformers does not know. Register its classes, or call "
                "fewtext.allow_code(...) with the repository of the encoder, before the model is loaded."
            )
        super().__post_init__(**kwargs)
        import_module("fewtext.models.modeling")  # registers the class that AutoModel builds of a configuration
        for name, allowed in (
            ("pooling", POOLINGS),
            ("context", CONTEXTS),
            ("kernel", KERNELS),
            ("class_vote", CLASS_VOTES),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it is one of {', '.join(allowed)}.")
        for layer in self.projection or []:
            right = set(layer) == {"size", "bias", "activation"} and layer["activation"] in ACTIVATIONS
            if not (right and isinstance(layer["size"], int) and isinstance(layer["bias"], bool)):
                raise ValueError(
                    f"projection has the layer {layer}; a layer has a size, a bias (true or false) and an activation, "
                    f"one of {', '.join(ACTIVATIONS)}."
                )
        for name, hint in self.__annotations__.items():
            if (kind := KINDS.get(hint.removesuffix(" | None"))) is not None:
                _check_kind(name, getattr(self, name), *kind, hint.endswith("None"))
        for name in ("prototype_share", "center_share", "lower_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it is a share, from 0 to 1.")
        layers = getattr(self.encoder, "num_hidden_layers", None)
        if self.lower_layer is not None and not 1 <= self.lower_layer < (layers or math.inf):
            known = f", which has {layers} layers" if layers else ""
            raise ValueError(
                f"lower_layer is {self.lower_layer}; it is a layer below the last of the encoder{known}, from 1 on."
            )
        if self.temperature is None:
            self.temperature = TEMPERATURES[self.kernel]
        if self.temperature <= 0:
            raise ValueError(f"temperature is {self.temperature}; it must be greater than 0.")
        if self.name_weight < 0:
            raise ValueError(f"name_weight is {self.name_weight}; it must be at least 0.")
        if self.context_steps < 0:
            raise ValueError(f"context_steps is {self.context_steps}; it must be at least 0.")
        if self.context_size is not None and self.context_size < 1:
            raise ValueError(f"context_size is {self.context_size}; it must be at least 1.")
        if self.max_length is not None and self.max_length < 3:
            raise ValueError(f"max_length is {self.max_length}; it must be at least 3 tokens.")

    @property
    def encoder_config(self) -> PreTrainedConfig:
        """Configuration of the encoder, as an object."""
        assert isinstance(self.encoder, PreTrainedConfig)  # made one when the configuration was
        return self.encoder

    @property
    def embedding_size(self) -> int:
        """Size of an embedding: that of the projection, else the encoder's hidden size; and that of a lower layer."""
        hidden = int(self.encoder_config.hidden_size)
        last = int(self.projection[-1]["size"]) if self.projection else hidden
        return last if self.lower_layer is None else last + hidden


def _check_kind(name: str, value: object, kinds: tuple[type, ...], told: str, may_lack: bool) -> None:
    """Raise `ValueError` for the value of a setting that is of another kind; a truth value is no number."""
    if value is None and may_lack:
        return
    right = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
    if not right or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"{name} is {value!r}; it is {told}.")


def check_settings(settings: Iterable[str], others: Iterable[str] = ()) -> None:
    """Raise `TypeError` naming a setting that `MatchingNetworkConfig` does not have, and the nearest there is.

    Args:
        settings: Names of settings.
        others: What else the caller takes, for the hint.
    """
    known = set(MatchingNetworkConfig.__dataclass_fields__)
    if unknown := sorted(set(settings) - known):
        near = difflib.get_close_matches(unknown[0], {*known, *others}, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise TypeError(f"there is no setting {', '.join(unknown)} of a Matching Network.{hint}")


AutoConfig.register(MODEL_TYPE, MatchingNetworkConfig)
