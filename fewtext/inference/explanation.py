"""Why an answer is what it is: the examples, each with its part in the decision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fewtext.inference.labels import Label
from fewtext.inference.state import State


@dataclass(frozen=True)
class Evidence:
    """One example and its part in an answer.

    Attributes:
        text: The example, or the class name where `is_name`.
        label: Its class.
        attention: Its share of the answer; the shares of a class add up to the class's score.
        is_name: Whether it is a class name or description rather than an example.
        id: The id of the example.
    """

    text: str
    label: Label
    attention: float
    is_name: bool = False
    id: str | None = None


@dataclass(frozen=True)
class Explanation:
    """An answer with its evidence, the weightiest first.

    Attributes:
        text: The text that was classified.
        label: Its class.
        score: The probability of that class: the sum of the attention of its examples.
        evidence: All examples.
    """

    text: str
    label: Label
    score: float
    evidence: tuple[Evidence, ...]

    def __str__(self) -> str:
        """The answer and the ten weightiest examples, one a line."""
        lines = [f"{self.text!r} is {self.label!r} ({self.score:.1%}), decided by"]
        for item in self.evidence[:10]:
            kind = " (class name)" if item.is_name else ""
            lines.append(f"  {item.attention:6.1%}  {item.label}: {item.text or item.id}{kind}")
        return "\n".join(lines)


def explained(text: str, query: Tensor, state: State) -> Explanation:
    """Return the answer to a text, whose embedding f' is `query` `(1, dim)`, with its evidence."""
    answers = state.memory.answer(query)
    probabilities = torch.from_numpy(state.confidence.probabilities(answers.log_probs))
    attention = state.memory.attention(query, probabilities.to(query.device).log())[0].tolist()
    best = int(probabilities[0].argmax())
    support = state.support
    texts, labels = support.class_texts(state.named)
    ids: list[str | None] = [*support.ids, *(None for _ in texts)]
    evidence = [
        Evidence(example, label, share, own is None, own)
        for example, label, share, own in zip(
            [*support.texts, *texts], [*support.labels, *labels], attention, ids, strict=True
        )
    ]
    order = np.argsort([-item.attention for item in evidence], kind="stable")
    return Explanation(text, support.classes[best], float(probabilities[0, best]), tuple(evidence[i] for i in order))
