"""Write the model card of a saved classifier.

fewtext card --model runs/bot --name me/support-bot --output card.md
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fewtext.commands.output import refuse_existing


@dataclass
class CardArguments:
    """Whose card, and where it goes.

    Args:
        model: Folder or Hub id of a saved classifier or model.
        name: `OWNER/NAME` that the card's code loads; by default `model`.
        license: Licence of the model as the Hub names it.
        output: File to write; by default the screen.
    """

    model: str | None = None
    name: str | None = None
    license: str | None = None
    output: str | None = None


ARGUMENTS = (CardArguments,)


def card(arguments: CardArguments) -> None:
    """Write or print the card."""
    if arguments.model is None:
        raise ValueError("give model=FOLDER.")
    if arguments.output is not None:
        refuse_existing(arguments.output)
    from fewtext.inference.classifier import FewShotClassifier  # imported late: seconds, for which no error waits

    classifier = FewShotClassifier.from_pretrained(arguments.model)
    text = str(classifier.model_card(arguments.name or arguments.model, license=arguments.license))
    if arguments.output is None:
        print(text)
    else:
        Path(arguments.output).write_text(text, encoding="utf-8")
