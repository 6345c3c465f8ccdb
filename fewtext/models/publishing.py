"""A Matching Network on its way to the Hub."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import CommitInfo

from fewtext.sharing.hub import push_saved
from fewtext.sharing.model_card import CardFacts, Result, model_card


class Publishing:
    """The part of `MatchingNetwork` that goes to the Hub: with its tokenizer and a card, in one commit."""

    config: Any

    def push_to_hub(self, repo_id: str, *, facts: CardFacts | None = None, **options: Any) -> CommitInfo:
        """Push model, tokenizer and model card to the Hugging Face Hub.

        Args:
            repo_id: `OWNER/NAME`; created if it is not there.
            facts: What the card says; by default what the run that trained the model left in its configuration.
            **options: As in `push_folder`: private, commit_message, revision, create_pr, token,
                endpoint_handler.

        Raises:
            PermissionError, FileNotFoundError, ConnectionError: as `push_folder`.
        """
        facts = facts or known_facts(repo_id, self.config)
        return push_saved(self.save_pretrained, model_card(facts), repo_id, **options)

    if TYPE_CHECKING:

        def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> None:
            """Save the model in a folder."""


def known_facts(name: str, config: Any) -> CardFacts:
    """Return what a configuration knows: the base encoder, and of the run that trained it data, episodes, results."""
    about = config.trained_on or {}
    results = [Result(**result) for result in about.get("results", ())]
    return CardFacts(
        name, config.base_encoder, data=about.get("data", {}), training=about.get("training", ()), results=results
    )


def remember(facts: CardFacts, config: Any) -> None:
    """Put the facts of a run in the configuration, so that every later card has them."""
    results = [asdict(result) for result in facts.results]
    config.trained_on = {"data": dict(facts.data), "training": list(facts.training), "results": results}
