"""The Matching Network: an encoder, a context, attention over a support set, and a vote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import ModelOutput

from fewtext.folders import check_model_folder
from fewtext.models.configuration import MatchingNetworkConfig, check_settings
from fewtext.models.devices import attention_of_any_shape
from fewtext.models.embedding import embed_texts, encode_for_training
from fewtext.models.encoders import (
    add_projection,
    build_encoder,
    default_encoder,
    encoder_settings,
    fill_projection,
    load_encoder,
    model_folder,
    origin,
    text_limit,
    without_pooler,
)
from fewtext.models.matching import Episodes, Matcher, initialize
from fewtext.models.pooling import embedding
from fewtext.models.publishing import Publishing
from fewtext.models.sentence_transformers import read_repository
from fewtext.models.states import hidden_states, tell_states
from fewtext.models.tokenizers import forget_origin, load_tokenizer, lower_cased, saved_tokenizer


@dataclass
class MatchingOutput(ModelOutput):
    """What `MatchingNetwork.forward` returns.

    Attributes:
        loss: Mean over the episodes; None without `query_labels`.
        log_probs: `(n_episodes, n_query, n_way)` log-probability of each class.
        membership: `(n_episodes, n_query)` logit that the query belongs to the support set's classes.
    """

    loss: Tensor | None = None
    log_probs: Tensor | None = None
    membership: Tensor | None = None


class MatchingNetwork(Publishing, PreTrainedModel):  # type: ignore[misc]  # its own push_to_hub
    """A Matching Network (Vinyals et al. 2016, arXiv:1606.04080) on a pretrained transformer.

    Args:
        config: Its settings.
        encoder: The encoder to use; by default one with random weights, built from the configuration.
        support_encoder: The same for the examples, where `config.separate_encoders`.

    >>> from transformers import BertConfig
    >>> tiny = BertConfig(vocab_size=40, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
    >>> model = MatchingNetwork(MatchingNetworkConfig(encoder=tiny.to_dict()))
    >>> model.matcher(torch.randn(3, 8), torch.randn(4, 8), torch.eye(4)).shape
    torch.Size([3, 4])
    """

    config_class = MatchingNetworkConfig
    base_model_prefix = "matching_network"
    accepts_loss_kwargs = False  # the loss is a mean over episodes; Trainer must not scale it again
    supports_gradient_checkpointing = True
    _supports_sdpa = True

    config: MatchingNetworkConfig

    def __init__(
        self,
        config: MatchingNetworkConfig,
        encoder: nn.Module | None = None,
        support_encoder: nn.Module | None = None,
    ) -> None:
        super().__init__(config)
        self.encoder = encoder or build_encoder(config.encoder_config)
        self.support_encoder: nn.Module | None = None
        if config.separate_encoders:
            self.support_encoder = (
                support_encoder if support_encoder is not None else build_encoder(config.encoder_config)
            )
        for module in (self.encoder, self.support_encoder):
            if module is not None and config.projection:
                add_projection(module, config.encoder_config.hidden_size, config.projection)
            if config.lower_layer is not None and isinstance(module, PreTrainedModel):  # not what onnxruntime runs
                tell_states(module, config.lower_layer)
        self.matcher = Matcher(config)
        self.tokenizer: PreTrainedTokenizerBase | None = None
        self.warned_truncation = self.warned_unknown = False
        self.training_tokens: int | None = None  # as many as suit the device
        self.gradient_cache = False
        self.label_smoothing = 0.0
        self.fine_tuned_on: frozenset[str] = frozenset()  # ids of the examples of a classifier that adapted it
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        initialize(module, self.config)

    @classmethod
    def from_encoder(
        cls,
        encoder: str | Path | PreTrainedModel | None = None,
        *,
        tokenizer: PreTrainedTokenizerBase | None = None,
        revision: str | None = None,
        **settings: Any,
    ) -> MatchingNetwork:
        """Build a Matching Network on a pretrained encoder.

        Args:
            encoder: A folder, a Hub id, or a model that returns `last_hidden_state`, which becomes part of
                this one (its pooler is taken out); by default all-MiniLM-L6-v2.
            tokenizer: Its tokenizer; read from the same place where not given.
            revision: Branch, tag or commit on the Hub.
            **settings: Fields of `MatchingNetworkConfig`. Pooling, projection, normalisation, maximum length,
                default prompt and lower-casing are by default those of a sentence-transformers folder.

        Raises:
            OSError: the encoder cannot be found; the message says how to get one.
            ValueError: a folder that holds something fewtext does not have or does not run; the message says what.
            TypeError: a setting that `MatchingNetworkConfig` does not have.
        """
        check_settings(settings)
        separate = bool(settings.get("separate_encoders"))
        dense: Sequence[dict[str, Tensor]] = ()
        if isinstance(encoder, PreTrainedModel):
            modules = [without_pooler(encoder)]
            if separate:
                modules.append(build_encoder(encoder.config))
                modules[1].load_state_dict(encoder.state_dict())
            name = origin(encoder.config.name_or_path, Path())
        else:
            folder = default_encoder() if encoder is None else model_folder(encoder, revision)
            repository = read_repository(folder, settings)
            settings, dense = repository.settings, repository.dense
            modules = [load_encoder(repository.transformer) for _ in range(2 if separate else 1)]
            tokenizer = tokenizer or load_tokenizer(repository.transformer, at_least=repository.max_length)
            name = origin(encoder, folder)
        if name is not None:
            settings.setdefault("base_encoder", name)
        model = cls(MatchingNetworkConfig(encoder=encoder_settings(modules[0]), **settings), *modules)
        for module in modules:
            fill_projection(module, dense)
        model.tokenizer = lower_cased(tokenizer) if tokenizer is not None and model.config.lower_case else tokenizer
        return model.eval()

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Load a saved Matching Network and its tokenizer, as `PreTrainedModel.from_pretrained`, safetensors only.

        Raises `ValueError` for a folder that is not a fewtext model, lacks a file, or was cut off.
        """
        folder = Path(pretrained_model_name_or_path)
        if folder.is_dir():
            check_model_folder(folder)
        info = kwargs.pop("output_loading_info", False)
        options = {**kwargs, "use_safetensors": True, "output_loading_info": True}
        try:
            loaded: tuple[MatchingNetwork, dict[str, Any]] = super().from_pretrained(
                pretrained_model_name_or_path, *args, **options
            )  # type: ignore[assignment]
        except RuntimeError as error:
            raise ValueError(f"the weights of {folder} do not fit its config.json ({error}).") from error
        model, found = loaded
        if missing := sorted(found["missing_keys"]):
            raise ValueError(f"{folder} lacks weights of its own configuration: {', '.join(missing[:3])}.")
        shared = {key: kwargs[key] for key in ("revision", "token", "cache_dir", "local_files_only") if key in kwargs}
        model.tokenizer = saved_tokenizer(pretrained_model_name_or_path, lower_case=model.config.lower_case, **shared)
        return (model, found) if info else model

    def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> None:  # type: ignore[override]
        """Save configuration, weights (safetensors) and tokenizer in a folder."""
        super().save_pretrained(save_directory, **kwargs)
        if self.tokenizer is not None and kwargs.get("is_main_process", True):
            self.tokenizer.save_pretrained(save_directory)
            forget_origin(Path(save_directory))

    def get_input_embeddings(self) -> nn.Module:
        """Return the token embeddings of the encoder."""
        return self.encoder.get_input_embeddings()  # type: ignore[operator]

    @property
    def max_length(self) -> int:
        """Number of tokens after which a text is cut."""
        return text_limit(self.config.encoder_config, self.tokenizer, self.config.max_length)

    @property
    def embeds_alike(self) -> bool:
        """Whether a text has the same embedding as a query and as an example: f' is g'."""
        return self.support_encoder is None and self.config.query_prompt == self.config.support_prompt

    def encode(self, input_ids: Tensor, attention_mask: Tensor | None, *, support: bool = False) -> Tensor:
        """Return f'(x), or g'(x) where `support`, of tokenized texts: `(n_texts, dim)`.

        Args:
            input_ids: `(n_texts, length)`.
            attention_mask: `(n_texts, length)`; None where nothing is padded.
            support: Whether to use the encoder of the examples, where it is a separate one.
        """
        encoder = self.support_encoder if support and self.support_encoder is not None else self.encoder
        with attention_of_any_shape(input_ids.device):
            last, lower = hidden_states(encoder, input_ids, attention_mask, self.config.lower_layer)
        mask = attention_mask if attention_mask is not None else torch.ones_like(input_ids)
        projection = encoder.get_submodule("projection") if self.config.projection else None
        return embedding(last, lower, mask, self.config, projection)

    def embed(
        self,
        texts: Sequence[str],
        *,
        support: bool = False,
        batch_tokens: int | None = None,
        show_progress: bool | None = None,
    ) -> Tensor:
        """Return f'(x), or g'(x) where `support`, of texts: `(n_texts, dim)`, on the model's device.

        Args:
            texts: The texts.
            support: Whether to use the encoder of the examples, where it is a separate one.
            batch_tokens: Texts are sorted by length and encoded in batches of so many padded tokens; by default as
                many as were the fastest on this machine when many texts were first encoded, or as
                FEWTEXT_BATCH_TOKENS says.
            show_progress: A progress bar; by default one appears after two seconds.

        Raises:
            TypeError: a text that is not a string (with its row), or no tokenizer.
        """
        return embed_texts(self, texts, support=support, batch_tokens=batch_tokens, show_progress=show_progress)

    def forward(
        self,
        support: Tensor,
        support_labels: Tensor,
        support_weights: Tensor,
        query: Tensor,
        query_labels: Tensor | None = None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        text_vectors: Tensor | None = None,
        support_vectors: Tensor | None = None,
    ) -> MatchingOutput:
        """Classify the queries of a batch of episodes.

        Args:
            support: `(n_episodes, n_support)` rows of the batch's texts.
            support_labels: `(n_episodes, n_support, n_way)` one-hot, several classes, or a distribution.
            support_weights: `(n_episodes, n_support)`; 0 where padded.
            query: `(n_episodes, n_query)` rows of the batch's texts.
            query_labels: `(n_episodes, n_query)`; -1 for unknown, -100 where padded.
            input_ids: `(n_texts, length)` token ids of the batch's distinct texts.
            attention_mask: `(n_texts, length)`.
            text_vectors: `(n_texts, dim)` their embeddings f', instead of token ids.
            support_vectors: `(n_texts, dim)` their embeddings g', where these differ from f'.

        Returns:
            Loss (equation 2 of the paper, mean over episodes; plus binary cross-entropy of the membership
            head while that is trained) and log-probabilities.
        """
        if text_vectors is None:
            if input_ids is None or attention_mask is None:
                raise ValueError("forward needs input_ids and attention_mask, or text_vectors.")
            text_vectors, support_vectors = self._encode_batch(input_ids, attention_mask, support, query)
        support_vectors = text_vectors if support_vectors is None else support_vectors
        with torch.autocast(text_vectors.device.type, enabled=False):
            kind = self.matcher.log_temperature.dtype  # that of the matching, whatever autocast made of the vectors
            examples, queries = support_vectors.to(kind)[support], text_vectors.to(kind)[query]
            episodes = Episodes(self.matcher, queries, examples, support_labels, support_weights)
            membership = episodes.membership()
            loss = None
            if query_labels is not None:
                smoothing = self.label_smoothing if self.training else 0.0
                loss = self.matcher.episode_loss(episodes.log_probs, membership, query_labels, smoothing)
        return MatchingOutput(loss=loss, log_probs=episodes.log_probs, membership=membership)

    def _encode_batch(
        self, input_ids: Tensor, attention_mask: Tensor, support: Tensor, query: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        if self.support_encoder is None:
            return encode_for_training(self, input_ids, attention_mask), None
        tables = []
        for rows, is_support in ((query.unique(), False), (support.unique(), True)):
            vectors = encode_for_training(self, input_ids[rows], attention_mask[rows], support=is_support)
            table = vectors.new_zeros(len(input_ids), vectors.shape[-1])
            tables.append(table.index_copy(0, rows, vectors))
        return tables[0], tables[1]


AutoModel.register(MatchingNetworkConfig, MatchingNetwork)
