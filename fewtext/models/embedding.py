"""Encoding many texts: sorted by length, in batches of a bounded number of padded tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from tqdm.auto import tqdm

from fewtext.data.columns import check_texts
from fewtext.data.tokenization import pad_ids, tokenize, unknown_texts, warn_truncated, warn_unknown
from fewtext.models.batch_bound import (
    CANDIDATES,
    DEFAULTS,
    fastest,
    known_bound,
    remember_bound,
    timed_batches,
    trial_batches,
    work_to_measure,
)
from fewtext.models.devices import encoding_precision

if TYPE_CHECKING:
    from fewtext.models.modeling import MatchingNetwork

TRAINING_TOKENS = {"cpu": 2048, "cuda": 32_768}
"""Padded tokens in one pass of the encoder while training: a GPU wants few large passes, for each is slow to start."""


def batches_by_length(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Yield rows, short texts first, in batches of at most `batch_tokens` padded tokens (at least one text).

    A batch that is half full also ends where the texts get longer: most batches then need no padding.

    >>> list(batches_by_length([5, 1, 2], batch_tokens=4))
    [[1, 2], [0]]
    """
    batch: list[int] = []
    for row in np.argsort(np.asarray(lengths), kind="stable").tolist():
        if batch:
            length = lengths[batch[-1]]
            full = (len(batch) + 1) * lengths[row] > batch_tokens
            if full or (lengths[row] > length and 2 * len(batch) * length >= batch_tokens):
                yield batch
                batch = []
        batch.append(row)
    if batch:
        yield batch


@dataclass(frozen=True)
class TextVectors:
    """The embeddings of distinct texts.

    Attributes:
        rows: The row of each text.
        queries: `(n_texts, dim)` f'.
        examples: `(n_texts, dim)` g'; the same tensor where encoder and prompt are shared.
    """

    rows: Mapping[str, int]
    queries: Tensor
    examples: Tensor


def text_vectors(model: MatchingNetwork, texts: Iterable[str], show_progress: bool | None = None) -> TextVectors:
    """Embed each distinct text as a query and as an example: once, where encoder and prompt are shared."""
    rows = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    queries = model.embed(list(rows), show_progress=show_progress)
    if model.embeds_alike:
        return TextVectors(rows, queries, queries)
    return TextVectors(rows, queries, model.embed(list(rows), support=True, show_progress=show_progress))


def embed_texts(
    model: MatchingNetwork,
    texts: Sequence[str],
    *,
    support: bool,
    batch_tokens: int | None,
    show_progress: bool | None,
) -> Tensor:
    """Return the embeddings of texts, `(n_texts, dim)`; see `MatchingNetwork.embed`."""
    with torch.inference_mode():
        vectors = _embed(model, texts, support, batch_tokens, show_progress)
    return vectors.clone()  # an ordinary tensor, which may take part in training


def _embed(
    model: MatchingNetwork, texts: Sequence[str], support: bool, batch_tokens: int | None, show_progress: bool | None
) -> Tensor:
    tokenizer = model.tokenizer
    if tokenizer is None:
        raise TypeError("this model has no tokenizer, so it cannot read texts; set model.tokenizer.")
    texts = check_texts(texts)
    scalar = model.matcher.log_temperature  # vectors have the precision of the matching, whatever the encoder's
    vectors = scalar.new_empty(len(texts), model.config.embedding_size)
    if not texts:
        return vectors
    if prompt := model.config.support_prompt if support else model.config.query_prompt:
        texts = [prompt + text for text in texts]
    ids, truncated = tokenize(tokenizer, texts, model.max_length)
    if truncated and not model.warned_truncation:
        warn_truncated(truncated, model.max_length)
        model.warned_truncation = True
    if not model.warned_unknown and (strange := unknown_texts(tokenizer, texts, ids)):
        warn_unknown(strange)
        model.warned_unknown = True
    pad_id = tokenizer.pad_token_id or 0
    training = model.training
    if training:
        model.eval()
    lengths = [len(row) for row in ids]
    quiet = show_progress is False or len(ids) * max(lengths) <= DEFAULTS["cpu"]  # one batch needs no bar
    try:
        # delay: a bar appears only where the work takes longer than two seconds
        with tqdm(total=len(texts), desc="Encoding", unit="text", delay=2, disable=quiet) as bar:

            def encode(rows: list[int]) -> None:
                input_ids, mask = pad_ids([ids[row] for row in rows], pad_id)
                padded = None if bool(mask.all()) else _moved(mask, model.device)
                with encoding_precision(model.device):
                    found = model.encode(_moved(input_ids, model.device), padded, support=support)
                vectors[_moved(torch.tensor(rows), model.device)] = found.to(vectors.dtype)
                bar.update(len(rows))

            rest: Sequence[int] = range(len(ids))
            if batch_tokens is None:
                batch_tokens, rest = _measured(model, lengths, encode)
            for rows in batches_by_length([lengths[row] for row in rest], batch_tokens):
                encode([rest[row] for row in rows])
    finally:
        if training:
            model.train()
    return vectors


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on the model's device; to a GPU it is copied while that is still at work."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def _measured(
    model: MatchingNetwork, lengths: Sequence[int], encode: Callable[[list[int]], None]
) -> tuple[int, Sequence[int]]:
    """Return the bound of a batch, and the texts that are still to be encoded where a part had to be to measure it."""
    device = model.device.type
    encoder = model.config.encoder_config
    layers = getattr(encoder, "num_hidden_layers", 0)
    kind = f"{type(model).__name__} of {encoder.model_type}, {layers} layers of {encoder.hidden_size}"
    bound = known_bound(device, kind)
    if bound is not None or sum(lengths) < work_to_measure(device) or device not in CANDIDATES:
        return bound or DEFAULTS.get(device, DEFAULTS["cpu"]), range(len(lengths))
    trials = trial_batches(lengths, device)
    if not all(rows for _, rows in trials):  # too few texts, if long ones
        return DEFAULTS[device], range(len(lengths))
    bound = fastest(timed_batches(trials, lengths, encode))
    remember_bound(device, kind, bound)
    done = {row for _, rows in trials for row in rows}
    return bound, [row for row in range(len(lengths)) if row not in done]


def encode_for_training(
    model: MatchingNetwork, input_ids: Tensor, attention_mask: Tensor, *, support: bool = False
) -> Tensor:
    """Return f'(x), or g'(x) where `support`, of a padded batch, `(n_texts, dim)`, with gradients.

    In passes of `model.training_tokens` padded tokens; None are as many as suit the device. Where
    `model.gradient_cache`, a pass keeps nothing but its vectors and is run again in the backward pass, so that one
    pass at a time takes memory, whatever the number of texts (GradCache, Gao et al. 2021, arXiv:2101.06983).
    """
    encode: Callable[[Tensor, Tensor], Tensor] = partial(model.encode, support=support)
    if model.gradient_cache and torch.is_grad_enabled():
        encode = partial(checkpoint, encode, use_reentrant=False)
    device = input_ids.device.type
    bound = model.training_tokens or TRAINING_TOKENS.get(device, TRAINING_TOKENS["cpu"])
    if device != "cpu" and input_ids.numel() <= bound:  # one pass, which need not wait for the lengths of the texts
        return encode(input_ids, attention_mask)
    return encode_by_length(encode, input_ids, attention_mask, bound)


def encode_by_length(
    encode: Callable[[Tensor, Tensor], Tensor], input_ids: Tensor, attention_mask: Tensor, batch_tokens: int
) -> Tensor:
    """Encode a padded batch in passes of similar length, `(n_texts, dim)`.

    The texts of an episode differ in length; one pass over all of them would spend most of it on padding.
    """
    lengths = attention_mask.sum(-1).tolist()
    order, parts = [], []
    for rows in batches_by_length(lengths, batch_tokens):
        longest = max(lengths[row] for row in rows)
        parts.append(encode(input_ids[rows, :longest], attention_mask[rows, :longest]))
        order += rows
    restore = torch.empty(len(order), dtype=torch.long)
    restore[order] = torch.arange(len(order))
    return torch.cat(parts)[restore.to(input_ids.device)]
