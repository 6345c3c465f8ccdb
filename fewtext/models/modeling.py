"""The Matching Network: an encoder, a context, attention over a support set, and a vote."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, normalize
from transformers import (
    AutoConfig,
    AutoModel,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    initialization,
)
from transformers.utils import ModelOutput

from fewtext.data.collator import PAD_QUERY
from fewtext.data.episodes import UNKNOWN
from fewtext.models.attention import attention, kernel_scores, represent, vote
from fewtext.models.configuration import MatchingNetworkConfig
from fewtext.models.context import AttentionLSTM, Center, Context, FullContextEmbedding
from fewtext.models.embedding import embed_texts, encode_by_length
from fewtext.models.encoders import (
    DEFAULT_ENCODER,
    build_encoder,
    default_encoder,
    encoder_folder,
    load_encoder,
    load_tokenizer,
    pool,
    stored_pooling,
    text_limit,
    without_pooler,
)


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


class MatchingNetwork(PreTrainedModel):
    """A Matching Network (Vinyals et al. 2016, arXiv:1606.04080) on a pretrained transformer.

    Args:
        config: Its settings.
        encoder: The encoder to use; by default one with random weights, built from the configuration.
        support_encoder: The same for the examples, where `config.separate_encoders`.

    >>> from transformers import BertConfig
    >>> tiny = BertConfig(vocab_size=40, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
    >>> model = MatchingNetwork(MatchingNetworkConfig(encoder=tiny.to_dict()))
    >>> model.match(torch.randn(3, 8), torch.randn(4, 8), torch.eye(4)).shape
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
        self.context = Context(config)
        self.log_temperature = nn.Parameter(torch.zeros(()))
        self.prototype_share = nn.Parameter(torch.zeros(())) if config.class_vote == "mixed" else None
        self.membership = nn.Linear(config.embedding_size + 1, 1)
        self.tokenizer: PreTrainedTokenizerBase | None = None
        self.warned_truncation = False
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, Center):
            initialization.constant_(module.share, self.config.center_share)
        elif isinstance(module, FullContextEmbedding | AttentionLSTM):
            initialization.constant_(module.gate, self.config.context_gate)
        elif module is self.membership:
            # Untrained, it ranks texts by their largest kernel score: the baseline that training starts from.
            scale, zero = (5.0, 5.0) if self.config.kernel == "euclidean" else (10.0, -5.0)
            initialization.zeros_(module.weight)
            initialization.constant_(module.weight[:, -1:], scale)
            initialization.constant_(module.bias, zero)
        elif module is self:
            initialization.constant_(self.log_temperature, math.log(self.config.temperature or 1.0))
            if self.prototype_share is not None:
                initialization.constant_(self.prototype_share, self.config.prototype_share)

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
            encoder: A folder, a Hub id, or a model that returns `last_hidden_state`; by default
                all-MiniLM-L6-v2 from the Hub or the offline package.
            tokenizer: Its tokenizer; read from the same place where not given.
            revision: Branch, tag or commit on the Hub.
            **settings: Fields of `MatchingNetworkConfig`. The pooling is by default the one that a
                sentence-transformers folder names, else mean.

        Raises:
            OSError: the encoder cannot be found; the message says how to get one.
            TypeError: a setting that `MatchingNetworkConfig` does not have.
        """
        known = set(MatchingNetworkConfig.__dataclass_fields__)
        if unknown := sorted(set(settings) - known):
            raise TypeError(f"from_encoder got unknown settings {', '.join(unknown)}.")
        separate = bool(settings.get("separate_encoders"))
        if isinstance(encoder, PreTrainedModel):
            modules = [without_pooler(encoder)]
            if separate:
                modules.append(build_encoder(encoder.config))
                modules[1].load_state_dict(encoder.state_dict())
            name = encoder.config.name_or_path
        else:
            folder = default_encoder() if encoder is None else encoder_folder(encoder, revision)
            modules = [load_encoder(folder) for _ in range(2 if separate else 1)]
            tokenizer = tokenizer or load_tokenizer(folder)
            name = DEFAULT_ENCODER if encoder is None else str(encoder)
            settings.setdefault("pooling", stored_pooling(folder) or "mean")
        encoder_config = {
            key: value for key, value in _config_of(modules[0]).items() if key not in ("_name_or_path", "dtype")
        }
        if name and not Path(name).exists():  # a Hub id says where it came from; a path of this machine does not
            settings.setdefault("base_encoder", name)
        model = cls(MatchingNetworkConfig(encoder=encoder_config, **settings), *modules)
        model.tokenizer = tokenizer
        return model.eval()

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Load a saved Matching Network and its tokenizer; as `PreTrainedModel.from_pretrained`, safetensors only."""
        kwargs["use_safetensors"] = True
        loaded = super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        shared = {key: kwargs[key] for key in ("revision", "token", "cache_dir", "local_files_only") if key in kwargs}
        try:
            model.tokenizer = load_tokenizer(pretrained_model_name_or_path, **shared)
        except (OSError, ValueError):  # saved without a tokenizer: everything but text works
            model.tokenizer = None
        return loaded

    def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> None:  # type: ignore[override]
        """Save configuration, weights (safetensors) and tokenizer in a folder."""
        super().save_pretrained(save_directory, **kwargs)
        if self.tokenizer is not None and kwargs.get("is_main_process", True):
            self.tokenizer.save_pretrained(save_directory)

    @property
    def temperature(self) -> Tensor:
        """The learned factor τ of the kernel."""
        return self.log_temperature.exp()

    @property
    def max_length(self) -> int:
        """Number of tokens after which a text is cut."""
        return text_limit(self.config.encoder_config, self.tokenizer, self.config.max_length)

    def encode(self, input_ids: Tensor, attention_mask: Tensor | None, *, support: bool = False) -> Tensor:
        """Return f'(x), or g'(x) where `support`, of tokenized texts: `(n_texts, dim)`.

        Args:
            input_ids: `(n_texts, length)`.
            attention_mask: `(n_texts, length)`; None where nothing is padded.
            support: Whether to use the encoder of the examples, where it is a separate one.
        """
        encoder = self.support_encoder if support and self.support_encoder is not None else self.encoder
        hidden = encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask if attention_mask is not None else torch.ones_like(input_ids)
        vectors = pool(hidden, mask, self.config.pooling)
        return normalize(vectors, dim=-1) if self.config.normalize else vectors

    def embed(
        self,
        texts: Sequence[str],
        *,
        support: bool = False,
        batch_tokens: int = 512,
        show_progress: bool | None = None,
    ) -> Tensor:
        """Return f'(x), or g'(x) where `support`, of texts: `(n_texts, dim)`, on the model's device.

        Args:
            texts: The texts.
            support: Whether to use the encoder of the examples, where it is a separate one.
            batch_tokens: Texts are sorted by length and encoded in batches of so many padded tokens.
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
            examples = _full_precision(support_vectors)[support]
            queries = _full_precision(text_vectors)[query]
            labels = support_labels.to(examples.dtype)
            weights = support_weights.to(examples.dtype)
            g = self.context.embed_support(examples, weights)
            f = self.context.embed_query(queries, examples, g, weights)
            log_probs = self._vote(f, g, labels, weights)
            membership = self._membership(f, g, labels, weights, log_probs)
            loss = None if query_labels is None else self._loss(log_probs, membership, query_labels)
        return MatchingOutput(loss=loss, log_probs=log_probs, membership=membership)

    def match(
        self,
        query: Tensor,
        support: Tensor,
        labels: Tensor,
        weights: Tensor | None = None,
        support_in_context: Tensor | None = None,
    ) -> Tensor:
        """Return log-probabilities `(n_query, n_way)` of embedded queries given an embedded support set.

        Args:
            query: `(n_query, dim)` f'(x); or `(n_episodes, n_query, dim)`, and the others likewise.
            support: `(n_support, dim)` g'(x_i).
            labels: `(n_support, n_way)`.
            weights: `(n_support,)`; by default 1.
            support_in_context: `(n_support, dim)` g(x_i, S) from `contextualize`, to save computing it again.
        """
        f, g, labels, weights = self._in_context(query, support, labels, weights, support_in_context)
        log_probs = self._vote(f, g, labels, weights)
        return log_probs if query.dim() == 3 else log_probs[0]

    def contextualize(self, support: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return g(x_i, S) for g'(x_i), `(n_support, dim)` or `(n_episodes, n_support, dim)`."""
        batched = support if support.dim() == 3 else support[None]
        weights = batched.new_ones(batched.shape[:-1]) if weights is None else weights.view(batched.shape[:-1])
        embedded = self.context.embed_support(batched, weights)
        return embedded if support.dim() == 3 else embedded[0]

    def attend(
        self, query: Tensor, support: Tensor, labels: Tensor, weights: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return log-probabilities, as `match`, and the attention `(n_query, n_support)` behind them."""
        f, g, y, w = self._in_context(query, support, labels, weights, None)
        log_probs = self._vote(f, g, y, w)
        weights_of = attention(self.temperature * kernel_scores(f, g, self.config.kernel), y, w, log_probs)
        return (log_probs, weights_of) if query.dim() == 3 else (log_probs[0], weights_of[0])

    def represent(self, query: Tensor, support: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return h(x) = Σ_i a(x, x_i) g(x_i, S), `(n_query, dim)`: texts placed by what they resemble."""
        f, g, y, w = self._in_context(query, support, labels, weights, None)
        h = self._represent(f, g, y, w, self._vote(f, g, y, w))
        return h if query.dim() == 3 else h[0]

    def membership_logits(
        self, query: Tensor, support: Tensor, labels: Tensor, weights: Tensor | None = None
    ) -> Tensor:
        """Return the logit that each query belongs to the support set's classes, `(n_query,)`."""
        f, g, y, w = self._in_context(query, support, labels, weights, None)
        logits = self._membership(f, g, y, w, self._vote(f, g, y, w))
        return logits if query.dim() == 3 else logits[0]

    def _in_context(
        self,
        query: Tensor,
        support: Tensor,
        labels: Tensor,
        weights: Tensor | None,
        support_in_context: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        if weights is None:
            weights = support.new_ones(support.shape[:-1])
        if query.dim() == 2:
            query, support, labels, weights = query[None], support[None], labels[None], weights[None]
            support_in_context = None if support_in_context is None else support_in_context[None]
        g = self.context.embed_support(support, weights) if support_in_context is None else support_in_context
        return self.context.embed_query(query, support, g, weights), g, labels.to(g.dtype), weights.to(g.dtype)

    def _encode_batch(
        self, input_ids: Tensor, attention_mask: Tensor, support: Tensor, query: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        if self.support_encoder is None:
            return encode_by_length(self.encode, input_ids, attention_mask), None
        tables = []
        for rows, is_support in ((query.unique(), False), (support.unique(), True)):
            encode = partial(self.encode, support=is_support)
            vectors = encode_by_length(encode, input_ids[rows], attention_mask[rows])
            table = vectors.new_zeros(len(input_ids), vectors.shape[-1])
            tables.append(table.index_copy(0, rows, vectors))
        return tables[0], tables[1]

    def _vote(self, f: Tensor, g: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        return vote(
            f,
            g,
            labels,
            weights,
            temperature=self.temperature,
            prototype_share=self.prototype_share if self.prototype_share is not None else 0.0,
            kernel=self.config.kernel,
            class_vote=self.config.class_vote,
        )

    def _represent(self, f: Tensor, g: Tensor, labels: Tensor, weights: Tensor, log_probs: Tensor) -> Tensor:
        scores = self.temperature * kernel_scores(f, g, self.config.kernel)
        return represent(attention(scores, labels, weights, log_probs), g)

    def _membership(self, f: Tensor, g: Tensor, labels: Tensor, weights: Tensor, log_probs: Tensor) -> Tensor:
        scores = kernel_scores(f, g, self.config.kernel)
        nearest = scores.masked_fill(~(weights > 0)[..., None, :], -torch.inf).amax(-1, keepdim=True)
        h = represent(attention(self.temperature * scores, labels, weights, log_probs), g)
        return self.membership(torch.cat([h, nearest], dim=-1))[..., 0]

    def _loss(self, log_probs: Tensor, membership: Tensor, query_labels: Tensor) -> Tensor:
        known = query_labels >= 0
        targets = query_labels.clamp_min(0)
        nll = -log_probs.gather(-1, targets[..., None])[..., 0].masked_fill(~known, 0.0)
        loss = (nll.sum(-1) / known.sum(-1).clamp_min(1)).mean()
        if self.membership.weight.requires_grad:
            present = query_labels != PAD_QUERY
            belongs = (query_labels != UNKNOWN).to(membership.dtype)
            entropy = binary_cross_entropy_with_logits(membership, belongs, reduction="none")
            loss = loss + ((entropy * present).sum(-1) / present.sum(-1).clamp_min(1)).mean()
        return loss


def _config_of(encoder: nn.Module) -> dict[str, Any]:
    config = encoder.config
    if not isinstance(config, PreTrainedConfig):
        raise TypeError(f"the encoder's config is a {type(config).__name__}; it must be a PreTrainedConfig.")
    return config.to_dict()


def _full_precision(vectors: Tensor) -> Tensor:
    return vectors.float() if vectors.dtype in (torch.float16, torch.bfloat16) else vectors


AutoConfig.register(MatchingNetworkConfig.model_type, MatchingNetworkConfig)
AutoModel.register(MatchingNetworkConfig, MatchingNetwork)
