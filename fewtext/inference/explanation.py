"""Why an answer is what it is: the examples, each with its part in the decision."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """One example and its part in an answer.

    Attributes:
        text: The example, or the class name where `is_name`.
        label: Its class.
        attention: Its share of the answer; the shares of a class add up to the class's score.
        is_name: Whether it is a class name rather than an example.
    """

    text: str
    label: str
    attention: float
    is_name: bool = False


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
    label: str
    score: float
    evidence: tuple[Evidence, ...]

    def __str__(self) -> str:
        """The answer and the ten weightiest examples, one a line."""
        lines = [f"{self.text!r} is {self.label!r} ({self.score:.1%}), decided by"]
        for item in self.evidence[:10]:
            kind = " (class name)" if item.is_name else ""
            lines.append(f"  {item.attention:6.1%}  {item.label}: {item.text}{kind}")
        return "\n".join(lines)
