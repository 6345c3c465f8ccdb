"""The settings of a Matching Network."""

from __future__ import annotations

from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from fewtext.folders import MODEL_TYPE

POOLINGS = ("mean", "cls", "max")
CONTEXTS = ("none", "center", "lstm")
KERNELS = ("cosine", "euclidean", "dot")
CLASS_VOTES = ("sum", "mean", "prototype", "mixed")
TEMPERATURES = {"cosine": 20.0, "euclidean": 10.0, "dot": 20.0}
"""Where the temperature starts; on unit vectors the three starts give the same attention."""


class MatchingNetworkConfig(PreTrainedConfig):
    """Configuration of a `MatchingNetwork`.

    Args:
        encoder: Configuration of the transformer encoder (a dictionary with its `model_type`).
        base_encoder: Name of the pretrained encoder that training started from.
        separate_encoders: Whether queries (f') and examples (g') have encoders of their own.
        pooling: `mean`, `cls` or `max` over the last hidden states.
        normalize: Whether embeddings have length 1.
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
    normalize: bool = True
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

    def __post_init__(self, **kwargs: object) -> None:
        """Check every choice before anything is built."""
        super().__post_init__(**kwargs)
        for name, allowed in (
            ("pooling", POOLINGS),
            ("context", CONTEXTS),
            ("kernel", KERNELS),
            ("class_vote", CLASS_VOTES),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it is one of {', '.join(allowed)}.")
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
        """Size of an embedding: the encoder's hidden size."""
        return int(self.encoder_config.hidden_size)
