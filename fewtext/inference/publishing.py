"""A classifier on its way to the Hub: what its card says, and the push."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import CommitInfo, ModelCard

from fewtext.inference.editing import Editing
from fewtext.inference.state import State
from fewtext.models.publishing import known_facts
from fewtext.sharing.hub import push_saved
from fewtext.sharing.model_card import CardFacts, Result, model_card


class Publishing(Editing):
    """The part of `FewShotClassifier` that goes to the Hub."""

    def model_card(self, name: str, *, license: str | None = None, include_texts: bool = True) -> ModelCard:
        """Return the model card, with the expected accuracy by leave-one-out and code that runs as printed.

        Args:
            name: `OWNER/NAME` on the Hub, or a folder.
            license: Licence of the model as the Hub names it.
            include_texts: Whether the texts of the examples travel along.
        """
        facts = known_facts(name, self.network.config)
        if self.network.fine_tuned_on:  # what was measured then was another encoder
            facts = replace(
                facts, results=(), training=[*facts.training, "then the encoder was adapted to the support set"]
            )
        facts = replace(facts, license=license, has_texts=include_texts)
        return model_card(facts if self._state is None else _with_support(facts, self._state))

    def push_to_hub(
        self,
        repo_id: str,
        *,
        include_texts: bool = True,
        license: str | None = None,
        **options: Any,
    ) -> CommitInfo:
        """Push the classifier with a model card to the Hugging Face Hub, in one commit.

        Args:
            repo_id: `OWNER/NAME`; created if it is not there.
            include_texts: Without them only the embeddings of the examples travel.
            license: Licence of the model as the Hub names it, for the card.
            **options: `private` (whether a new repository is), `commit_message`, `revision` (a branch; created if
                it is not there), `create_pr` (open a pull request instead), `token` (by default the one that
                `hf auth login` stored), `endpoint_handler` (add `handler.py` for Inference Endpoints).

        Raises:
            PermissionError: no token, one that may not write there, or `private` for a repository that is public.
            FileNotFoundError: no such repository or revision.
            ConnectionError: the connection was cut; nothing changed there.
        """
        card = self.model_card(repo_id, license=license, include_texts=include_texts)
        return push_saved(partial(self.save_pretrained, include_texts=include_texts), card, repo_id, **options)

    if TYPE_CHECKING:

        def save_pretrained(self, folder: str | Path, *, include_texts: bool = True) -> None:
            """Save the classifier in a folder."""


def _with_support(facts: CardFacts, state: State) -> CardFacts:
    """Add what the support set tells."""
    results = list(facts.results)
    if (held_out := state.held_out) is not None:
        estimate = held_out.accuracy
        asked = "" if held_out.complete else f"{len(held_out.labels)} of "
        setting = f"{len(state.support.classes)} classes, leave-one-out over {asked}{len(state.support)} examples"
        setting += ", before the encoder was adapted to them" if state.learned else ""
        results.append(Result("support set", setting, estimate.mean, estimate.half_width))
    return replace(
        facts,
        results=results,
        classes=[str(label) for label in state.support.classes],
        n_examples=len(state.support),
        calibration_error=None if state.learned else state.confidence.calibration_error,
    )
