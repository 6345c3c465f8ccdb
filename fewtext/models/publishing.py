"""A Matching Network on its way to the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import CommitInfo

from fewtext.sharing.hub import push_saved
from fewtext.sharing.model_card import CardFacts, model_card


class Publishing:
    """The part of `MatchingNetwork` that goes to the Hub: with its tokenizer and a card, in one commit."""

    config: Any

    def push_to_hub(self, repo_id: str, *, facts: CardFacts | None = None, **options: Any) -> CommitInfo:
        """Push model, tokenizer and model card to the Hugging Face Hub.

        Args:
            repo_id: `OWNER/NAME`; created if it is not there.
            facts: What the card says beside the base encoder.
            **options: As in `push_folder`: private, commit_message, revision, create_pr, token,
                endpoint_handler.

        Raises:
            PermissionError, FileNotFoundError, ConnectionError: as `push_folder`.
        """
        facts = facts or CardFacts(repo_id, base_encoder=self.config.base_encoder)
        return push_saved(self.save_pretrained, model_card(facts), repo_id, **options)

    if TYPE_CHECKING:

        def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> None:
            """Save the model in a folder."""
