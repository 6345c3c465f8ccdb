"""What a fitted classifier knows: the support set, its memory and its confidence; replaced as one, never changed."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from fewtext.data.names import names_are_words
from fewtext.inference.confidence import Confidence
from fewtext.inference.counted import counted_tensors, counted_texts
from fewtext.inference.embedded import embedded
from fewtext.inference.growing import large_memory
from fewtext.inference.held_out import HeldOut, leave_each_out, leave_one_out, some_examples
from fewtext.inference.keys import KEY_PENALTY, LEARNED_KEY_PENALTY, ClassKeys
from fewtext.inference.large import BY_DEFAULT, LargeSettings, enlarged, in_few_pieces, reduced, too_large
from fewtext.inference.large_memory import LargeMemory
from fewtext.inference.memory import Answers, Memory
from fewtext.inference.repeats import read_alike
from fewtext.inference.rows import Rows, rows_among, some_vectors
from fewtext.inference.spelling import Spelling, n_grams
from fewtext.inference.stacking import KEYS_ALONE, LEARNED_SHARES
from fewtext.inference.support import SupportSet
from fewtext.models.layers import weights_sample
from fewtext.models.modeling import MatchingNetwork

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class State:
    """A support set with all that follows from it.

    Attributes:
        model: The Matching Network that embedded it.
        support: The support set, embedded.
        named: Whether class names count as examples.
        large: How a large support set is kept and searched.
        keys: Class keys, where it was adapted.
        spelling: How its classes are spelled, where it was adapted and its texts are known.
        given_shares: How much keys, vote, prototypes and spelling count where it was adapted; None: the examples tell.
        queries: `(n, dim)` embeddings f' of what is in the memory; the same as its examples where encoder and prompt
            are shared.
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
    spelling: Spelling | None = None
    given_shares: tuple[float, ...] | None = None
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
        weights: Tensor | None = None,
        known: LargeMemory | None = None,
    ) -> State:
        """Return the state of an embedded support set; raises `ValueError` for a class that nothing stands for.

        Args:
            model: What embedded it.
            support: The support set.
            label_names: Whether class names count.
            large: How a large one is kept and searched.
            weights: A sample of the model's weights, where it was taken already.
            known: The memory of a large support set that this one came from.
        """
        named = names_count(support, label_names)
        weights = weights_sample(model.encoder, model.support_encoder) if weights is None else weights
        if model.config.kernel != "cosine" or not large.apply_to(support.shares):
            return cls(model, reduced(support), named, large, weights=weights)
        support = enlarged(support, large.precision)
        memory = large_memory(model, support, named, large.by_index, known)
        support = in_few_pieces(support)
        assert isinstance(support.vectors, Rows)
        memory = replace(memory, vectors=support.vectors)
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
        return replace(self._unmixed_memory, shares=self.shares)

    @cached_property
    def _unmixed_memory(self) -> Memory:
        """The same, of keys alone: what finds the shares, and has the examples in context once for both."""
        examples, labels, weights = counted_tensors(self.support, self.named, self.model.config.name_weight)
        device = self.model.device
        memory = Memory.build(self.model.matcher, examples.to(device), labels.to(device), weights.to(device))
        return replace(memory, keys=self.keys)

    def answer(self, texts: Sequence[str], vectors: Tensor) -> Answers:
        """Return the answers to texts, whose embeddings f' are `vectors` `(n_texts, dim)`."""
        if self.searched is not None:
            return self.searched.answer(vectors)
        spelled = None
        if self.spelling is not None and self.shares[-1]:
            spelled = self.spelling.cosines(n_grams(texts))
        return self.small_memory.answer(vectors, spelled)

    def adapted(self) -> State:
        """Return the state with class keys fitted to the examples."""
        self.check_small("adapt")
        keyed = self._keyed()
        if self.before is not None:
            return replace(keyed, before=self.before if self.before.learned else self.before._keyed(as_learned=True))
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
        if self.keys is not None:
            if self.spelling is not None and not support.has_texts:
                warnings.warn("the texts were left out when it was saved, so spelling counts no more.", stacklevel=4)
            state = state._keyed(as_learned=self.keys.penalty == LEARNED_KEY_PENALTY)
        if self.before is not None:
            return replace(state, before=self.before.changed(support.without_vectors(), label_names, large))
        if not (state.model.embeds_alike or state.support.has_texts):
            warnings.warn("the texts were left out when it was saved: confidence stays that of before.", stacklevel=4)
            return replace(state, stored=self.confidence)
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
            if self.keys is not None and self.given_shares is None and not ask_all:
                return None if self._asked is None else self._asked.weighed(self.shares)
            return leave_one_out(self.small_memory, read_alike(self.support), self._queries(), self._counts(), ask_all)
        asked = some_examples(self.support)
        if self.model.embeds_alike:
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
        outside = self.answer(unknown, self.model.embed(unknown)) if unknown else None
        return Confidence.fit(self.held_out, outside, self.support.several)

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """How much keys, vote, prototypes and spelling each count where it was adapted."""
        if self.keys is None or self.given_shares is not None:
            return self.given_shares or KEYS_ALONE
        return KEYS_ALONE if self._asked is None else self._asked.shares

    @cached_property
    def _asked(self) -> HeldOut | None:
        """What examples get from keys, vote, prototypes and spelling while they are left out."""
        return leave_one_out(self._unmixed_memory, read_alike(self.support), self._queries(), self._counts())

    def _keyed(self, as_learned: bool = False) -> State:
        """Return it with class keys and spelling, mixed as where the encoder has learned the examples, or not."""
        queries, spelling = self._queries(), None
        learned = as_learned or self.learned
        memory = self.small_memory.adapted(queries, LEARNED_KEY_PENALTY if learned else KEY_PENALTY)
        if self.support.has_texts:
            counts = n_grams(counted_texts(self.support, self.named))
            spelling = Spelling.of(counts, memory.labels, memory.weights)
        shares = LEARNED_SHARES if learned else None
        return replace(self, keys=memory.keys, spelling=spelling, given_shares=shares, queries=queries, stored=None)

    def _counts(self) -> csr_matrix | None:
        """Return the n-grams of all that is in the memory; None where spelling does not count."""
        if self.spelling is None:
            return None
        self.support.check_has_texts()
        return n_grams(counted_texts(self.support, self.named))

    def _queries(self) -> Tensor:
        if self.queries is not None:
            return self.queries
        if self.model.embeds_alike:
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
