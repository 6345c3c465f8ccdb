"""From texts to token ids: in bulk, each text once, and no truncation without a word."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase


def tokenize(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int) -> tuple[list[list[int]], int]:
    """Return the token ids of each text, at most `max_length` of them, and how many texts were cut."""
    ids = tokenizer(
        list(texts),
        truncation=True,
        max_length=max_length,
        padding=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )["input_ids"]
    full = [text for text, row in zip(texts, ids, strict=True) if len(row) >= max_length]
    if not full:
        return ids, 0
    whole = tokenizer(full, padding=False, return_attention_mask=False, verbose=False)["input_ids"]
    return ids, sum(len(row) > max_length for row in whole)


def warn_truncated(n_truncated: int, max_length: int) -> None:
    """Warn that texts were cut to the model's limit."""
    warnings.warn(
        f"{n_truncated} text(s) are longer than {max_length} tokens and were cut there; said once.", stacklevel=3
    )


def unknown_texts(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], ids: Sequence[list[int]]) -> list[str]:
    """Return the texts of which the tokenizer knows no part, such as an emoji: all of them look alike."""
    unknown = tokenizer.unk_token_id
    strange = [i for i, row in enumerate(ids) if unknown in row]
    special = set(tokenizer.all_special_ids) if strange else set()
    return [texts[i] for i in strange if special.issuperset(ids[i])]


def warn_unknown(texts: Sequence[str]) -> None:
    """Warn that the encoder cannot read some texts."""
    warnings.warn(
        f"the encoder knows no part of {len(texts)} text(s), such as {texts[0]!r}, so all such texts look alike to "
        "it; a multilingual encoder reads more scripts and symbols; said once.",
        stacklevel=3,
    )


def pad_ids(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `input_ids` and `attention_mask`, each `(n_texts, longest)`, padded on the right.

    >>> pad_ids([[5, 6], [7]], pad_id=0)[1]
    tensor([[1, 1], [1, 0]])
    """
    lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(mask.shape, pad_id, dtype=np.int64)
    ids[mask] = np.concatenate([np.asarray(row, dtype=np.int64) for row in rows])
    return torch.from_numpy(ids), torch.from_numpy(mask.astype(np.int64))


class TokenCache:
    """Tokenizes each text once and remembers its ids.

    Args:
        tokenizer: A tokenizer of transformers.
        max_length: Texts are cut after so many tokens, with one warning.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, max_length: int) -> None:
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.n_truncated = 0
        self._ids: dict[str, list[int]] = {}

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text."""
        new = [text for text in dict.fromkeys(texts) if text not in self._ids]
        if new:
            ids, truncated = tokenize(self.tokenizer, new, self.max_length)
            if truncated and not self.n_truncated:
                warn_truncated(truncated, self.max_length)
            self.n_truncated += truncated
            self._ids.update(zip(new, ids, strict=True))
        return [self._ids[text] for text in texts]
