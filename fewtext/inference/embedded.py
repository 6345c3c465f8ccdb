"""A support set with its embeddings: each text once, and none that is known already."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from fewtext.inference.rows import rows_among, some_vectors
from fewtext.inference.support import SupportSet
from fewtext.models.modeling import MatchingNetwork


def embedded(
    model: MatchingNetwork, support: SupportSet, label_names: bool | str, known: SupportSet | None = None
) -> SupportSet:
    """Return the support set with embeddings; in one pass, and of what `known` does not have already.

    Args:
        model: What embeds.
        support: The support set.
        label_names: Whether class names count; where they may, they are embedded.
        known: An embedded support set that this one will join or came from.
    """
    names = support.names.values() if label_names is not False else ()
    wanted = {*names, *support.descriptions.values()}
    if support.vectors is not None and wanted == support.class_vectors.keys():
        return support
    have: dict[str, Tensor] = {**(known.class_vectors if known is not None else {}), **support.class_vectors}
    new_class_texts = sorted(wanted - have.keys())
    rows: dict[str, int] = {}
    if support.vectors is None and known is not None and known.vectors is not None:
        texts = set(support.texts) - {""}
        rows = {known.texts[i]: i for i in rows_among(known.texts, texts).tolist()}
    new_texts = [] if support.vectors is not None else [text for text in support.texts if text not in rows]
    fresh = list(dict.fromkeys([*new_texts, *new_class_texts]))
    vectors = model.embed(fresh, support=True).cpu()
    place = {text: i for i, text in enumerate(fresh)}
    class_vectors = {text: have[text] if text in have else vectors[place[text]].clone() for text in wanted}
    if support.vectors is not None:
        return replace(support, class_vectors=class_vectors)
    table = vectors.new_empty(len(support), model.config.embedding_size)
    is_new = np.array([text in place for text in support.texts], dtype=bool)
    table[torch.from_numpy(is_new)] = vectors[[place[text] for text in support.texts if text in place]]
    if rows:
        assert known is not None and known.vectors is not None
        old = np.array([rows[text] for text in support.texts if text not in place], dtype=np.int64)
        table[torch.from_numpy(~is_new)] = some_vectors(known.vectors, old)
    return replace(support, vectors=table, class_vectors=class_vectors)
