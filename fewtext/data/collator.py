"""From episodes to tensors: each distinct text of a batch once, and for every episode where its texts are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from fewtext.data.episodes import Episode, take_turns
from fewtext.data.markers import PAD_QUERY
from fewtext.data.tokenization import TokenCache, pad_ids


def distinct_texts(episodes: Sequence[Episode]) -> dict[str, int]:
    """Return the row of each distinct text of the episodes, in order of appearance."""
    texts = (text for e in episodes for text in (*e.support_texts, *e.names, *e.query_texts))
    return {text: row for row, text in enumerate(dict.fromkeys(texts))}


def index_episodes(
    episodes: Sequence[Episode], rows: Mapping[str, int], name_weight: float = 1.0
) -> dict[str, Tensor]:
    """Return the episodes as padded index tensors.

    Args:
        episodes: The episodes.
        rows: The row of each text in the table of texts or vectors that the indices point to.
        name_weight: Weight of a class name in the support set; an example has 1.

    Returns:
        `support` `(n_episodes, n_support)` rows; `support_labels` `(n_episodes, n_support, n_way)` one-hot;
        `support_weights` `(n_episodes, n_support)`, 0 where padded; `query` `(n_episodes, n_query)` rows;
        `query_labels` `(n_episodes, n_query)`, -1 for unknown, -100 where padded; `episode_numbers`
        `(n_episodes,)`.
    """
    n = len(episodes)
    n_support = max(len(e.support_texts) + len(e.names) for e in episodes)
    n_query = max(len(e.query_texts) for e in episodes)
    n_way = max(len(e.classes) for e in episodes)
    support = torch.zeros(n, n_support, dtype=torch.long)
    labels = torch.zeros(n, n_support, n_way)
    weights = torch.zeros(n, n_support)
    query = torch.zeros(n, n_query, dtype=torch.long)
    query_labels = torch.full((n, n_query), PAD_QUERY, dtype=torch.long)
    for i, e in enumerate(episodes):
        examples, names = len(e.support_texts), len(e.names)
        support[i, : examples + names] = torch.tensor([rows[text] for text in (*e.support_texts, *e.names)])
        of_class = torch.tensor([*e.support_labels, *range(names)])
        labels[i, torch.arange(examples + names), of_class] = 1.0
        weights[i, :examples] = 1.0
        weights[i, examples : examples + names] = name_weight
        query[i, : len(e.query_texts)] = torch.tensor([rows[text] for text in e.query_texts])
        query_labels[i, : len(e.query_labels)] = torch.tensor(e.query_labels)
    return {
        "support": support,
        "support_labels": labels,
        "support_weights": weights,
        "query": query,
        "query_labels": query_labels,
        "episode_numbers": torch.tensor([e.number for e in episodes]),
    }


class EpisodeCollator:
    """Make a batch of token ids and index tensors from a list of episodes.

    Tokenized texts are cached, the batch is padded to its longest text, and a text that occurs twice in
    it (with the same prompt) has one row.

    Args:
        tokenizer: A tokenizer of transformers.
        max_length: Texts are cut after so many tokens, with one warning.
        name_weight: Weight of a class name in the support set.
        query_prompt: What is put before every query.
        support_prompt: What is put before every example and class name.
        turns: Episodes made of each, by `take_turns`.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        max_length: int,
        name_weight: float = 1.0,
        query_prompt: str = "",
        support_prompt: str = "",
        turns: int = 1,
    ) -> None:
        self.tokens = TokenCache(tokenizer, max_length)
        self.name_weight = name_weight
        self.query_prompt = query_prompt
        self.support_prompt = support_prompt
        self.turns = turns

    def __call__(self, episodes: Sequence[Episode]) -> dict[str, Tensor]:
        """Return `input_ids`, `attention_mask` `(n_texts, longest)` and what `index_episodes` returns."""
        episodes = _in_turns(episodes, self.turns)
        if self.query_prompt or self.support_prompt:
            episodes = [_prompted(episode, self.query_prompt, self.support_prompt) for episode in episodes]
        rows = distinct_texts(episodes)
        pad_id = self.tokens.tokenizer.pad_token_id
        input_ids, attention_mask = pad_ids(self.tokens(list(rows)), 0 if pad_id is None else pad_id)
        indices = index_episodes(episodes, rows, self.name_weight)
        return {"input_ids": input_ids, "attention_mask": attention_mask, **indices}


def _in_turns(episodes: Sequence[Episode], turns: int) -> Sequence[Episode]:
    return [turn for episode in episodes for turn in take_turns(episode, turns)]


def _prompted(episode: Episode, query_prompt: str, support_prompt: str) -> Episode:
    return replace(
        episode,
        support_texts=tuple(support_prompt + text for text in episode.support_texts),
        names=tuple(support_prompt + name for name in episode.names),
        query_texts=tuple(query_prompt + text for text in episode.query_texts),
    )


class VectorCollator:
    """Make a batch of embeddings and index tensors, for a frozen encoder whose vectors are cached.

    Args:
        rows: The row of each text in the tables.
        queries: `(n_texts, dim)` embeddings f'.
        examples: `(n_texts, dim)` embeddings g'; the same tensor where the encoder is shared.
        name_weight: Weight of a class name in the support set.
        turns: Episodes made of each, by `take_turns`.
    """

    def __init__(
        self,
        rows: Mapping[str, int],
        queries: Tensor,
        examples: Tensor,
        name_weight: float = 1.0,
        turns: int = 1,
    ) -> None:
        self.rows = rows
        self.queries = queries
        self.examples = examples
        self.name_weight = name_weight
        self.turns = turns

    def __call__(self, episodes: Sequence[Episode]) -> dict[str, Tensor]:
        """Return `text_vectors`, `support_vectors` `(n_texts, dim)` and what `index_episodes` returns."""
        episodes = _in_turns(episodes, self.turns)
        rows = distinct_texts(episodes)
        chosen = torch.tensor([self.rows[text] for text in rows])
        return {
            "text_vectors": self.queries[chosen],
            "support_vectors": self.examples[chosen],
            **index_episodes(episodes, rows, self.name_weight),
        }
