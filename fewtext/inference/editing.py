"""Changing the support set of a classifier: every change is complete or did not happen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from torch import Tensor

from fewtext.inference.cache import VectorCache
from fewtext.inference.embedded import embedded
from fewtext.inference.labels import Label, ordered_classes
from fewtext.inference.large import LargeSettings
from fewtext.inference.pieces import OneClass
from fewtext.inference.repeats import warn_alike_names, warn_repeated
from fewtext.inference.state import State
from fewtext.inference.support import SupportSet
from fewtext.models.modeling import MatchingNetwork

if TYPE_CHECKING:
    from typing_extensions import Self


class Editing:
    """The part of `FewShotClassifier` that changes its support set; only what is new is encoded."""

    label_names: bool | str
    adaptation: str | None
    cache_size: int
    large_size: int
    search: str
    precision: str
    _state: State | None = None
    _cache: VectorCache | None = None

    def base_network(self) -> MatchingNetwork:
        """Return the Matching Network that the classifier was made with."""
        raise NotImplementedError

    @property
    def network(self) -> MatchingNetwork:
        """The Matching Network that answers: that of `model`, or its adapted copy."""
        return self.base_network() if self._state is None else self._state.model

    @property
    def support(self) -> SupportSet | None:
        """The support set; None before the first example."""
        return None if self._state is None else self._state.support

    def add(self, texts: Iterable[str], labels: Any) -> Self:
        """Add examples, of new or known classes; only they are encoded.

        Args:
            texts: The examples.
            labels: The label of each, or one label for all of them.

        Raises:
            TypeError, ValueError: as `fit`; the classifier is then as it was.
        """
        more = SupportSet.create(texts, labels)
        if not len(more):
            raise ValueError("no examples were given; add needs at least one text.")
        known = self.support
        whole = more if known is None else known.merge(self._embedded(more, known))
        warn_repeated(whole, more.texts)
        self._remember(whole)
        return self

    def remove(self, label: Label = None, *, ids: Iterable[str] | None = None) -> Self:
        """Remove a class with its examples, or examples by their ids.

        Raises:
            KeyError: no such class or id.
            TypeError: a label that cannot be hashed, or one string as ids.
            ValueError: the last class; neither a label nor ids, or both.
        """
        if (label is None) == (ids is None):
            raise ValueError("remove takes a label, or ids=[...] of examples.")
        if isinstance(ids, str):
            raise TypeError(f"ids is one string; remove one example by ids=[{ids!r}].")
        support = self._support()
        less = support.remove(label) if ids is None else support.remove_ids(ids)
        if not less.classes:
            raise ValueError("the last class cannot be removed; fit(texts, labels) starts anew.")
        self._remember(less)
        return self

    def update(self, example_id: str, text: str | None = None, label: Any = None) -> Self:
        """Change the text or the label of an example; it keeps its id.

        Raises `KeyError` if there is none, `ValueError` for neither text nor label.
        """
        if text is None and label is None:
            raise ValueError("update takes text=, label= or both: what the example is changed to.")
        support = self._support()
        changed = self._embedded(support.changed(example_id, text, label), support)
        self._remember(support.replaced(example_id, changed))
        return self

    def rename(self, old: Label, new: Label) -> Self:
        """Give a class another label; raises `ValueError` if there is a class of that label already."""
        self._remember(self._support().rename(old, new))
        return self

    def merge_classes(self, labels: Iterable[Label], into: Label) -> Self:
        """Make several classes one; raises `KeyError` for one that there is not."""
        self._remember(self._support().merge_classes(labels, into))
        return self

    def describe(self, label: Label, description: str) -> Self:
        """Say in a sentence what a class is about; a new class needs nothing else, and neither does the first one.

        As `add`, it adapts a new classifier of `adaptation="memory"`, but not one of `"encoder"`: `adapt` does.
        """
        known = SupportSet.create() if self.support is None else self.support
        self._remember(known.describe(label, description))
        return self

    @property
    def cache(self) -> VectorCache:
        """The embeddings of the texts that were asked last, with `hits`, `misses` and `hit_rate`."""
        if self._cache is None or self._cache.size != self.cache_size:
            self._cache = VectorCache(self.cache_size)
        return self._cache

    def _embed(self, texts: list[str]) -> Tensor:
        """Return f' of texts, `(n_texts, dim)`; those asked before are not encoded again."""
        return self.cache.embed(self.network, texts)

    def _embedded(self, more: SupportSet, known: SupportSet) -> SupportSet:
        """Return examples that will join known ones, embedded; what does not go together is said before that."""
        ordered_classes([*known.names, *more.names])
        if known.is_large:
            OneClass.of(more.shares)
        return embedded(self.network, more, self.label_names, known=known)

    def _remember(self, support: SupportSet) -> None:
        """Take over a changed support set, once it is embedded; its memory is made when the first text is asked."""
        known = {} if self.support is None else self.support.names
        if new := support.names.keys() - known:
            warn_alike_names(support, new, stacklevel=4)
        if self._state is not None:
            state = self._state.changed(support, self.label_names, self._large())
            if state.weights is not self._state.weights:  # the model was trained in place
                self.cache.clear()
        else:
            state = State.embed(self.network, support, self.label_names, self._large())
            state = state.adapted() if self.adaptation == "memory" else state
        self._state = state

    def _large(self) -> LargeSettings:
        return LargeSettings(self.search, self.precision, self.large_size)

    def _support(self) -> SupportSet:
        return self._fitted().support

    def _ready(self) -> State:
        state = self._fitted()
        classes = state.support.classes
        if len(classes) < 2:
            raise ValueError(f"the classifier knows only the class {classes[0]!r}; add examples of another one.")
        return state

    def _fitted(self) -> State:
        if self._state is None:
            raise ValueError("the classifier has no examples yet; call fit(texts, labels) first.")
        return self._state
