"""A fitted classifier, from the settings that several commands share."""

from __future__ import annotations

from dataclasses import dataclass

from fewtext.data.tasks import Task, load_tasks
from fewtext.inference.classifier import FewShotClassifier


@dataclass
class SupportArguments:
    """Which classifier.

    Args:
        model: A saved classifier or model, or an encoder; by default all-MiniLM-L6-v2.
        support: File of examples (text, label), which replace those of a saved classifier.
        text_column: Column of the texts; found by its name where not given.
        label_column: Column of the labels; found likewise.
    """

    model: str | None = None
    support: str | None = None
    text_column: str | None = None
    label_column: str | None = None


def fitted_classifier(arguments: SupportArguments) -> FewShotClassifier:
    """Return the classifier; raises `ValueError` where there are no examples."""
    examples = read_examples(arguments)
    classifier = FewShotClassifier.from_pretrained(arguments.model)
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
