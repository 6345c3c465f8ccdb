"""Push a saved classifier to the Hugging Face Hub.

fewtext push --model runs/bot --to me/support-bot --private
fewtext push --model runs/bot --to me/support-bot --include-texts=false --license mit
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class PushArguments:
    """What to push, and where.

    Args:
        model: Folder of a saved classifier or model.
        to: `OWNER/NAME` on the Hub; created if it is not there.
        private: Whether a new repository is private.
        include_texts: Whether the texts of the examples travel along, or their embeddings alone.
        license: Licence of the model as the Hub names it, for the card.
        message: Message of the commit.
        revision: A branch; created if it is not there.
        create_pr: Whether to open a pull request instead.
        endpoint_handler: Whether to add `handler.py` for Inference Endpoints.
    """

    model: str | None = None
    to: str | None = None
    private: bool = False
    include_texts: bool = True
    license: str | None = None
    message: str | None = None
    revision: str | None = None
    create_pr: bool = False
    endpoint_handler: bool = False


ARGUMENTS = (PushArguments,)


def push(arguments: PushArguments) -> None:
    """Push, and print where it is; the token is the one of `hf auth login` or HF_TOKEN."""
    if arguments.model is None or arguments.to is None:
        raise ValueError("give model=FOLDER and to=OWNER/NAME.")
    from fewtext.inference.classifier import FewShotClassifier  # imported late: seconds, for which no error waits

    classifier = FewShotClassifier.from_pretrained(arguments.model)
    commit = classifier.push_to_hub(
        arguments.to,
        private=arguments.private,
        include_texts=arguments.include_texts,
        license=arguments.license,
        commit_message=arguments.message,
        revision=arguments.revision,
        create_pr=arguments.create_pr,
        endpoint_handler=arguments.endpoint_handler,
    )
    print(commit.pr_url or commit.commit_url)
    if classifier.support is not None:
        outside = f" and {len(classifier.support.unknown)} of no class" if classifier.support.unknown else ""
        what = "the texts" if arguments.include_texts else "the embeddings, not the texts,"
        seen = (
            "private" if arguments.private else "public, unless it was private before (--private makes a private one)"
        )
        print(f"with {what} of {len(classifier.support)} examples{outside}; the repository is {seen}")
