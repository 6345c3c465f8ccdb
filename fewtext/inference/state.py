"""What a fitted classifier knows: the support set, its memory and its confidence; replaced as one, never changed."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from fewtext.data.names import names_are_words
from fewtext.inference.confidence import Confidence
from fewtext.inference.counted import counted_tensors, counted_texts
from fewtext.inference.held_out import HeldOut, leave_one_out
from fewtext.inference.keys import KEY_TEMPERATURE, VOTE_SHARE, ClassKeys
from fewtext.inference.memory import Memory
from fewtext.inference.support import SupportSet
from fewtext.models.layers import weights_sample
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
        stored: The confidence that was saved, so that it need not be fitted again.
        before: The state before the encoder learned the examples: what leaves them out truly.
        weights: A sample of the model's weights when the examples were embedded.
    """

    model: MatchingNetwork
    support: SupportSet
    named: bool
    memory: Memory
    queries: Tensor | None = None
    stored: Confidence | None = None
    before: State | None = None
    weights: Tensor | None = None

    @classmethod
    def of(
        cls, model: MatchingNetwork, support: SupportSet, label_names: bool | str, keys: ClassKeys | None = None
    ) -> State:
        """Return the state of an embedded support set; raises `ValueError` for a class that nothing stands for."""
        named = names_count(support, label_names)
        examples, labels, weights = counted_tensors(support, named, model.config.name_weight)
        device = model.device
        memory = Memory.build(model.matcher, examples.to(device), labels.to(device), weights.to(device))
        memory = replace(memory, keys=keys)
        state = cls(model, support, named, memory, weights=weights_sample(model.encoder, model.support_encoder))
        if not state.learned:
            return state
        scale = KEY_TEMPERATURE / model.matcher.temperature.item()  # of the keys, whatever the vote's was
        return replace(state, memory=replace(memory, vote_share=VOTE_SHARE * scale))

    @classmethod
    def embed(
        cls, model: MatchingNetwork, support: SupportSet, label_names: bool | str, known: SupportSet | None = None
    ) -> State:
        """Return the state of a support set; what `known` has embeddings of is not embedded again."""
        names_count(support, label_names)
        return cls.of(model, embedded(model, support, label_names, known), label_names)

    def adapted(self) -> State:
        """Return the state with class keys fitted to the examples."""
        keyed = self._keyed()
        if self.before is not None:
            return replace(keyed, before=self.before if self.before.learned else self.before.adapted())
        if self.learned:
            warnings.warn(
                "the encoder was trained on these examples before it was loaded, so confidence is fitted on what it "
                'knows and promises too much; adapt("encoder") before saving fits both.',
                stacklevel=3,
            )
            known = leave_one_out(keyed.memory, len(self.support), keyed._queries())
            return replace(keyed, stored=Confidence.fit(known, several=self.support.several))
        return keyed

    def changed(self, support: SupportSet, label_names: bool | str) -> State:
        """Return the state of a changed support set, adapted again where it was."""
        if self.is_current:
            state = State.embed(self.model, support, label_names, known=self.support)
        else:
            support.check_has_texts()
            state = State.embed(self.model, support.without_vectors(), label_names)
        state = state._keyed() if self.is_adapted else state
        if self.before is not None:
            return replace(state, before=self.before.changed(support.without_vectors(), label_names))
        return replace(state, stored=self.confidence) if state.learned else state

    def learned_by(self, model: MatchingNetwork, label_names: bool | str) -> State:
        """Return the state of a model whose encoder was trained on these examples."""
        return replace(State.embed(model, self.support.without_vectors(), label_names), before=self)

    @property
    def is_current(self) -> bool:
        """Whether the model is as it was when the examples were embedded: not trained in place since."""
        return self.weights is None or torch.equal(
            self.weights, weights_sample(self.model.encoder, self.model.support_encoder)
        )

    @property
    def is_adapted(self) -> bool:
        """Whether the memory has class keys."""
        return self.memory.keys is not None

    @property
    def learned(self) -> bool:
        """Whether the encoder was trained on examples among these; then leaving them out promises too much."""
        return not self.model.fine_tuned_on.isdisjoint(self.support.ids)

    @cached_property
    def held_out(self) -> HeldOut | None:
        """What examples get as answers while they are left out; None where that cannot be.

        Every example is asked, but of a large support set a part, as confidence needs no more.
        """
        if self.learned:
            return None if self.before is None else self.before.held_out
        return leave_one_out(self.memory, len(self.support), self._queries())

    @cached_property
    def all_held_out(self) -> HeldOut | None:
        """The same for every example, whatever their number."""
        if self.learned:
            return None if self.before is None else self.before.all_held_out
        if self.held_out is None or self.held_out.complete:
            return self.held_out
        return leave_one_out(self.memory, len(self.support), self._queries(), ask_all=True)

    @cached_property
    def confidence(self) -> Confidence:
        """Temperature and thresholds."""
        if self.stored is not None:
            return self.stored
        if self.before is not None:
            return self.before.confidence  # leaving out what the encoder has learned would promise too much
        unknown = list(self.support.unknown)
        outside = self.memory.answer(self.model.embed(unknown)) if unknown else None
        return Confidence.fit(self.held_out, outside, self.support.several)

    def _keyed(self) -> State:
        queries = self._queries()
        return replace(self, memory=self.memory.adapted(queries), queries=queries, stored=None)

    def _queries(self) -> Tensor:
        if self.queries is not None:
            return self.queries
        if self.model.support_encoder is None:
            return self.memory.examples
        self.support.check_has_texts()
        return self.model.embed(counted_texts(self.support, self.named))


def names_count(support: SupportSet, label_names: bool | str) -> bool:
    """Tell whether class names count as examples; raises `ValueError` for a class that nothing stands for."""
    named = names_are_words(support.names.values()) if label_names == "auto" else bool(label_names)
    have = {label for shares in support.shares for label in shares} | set(support.descriptions)
    if not named and (bare := [label for label in support.classes if label not in have]):
        raise ValueError(
            f"the class {bare[0]!r} has neither an example nor a description, and class names do not count as "
            "examples here: give it one, or set label_names=True."
        )
    return named


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
