"""What a fitted classifier knows: the support set, its memory and its confidence; replaced as one, never changed."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from fewtext.data.names import names_are_words
from fewtext.inference.confidence import Confidence
from fewtext.inference.counted import counted_tensors, counted_texts
from fewtext.inference.growing import large_memory
from fewtext.inference.held_out import HeldOut, leave_each_out, leave_one_out, some_examples
from fewtext.inference.keys import KEY_TEMPERATURE, VOTE_SHARE, ClassKeys
from fewtext.inference.large import BY_DEFAULT, LargeSettings, enlarged, reduced, too_large
from fewtext.inference.large_memory import LargeMemory
from fewtext.inference.memory import Memory
from fewtext.inference.rows import rows_among, some_vectors
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
        large: How a large support set is kept and searched.
        keys: Class keys, where it was adapted.
        queries: `(n, dim)` embeddings f' of what is in the memory; the same as its examples where the encoder
            is shared.
        stored: The confidence that was saved, so that it need not be fitted again.
        before: The state before the encoder learned the examples: what leaves them out truly.
        weights: A sample of the model's weights when the examples were embedded.
        searched: The memory of a large support set, which is taken over from state to state.
    """

    model: MatchingNetwork
    support: SupportSet
    named: bool
    large: LargeSettings = BY_DEFAULT
    keys: ClassKeys | None = None
    queries: Tensor | None = None
    stored: Confidence | None = None
    before: State | None = None
    weights: Tensor | None = None
    searched: LargeMemory | None = None

    @classmethod
    def of(
        cls,
        model: MatchingNetwork,
        support: SupportSet,
        label_names: bool | str,
        large: LargeSettings = BY_DEFAULT,
        *,
        keys: ClassKeys | None = None,
        weights: Tensor | None = None,
        known: LargeMemory | None = None,
    ) -> State:
        """Return the state of an embedded support set; raises `ValueError` for a class that nothing stands for.

        Args:
            model: What embedded it.
            support: The support set.
            label_names: Whether class names count.
            large: How a large one is kept and searched.
            keys: Class keys.
            weights: A sample of the model's weights, where it was taken already.
            known: The memory of a large support set that this one came from.
        """
        named = names_count(support, label_names)
        weights = weights_sample(model.encoder, model.support_encoder) if weights is None else weights
        if model.config.kernel != "cosine" or not large.apply_to(support.shares):
            return cls(model, reduced(support), named, large, keys, weights=weights)
        support = enlarged(support, large.precision)
        memory = large_memory(model, support, named, large.by_index, known)
        return cls(model, support, named, large, weights=weights, searched=memory)

    @classmethod
    def embed(
        cls,
        model: MatchingNetwork,
        support: SupportSet,
        label_names: bool | str,
        large: LargeSettings = BY_DEFAULT,
        *,
        known: SupportSet | None = None,
    ) -> State:
        """Return the state of a support set; what `known` has embeddings of is not embedded again."""
        names_count(support, label_names)
        return cls.of(model, embedded(model, support, label_names, known), label_names, large)

    @property
    def memory(self) -> Memory | LargeMemory:
        """What queries are matched with."""
        return self.small_memory if self.searched is None else self.searched

    @cached_property
    def small_memory(self) -> Memory:
        """What queries are matched with, unless the support set is large; made when the first is asked."""
        examples, labels, weights = counted_tensors(self.support, self.named, self.model.config.name_weight)
        device = self.model.device
        memory = Memory.build(self.model.matcher, examples.to(device), labels.to(device), weights.to(device))
        scale = KEY_TEMPERATURE / self.model.matcher.temperature.item()  # of the keys, whatever the vote's was
        return replace(memory, keys=self.keys, vote_share=VOTE_SHARE * scale if self.learned else 0.0)

    def adapted(self) -> State:
        """Return the state with class keys fitted to the examples."""
        self.check_small("adapt")
        keyed = self._keyed()
        if self.before is not None:
            return replace(keyed, before=self.before if self.before.learned else self.before.adapted())
        if self.learned:
            warnings.warn(
                "the encoder was trained on these examples before it was loaded, so confidence is fitted on what it "
                'knows and promises too much; adapt("encoder") before saving fits both.',
                stacklevel=3,
            )
            return replace(keyed, stored=Confidence.fit(keyed.left_out(), several=self.support.several))
        return keyed

    def changed(self, support: SupportSet, label_names: bool | str, large: LargeSettings) -> State:
        """Return the state of a changed support set, adapted again where it was; what is adapted stays small."""
        large = replace(large, size=sys.maxsize) if self.is_adapted else large
        if self.is_current:
            names_count(support, label_names)
            support = embedded(self.model, support, label_names, self.support)
            state = State.of(self.model, support, label_names, large, weights=self.weights, known=self.searched)
        else:
            support.check_has_texts()
            state = State.embed(self.model, support.without_vectors(), label_names, large)
        state = state._keyed() if self.is_adapted else state
        if self.before is not None:
            return replace(state, before=self.before.changed(support.without_vectors(), label_names, large))
        return replace(state, stored=self.confidence) if state.learned else state

    def learned_by(self, model: MatchingNetwork, label_names: bool | str) -> State:
        """Return the state of a model whose encoder was trained on these examples."""
        return replace(State.embed(model, self.support.without_vectors(), label_names, self.large), before=self)

    def check_small(self, what: str) -> None:
        """Raise `ValueError` where the support set is large."""
        if self.support.is_large:
            raise too_large(len(self.support), what)

    @property
    def is_current(self) -> bool:
        """Whether the model is as it was when the examples were embedded: not trained in place since."""
        return self.weights is None or torch.equal(
            self.weights, weights_sample(self.model.encoder, self.model.support_encoder)
        )

    @property
    def is_adapted(self) -> bool:
        """Whether the memory has class keys."""
        return self.keys is not None

    @cached_property
    def learned(self) -> bool:
        """Whether the encoder was trained on examples among these; then leaving them out promises too much."""
        return bool(self.model.fine_tuned_on) and bool(len(rows_among(self.support.ids, self.model.fine_tuned_on)))

    @cached_property
    def held_out(self) -> HeldOut | None:
        """What examples get as answers while they are left out; None where that cannot be.

        Every example is asked, but of a large support set a part, as confidence needs no more.
        """
        if self.learned:
            return None if self.before is None else self.before.held_out
        return self.left_out()

    @cached_property
    def all_held_out(self) -> HeldOut | None:
        """The same for every example, whatever their number."""
        if self.learned:
            return None if self.before is None else self.before.all_held_out
        if self.held_out is None or self.held_out.complete:
            return self.held_out
        return self.left_out(ask_all=True)

    def left_out(self, ask_all: bool = False) -> HeldOut | None:
        """Ask examples of the others, whether or not the encoder has learned them; all, or a part of many."""
        memory = self.searched
        if memory is None:
            return leave_one_out(self.small_memory, len(self.support), self._queries(), ask_all)
        asked = some_examples(len(self.support))
        if self.model.support_encoder is None:
            queries = some_vectors(memory.vectors, asked)
        else:
            self.support.check_has_texts()
            queries = self.model.embed([self.support.texts[row] for row in asked.tolist()])
        return leave_each_out(memory, asked, queries)

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
        return replace(self, keys=self.small_memory.adapted(queries).keys, queries=queries, stored=None)

    def _queries(self) -> Tensor:
        if self.queries is not None:
            return self.queries
        if self.model.support_encoder is None:
            return self.small_memory.examples
        self.support.check_has_texts()
        return self.model.embed(counted_texts(self.support, self.named))


def names_count(support: SupportSet, label_names: bool | str) -> bool:
    """Tell whether class names count as examples; raises `ValueError` for a class that nothing stands for."""
    named = names_are_words(support.names.values()) if label_names == "auto" else bool(label_names)
    if named:
        return True
    have = support.classes_with_examples | set(support.descriptions)
    if bare := [label for label in support.classes if label not in have]:
        raise ValueError(
            f"the class {bare[0]!r} has neither an example nor a description, and class names do not count as "
            "examples here: give it one, or set label_names=True."
        )
    return False


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
    names = support.names.values() if label_names is not False else ()
    wanted = {*names, *support.descriptions.values()}
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
