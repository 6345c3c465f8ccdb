"""A classifier on its way to the Hub: what its card says, and the push."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from huggingface_hub import CommitInfo, ModelCard

from fewtext.evaluation.statistics import mean_interval
from fewtext.inference.editing import Editing
from fewtext.inference.state import State
from fewtext.models.modeling import MatchingNetwork
from fewtext.sharing.hub import CARD_FILE, push_folder
from fewtext.sharing.model_card import CardFacts, Result, model_card


def classifier_card(
    model: MatchingNetwork, state: State | None, name: str, license: str | None = None, has_texts: bool = True
) -> ModelCard:
    """Return the card of a classifier, with its expected accuracy by leave-one-out."""
    results = []
    if state is not None and (held_out := state.held_out) is not None:
        setting = f"{len(state.support.classes)} classes, leave-one-out over {len(state.support)} examples"
        estimate = mean_interval(held_out.correct)
        results.append(Result("support set", setting, estimate.mean, estimate.half_width))
    return model_card(
        CardFacts(
            name=name,
            base_encoder=model.config.base_encoder,
            results=results,
            classes=[str(label) for label in state.support.classes] if state is not None else [],
            n_examples=len(state.support) if state is not None else 0,
            has_texts=has_texts,
            calibration_error=state.confidence.calibration_error if state is not None else None,
            license=license,
        )
    )


class Publishing(Editing):
    """The part of `FewShotClassifier` that goes to the Hub."""

    def model_card(self, name: str, *, license: str | None = None, include_texts: bool = True) -> ModelCard:
        """Return the model card, with the expected accuracy by leave-one-out and code that runs as printed.

        Args:
            name: `OWNER/NAME` on the Hub, or a folder.
            license: Licence of the model as the Hub names it.
            include_texts: Whether the texts of the examples travel along.
        """
        state: State | None = getattr(self, "_state", None)
        return classifier_card(self.network, state, name, license, include_texts)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        include_texts: bool = True,
        license: str | None = None,
        commit_message: str | None = None,
        revision: str | None = None,
        create_pr: bool = False,
        token: str | None = None,
        endpoint_handler: bool = False,
    ) -> CommitInfo:
        """Push the classifier with a model card to the Hugging Face Hub, in one commit.

        Args:
            repo_id: `OWNER/NAME`; created if it is not there.
            private: Whether a new repository is private.
            include_texts: Without them only the embeddings of the examples travel.
            license: Licence of the model as the Hub names it, for the card.
            commit_message: The message of the commit.
            revision: A branch; created if it is not there.
            create_pr: Whether to open a pull request instead.
            token: Access token; by default the one that `hf auth login` stored.
            endpoint_handler: Whether to add `handler.py` for Inference Endpoints.

        Raises:
            PermissionError: no token, or one that may not write there.
            FileNotFoundError: no such repository or revision.
            ConnectionError: the connection was cut; nothing changed there.
        """
        card = self.model_card(repo_id, license=license, include_texts=include_texts)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "classifier"
            self.save_pretrained(folder, include_texts=include_texts)
            (folder / CARD_FILE).write_text(str(card), encoding="utf-8")
            return push_folder(
                folder,
                repo_id,
                private=private,
                commit_message=commit_message,
                revision=revision,
                create_pr=create_pr,
                token=token,
                endpoint_handler=endpoint_handler,
            )

    if TYPE_CHECKING:

        def save_pretrained(self, folder: str | Path, *, include_texts: bool = True) -> None:
            """Save the classifier in a folder."""
