"""A fitted classifier, from the settings that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fewtext.commands.arguments import SupportArguments
from fewtext.data.tasks import Task, load_tasks

if TYPE_CHECKING:
    from fewtext.inference.classifier import FewShotClassifier


def fitted_classifier(
    arguments: SupportArguments, examples: Task | None = None, device: str | None = None
) -> FewShotClassifier:
    """Return the classifier, fitted to the examples; raises `ValueError` where there are none."""
    examples = examples or read_examples(arguments)
    from fewtext.inference.classifier import FewShotClassifier  # imported late: seconds, for which no error waits

    classifier = FewShotClassifier.from_pretrained(arguments.model, device=device)
    if examples is not None:
        classifier.fit(examples.texts, examples.labels)
    if classifier.support is None:
        raise ValueError("the model has no examples: give support=FILE with texts and labels.")
    return classifier


def read_examples(arguments: SupportArguments) -> Task | None:
    """Return the examples of `support`, or None; raises `ValueError` for several tasks."""
    if arguments.support is None:
        return None
    tasks = load_tasks(arguments.support, text_column=arguments.text_column, label_column=arguments.label_column)
    if len(tasks) > 1:
        raise ValueError(f"{arguments.support} holds {len(tasks)} tasks; the examples are one file of one task.")
    return tasks[0]
