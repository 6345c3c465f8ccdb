"""Adapting a classifier to its support set, and asking the support set how good it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from fewtext.inference.adaptation import EncoderAdaptation, adapt_encoder
from fewtext.inference.diagnosis import diagnose
from fewtext.inference.editing import Editing
from fewtext.inference.report import Diagnosis
from fewtext.inference.state import State

if TYPE_CHECKING:
    from typing_extensions import Self


class Adapting(Editing):
    """The part of `FewShotClassifier` that learns from its support set and judges it."""

    def adapt(
        self,
        method: str = "memory",
        *,
        rounds: int = 14,
        episode_texts: int = 132,
        learning_rate: float = 5e-5,
        patience: int = 4,
        token_dropout: float = 0.25,
        seed: int = 0,
        show_progress: bool | None = None,
    ) -> Self:
        """Fine-tune on the support set: `memory` in seconds, `encoder` in a minute or more on a CPU.

        `memory` fits a key vector and an offset for each class to the cached vectors, and asks the examples, each
        while it is left out, how much these keys, the vote of the examples, prototypes and the spelling of the
        classes should count. `encoder` trains the upper layers of a copy of the encoder by leave-one-out episodes,
        embeds the support set anew and fits keys; it starts from the model that the classifier was made with. Until
        the new state is complete the classifier stays as it was, and `reset` goes back.

        Args:
            method: `memory` or `encoder`; the arguments below are those of `encoder`.
            rounds: Times that every text is seen.
            episode_texts: Most texts of an episode, which bounds the memory that a step takes.
            learning_rate: Highest learning rate.
            patience: Rounds without a lower leave-one-out loss after which to stop.
            token_dropout: Share of the tokens that a text lacks when it is read, drawn anew each time.
            seed: The same seed gives the same encoder.
            show_progress: A progress bar; by default one appears after two seconds.

        Raises:
            ValueError: an unknown method, no examples, or one class.
        """
        if method not in ("memory", "encoder"):
            raise ValueError(f"method is {method!r}; it is 'memory' or 'encoder'.")
        settings = EncoderAdaptation(rounds, episode_texts, learning_rate, patience, token_dropout, seed)
        state = self._adapted(self._ready(), method, settings, show_progress)
        _ = state.memory  # what can fail, fails before the change
        self._state = state
        return self

    def reset(self) -> Self:
        """Go back to what `fit` gave: the examples stay, keys and adapted encoder go."""
        state, model = self._ready(), self.base_network()
        support = state.support if state.model is model else state.support.without_vectors()
        reset = State.embed(model, support, self.label_names, self._large())
        if reset.learned:  # by what the classifier was loaded from: there is nothing before it to go back to
            reset = replace(reset, stored=state.confidence)
        self._state = reset
        return self

    def diagnose(self, pool: Iterable[str] = (), n_next: int = 10) -> Diagnosis:
        """Tell from the support set alone how good it is; the report prints as a table.

        Expected accuracy by leave-one-out, precision and recall of each class, confused pairs, doubtful
        labels, redundant examples, classes that need more; and of a pool of unlabelled texts the ones to
        label next.

        Args:
            pool: Unlabelled texts.
            n_next: How many of them to name.

        Raises:
            ValueError: no examples; or one a class and no names, so that none can be left out.
        """
        return diagnose(self._ready(), pool, n_next)

    def _adapted(
        self, state: State, method: str, settings: EncoderAdaptation, show_progress: bool | None = None
    ) -> State:
        if method == "memory":
            return state.adapted()
        state.check_small("adapt")
        base = self.base_network()
        support = state.support if state.model is base else state.support.without_vectors()
        before = State.embed(base, support, self.label_names, self._large())
        if before.learned:  # by what the classifier was loaded from
            before = replace(before, stored=state.confidence)
        model = adapt_encoder(base, before.support, before.named, settings, show_progress)
        return before.learned_by(model, self.label_names).adapted()
