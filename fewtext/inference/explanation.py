"""Why an answer is what it is: the examples, each with its part in the decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fewtext.data.names import one_line
from fewtext.inference.labels import Label, given_label
from fewtext.inference.state import State
from fewtext.inference.support import SupportSet


@dataclass(frozen=True)
class Evidence:
    """One example and its part in an answer.

    Attributes:
        text: The example; the class name or description where `is_name`.
        label: Its class.
        attention: Its share of the answer; the shares of a class add up to the class's score.
        is_name: Whether it is a class name or description rather than an example.
        id: The id of the example.
        is_description: Whether it is a description.
    """

    text: str
    label: Label
    attention: float
    is_name: bool = False
    id: str | None = None
    is_description: bool = False


@dataclass(frozen=True)
class Explanation:
    """An answer with its evidence, the weightiest first.

    Attributes:
        text: The text that was classified.
        label: Its class.
        score: The probability of that class: the sum of the attention of its examples.
        evidence: The examples: all, or as many as were asked for.
    """

    text: str
    label: Label
    score: float
    evidence: tuple[Evidence, ...]

    def __str__(self) -> str:
        """The answer and the ten weightiest examples, one a line."""
        lines = [f"{one_line(self.text)!r} is {self.label!r} ({self.score:.1%}), decided by"]
        for item in self.evidence[:10]:
            kind = " (description)" if item.is_description else " (class name)" if item.is_name else ""
            lines.append(f"  {item.attention:6.1%}  {one_line(f'{item.label}: {item.text or item.id}')}{kind}")
        if len(self.evidence) > 10:
            lines.append(
                f"  {sum(item.attention for item in self.evidence[10:]):6.1%}  {len(self.evidence) - 10} more"
            )
        return "\n".join(lines)


def explained(texts: Sequence[str], queries: Tensor, state: State, top_k: int | None) -> list[Explanation]:
    """Return the answers to texts, whose embeddings f' are `queries` `(n_texts, dim)`, with their evidence."""
    probabilities = state.confidence.probabilities(state.answer(texts, queries).log_probs)
    log_probs = torch.from_numpy(probabilities).to(queries.device).log()
    weightiest, parts = state.memory.weightiest(queries, log_probs, top_k)
    names = list(zip(*state.support.class_texts(state.named), strict=True))
    explanations = []
    for text, scores, rows, own in zip(texts, probabilities, weightiest.tolist(), parts.tolist(), strict=True):
        there = [(row, part) for row, part in zip(rows, own, strict=True) if row >= 0]
        evidence = tuple(_evidence(state.support, names, row, part) for row, part in there)
        best = int(scores.argmax())
        explanations.append(Explanation(text, state.support.classes[best], float(scores[best]), evidence))
    return explanations


def _evidence(support: SupportSet, names: Sequence[tuple[str, Label]], row: int, part: float) -> Evidence:
    """Return an example, or after these a name or description, as evidence."""
    if row < len(support):
        label = given_label(support.shares[row], support.several)
        return Evidence(support.texts[row], label, part, False, support.ids[row])
    place = row - len(support)  # names come first, then descriptions
    text, label = names[place]
    return Evidence(text, label, part, True, is_description=place >= len(names) - len(support.descriptions))
