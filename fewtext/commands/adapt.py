"""Fine-tune a classifier on its examples.

fewtext adapt --support examples.csv --output runs/bot
fewtext adapt --model runs/bot --method encoder --output runs/tuned
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fewtext.commands.arguments import SupportArguments
from fewtext.commands.fitted import fitted_classifier
from fewtext.commands.output import refuse_existing

if TYPE_CHECKING:
    from fewtext.inference.classifier import FewShotClassifier


@dataclass
class AdaptArguments(SupportArguments):
    """What to fine-tune, how, and where the result goes.

    Args:
        model: A saved classifier or model, or an encoder; by default fewtext/minilm, which is meta-trained.
        support: File of examples (text, label), which replace those of a saved classifier.
        text_column: Column of the texts; found by its name where not given.
        label_column: Column of the labels; found likewise.
        output: Folder for the adapted classifier.
        method: `memory` (seconds) or `encoder` (a minute or more on a CPU).
        rounds: Times that every text is seen, for `encoder`.
        learning_rate: Highest learning rate, for `encoder`.
        seed: The same seed gives the same encoder.
    """

    output: str | None = None
    method: str = "memory"
    rounds: int = 14
    learning_rate: float = 5e-5
    seed: int = 0


ARGUMENTS = (AdaptArguments,)


def adapt(arguments: AdaptArguments) -> None:
    """Adapt, save, and print the expected accuracy before and, where it can be told, after.

    Raises `FileExistsError` where `output` is there already.
    """
    if arguments.output is None:
        raise ValueError("nowhere to save: give output=FOLDER.")
    refuse_existing(arguments.output)
    if arguments.method not in ("memory", "encoder"):
        raise ValueError(f"method is {arguments.method!r}; it is 'memory' or 'encoder'.")
    classifier = fitted_classifier(arguments)
    before = _expected(classifier)
    classifier.adapt(
        arguments.method, rounds=arguments.rounds, learning_rate=arguments.learning_rate, seed=arguments.seed
    )
    classifier.save_pretrained(arguments.output)
    known = arguments.method == "memory"
    after = (
        f", after {_expected(classifier)}" if known else "; after it the examples cannot tell: the encoder knows them"
    )
    print(f"{classifier!r} ({arguments.method}), in {arguments.output}")
    print(f"expected accuracy before {before}{after}")


def _expected(classifier: FewShotClassifier) -> str:
    accuracy = classifier.expected_accuracy
    return "unknown" if accuracy is None else f"{accuracy} %"
