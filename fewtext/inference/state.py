"""What a fitted classifier knows: the support set, its memory and its confidence; replaced as one, never changed."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from fewtext.inference.confidence import Confidence
from fewtext.inference.held_out import HeldOut, leave_one_out
from fewtext.inference.keys import ClassKeys
from fewtext.inference.memory import Answers, Memory
from fewtext.inference.support import SupportSet, use_names
from fewtext.models.modeling import MatchingNetwork


@dataclass(frozen=True)
class State:
    """A support set with all that follows from it.

    Attributes:
        model: The Matching Network that embedded it.
        support: The support set, embedded.
        named: Whether class names count as examples.
        memory: What queries are matched with.
        queries: `(n, dim)` embeddings f' of what is in the memory; the same as its examples where the encoder
            is shared.
        unknown: What the memory answers to texts that belong to no class, where some were given.
        stored: The confidence that was saved, so that it need not be fitted again.
    """

    model: MatchingNetwork
    support: SupportSet
    named: bool
    memory: Memory
    queries: Tensor | None = None
    unknown: Answers | None = None
    stored: Confidence | None = None

    @classmethod
    def of(
        cls, model: MatchingNetwork, support: SupportSet, label_names: bool | str, keys: ClassKeys | None = None
    ) -> State:
        """Return the state of an embedded support set; raises `ValueError` for a class that nothing stands for."""
        named = use_names(label_names, support.names.values())
        described = set(support.descriptions)
        have = {label for shares in support.shares for label in shares} | described
        if not named and (bare := [label for label in support.classes if label not in have]):
            raise ValueError(
                f"the class {bare[0]!r} has neither an example nor a description, and class names do not count as "
                "examples here: give it one, or set label_names=True."
            )
        tensors = support.tensors(named, model.config.name_weight)
        examples, labels, weights = (tensor.to(model.device) for tensor in tensors)
        memory = Memory.build(model.matcher, examples, labels, weights)
        return cls(model, support, named, memory if keys is None else replace(memory, keys=keys))

    def adapted(self) -> State:
        """Return the state with class keys fitted to the examples."""
        queries = self._queries()
        return replace(self, memory=self.memory.adapted(queries), queries=queries, stored=None)

    def with_unknown(self, texts: list[str]) -> State:
        """Return the state with texts that belong to no class."""
        return replace(self, unknown=self.memory.answer(self.model.embed(texts)), stored=None)

    @property
    def is_adapted(self) -> bool:
        """Whether the memory has class keys."""
        return self.memory.keys is not None

    @cached_property
    def held_out(self) -> HeldOut | None:
        """What each example gets as an answer while it is left out; None where that cannot be."""
        state = self if self.queries is not None else replace(self, queries=self._queries())
        assert state.queries is not None
        return leave_one_out(self.model.matcher, self.support, self.memory, state.queries)

    @cached_property
    def confidence(self) -> Confidence:
        """Temperature and thresholds."""
        return self.stored if self.stored is not None else Confidence.fit(self.held_out, self.unknown)

    def _queries(self) -> Tensor:
        if self.queries is not None:
            return self.queries
        if self.model.support_encoder is None:
            return self.memory.examples
        self.support.check_has_texts()
        texts, _ = self.support.class_texts(self.named)
        return self.model.embed([*self.support.texts, *texts])


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
    have: dict[str, Tensor] = {**(known.class_vectors if known is not None else {}), **support.class_vectors}
    rows: dict[str, int] = {}
    if known is not None and known.vectors is not None:
        rows = {text: i for i, text in enumerate(known.texts) if text}
    names = support.names.values() if label_names is not False else ()
    wanted = {*names, *support.descriptions.values()}
    new_class_texts = sorted(wanted - set(have))
    new_texts = [] if support.vectors is not None else [text for text in support.texts if text not in rows]
    fresh = list(dict.fromkeys([*new_texts, *new_class_texts]))
    vectors = model.embed(fresh, support=True).cpu()
    found = dict(zip(fresh, vectors, strict=True))
    class_vectors = {text: found[text] if text in found else have[text] for text in wanted}
    if support.vectors is not None:
        return replace(support, class_vectors=class_vectors)
    lookup = known.vectors if known is not None else None
    table = [found[text] if text in found else lookup[rows[text]] for text in support.texts]  # type: ignore[index]
    stacked = torch.stack(table) if table else vectors.new_zeros(0, model.config.embedding_size)
    return replace(support, vectors=stacked, class_vectors=class_vectors)


def warn_repeated(support: SupportSet, among: Iterable[str] | None = None) -> None:
    """Warn about texts that are there twice, and about those that say different things."""
    concerned = None if among is None else set(among)

    def first(groups: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
        return [rows for rows in groups if concerned is None or support.texts[rows[0]] in concerned]

    contradictions = first(support.contradictions)
    if contradictions:
        rows = contradictions[0]
        labels = sorted({str(support.labels[i]) for i in rows})
        warnings.warn(
            f"{len(contradictions)} text(s) stand under several labels, such as {support.texts[rows[0]]!r} under "
            f"{' and '.join(labels)}: remove one of them (ids {', '.join(support.ids[i] for i in rows)}), or give the "
            "text a list of labels.",
            stacklevel=3,
        )
    repeated = [rows for rows in first(support.duplicates) if rows not in contradictions]
    if repeated:
        warnings.warn(
            f"{len(repeated)} text(s) are there more than once under one label and count as often, such as "
            f"{support.texts[repeated[0][0]]!r}.",
            stacklevel=3,
        )
