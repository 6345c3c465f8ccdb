"""Evaluation with a given support set: every text of a test split, classified from one set of examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from fewtext.data.ids import example_id
from fewtext.data.names import names_are_words, readable_name
from fewtext.data.tasks import Task
from fewtext.evaluation.statistics import balanced_accuracy
from fewtext.models.embedding import TextVectors, text_vectors
from fewtext.models.matching import queries_at_once
from fewtext.models.modeling import MatchingNetwork


@dataclass(frozen=True)
class SupportScores:
    """The scores of one task, from its given support set.

    Attributes:
        task: Name of the task.
        n_support: Examples.
        n_query: Texts classified.
        accuracy: Share of them classified rightly.
        balanced_accuracy: Mean over the classes of the share of their texts that were found.
    """

    task: str
    n_support: int
    n_query: int
    accuracy: float
    balanced_accuracy: float


@torch.inference_mode()
def evaluate_support(
    model: MatchingNetwork,
    support: Task,
    query: Task,
    *,
    names: bool = False,
    vectors: TextVectors | None = None,
    show_progress: bool | None = None,
) -> SupportScores:
    """Classify every text of `query` from the examples of `support`.

    Args:
        model: The model.
        support: The examples.
        query: The texts to classify; its classes are among those of `support`.
        names: Whether the class names join the support set.
        vectors: Embeddings of the texts and readable names of both tasks, where they are at hand.
        show_progress: A progress bar; by default one appears after two seconds.

    Raises:
        ValueError: fewer than two classes, a class of `query` without an example, or names that are no words.
    """
    classes = support.classes
    if len(classes) < 2:
        raise ValueError(f"task {support.name!r} has {len(classes)} class in its support set; it needs two.")
    if missing := sorted(set(query.classes) - set(classes)):
        raise ValueError(f"task {query.name!r}: no example of {', '.join(map(repr, missing))} in the support set.")
    if names and not names_are_words(classes):
        raise ValueError(f"names=True, but the class names of task {support.name!r} are no words.")
    named = [readable_name(name) for name in classes] if names else []
    if vectors is None:
        vectors = text_vectors(model, [*support.texts, *named, *query.texts], show_progress)
    # In the order of a classifier, whatever that of the file: the LSTM reads the examples one after another.
    pairs = sorted(zip(support.texts, support.labels, strict=True), key=lambda pair: example_id(*pair))
    rows = [vectors.rows[text] for text in (*(text for text, _ in pairs), *named)]
    labels = [classes.index(label) for _, label in pairs] + list(range(len(named)))
    one_hot = torch.nn.functional.one_hot(torch.tensor(labels), len(classes)).to(vectors.examples)
    weights = vectors.examples.new_ones(len(rows))
    weights[len(support.texts) :] = model.config.name_weight
    examples = vectors.examples[rows]
    in_context = model.matcher.contextualize(examples, weights)
    predicted: list[str] = []
    of_query = torch.tensor([vectors.rows[text] for text in query.texts], device=vectors.queries.device)
    for some in of_query.split(queries_at_once(len(rows))):
        chunk = vectors.queries[some]
        log_probs = model.matcher(chunk, examples, one_hot, weights, in_context)
        predicted += [classes[label] for label in log_probs.argmax(-1).tolist()]
    return SupportScores(
        support.name,
        len(support.texts),
        len(query.texts),
        float(np.mean([p == y for p, y in zip(predicted, query.labels, strict=True)])),
        balanced_accuracy(predicted, query.labels),
    )
