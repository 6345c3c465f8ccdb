"""A diagnosis as people read it: a table, data frames, pictures, a page."""

from __future__ import annotations

import base64
import tempfile
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader
from numpy.typing import NDArray

from fewtext.data.names import one_line
from fewtext.evaluation.plots import plot_map, plot_matrix
from fewtext.evaluation.statistics import Estimate
from fewtext.inference.labels import Label

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 10
"""Rows of a part that the table shows; the data frames have all."""


@dataclass(frozen=True)
class ClassReport:
    """A class: how often its left-out examples are found, and what it needs, if anything."""

    label: Label
    examples: int
    precision: float
    recall: float
    f1: float
    need: str | None


@dataclass(frozen=True)
class Confused:
    """Two classes whose examples are taken for each other, and the share of their examples to which that happens."""

    one: Label
    other: Label
    count: int
    share: float


@dataclass(frozen=True)
class Doubtful:
    """An example whose own neighbours speak for `suggested`; `doubt` is 1 minus the probability of its label."""

    id: str
    text: str
    label: Any
    suggested: Label
    doubt: float


@dataclass(frozen=True)
class Redundant:
    """An example that says what another of its class says."""

    id: str
    text: str
    label: Label
    like_id: str
    like_text: str
    cosine: float


@dataclass(frozen=True)
class NextText:
    """An unlabelled text that is worth a label, with the present answer."""

    text: str
    guess: Label
    score: float
    reason: str


@dataclass(frozen=True)
class Diagnosis:
    """What a support set tells by itself; prints as a table.

    Attributes:
        accuracy: Share of the examples that are found while left out, with its 95 % interval: the expected accuracy.
        calibration_error_before: Expected calibration error without the fitted temperature.
        calibration_error: The same with it.
        classes: Each class.
        confused: Pairs of classes, the most confused first.
        doubtful: All examples, the most doubtful label first.
        redundant: Examples that say what another says.
        next_texts: Texts of the pool to label next, the most useful first.
        confusion: `(n_way, n_way)` left-out examples by class and answer.
        attention: `(n_way, n_way)` mean probability that left-out examples of a class give to each.
        vectors: `(n_support, dim)` the examples in context.
        of_class: `(n_support,)` the class of each.
        duplicates: Texts that occur more than once.
        contradictions: Texts that occur under different labels.
        before_learning: Whether left-out answers are those from before the encoder learned the examples.
        several: Whether texts have several labels: then the accuracy is the share whose best class is one of its own.
    """

    accuracy: Estimate
    calibration_error_before: float
    calibration_error: float
    classes: tuple[ClassReport, ...]
    confused: tuple[Confused, ...]
    doubtful: tuple[Doubtful, ...]
    redundant: tuple[Redundant, ...]
    next_texts: tuple[NextText, ...]
    confusion: NDArray[np.int64] = field(repr=False)
    attention: NDArray[np.float64] = field(repr=False)
    vectors: NDArray[np.float32] = field(repr=False)
    of_class: NDArray[np.int64] = field(repr=False)
    duplicates: int = 0
    contradictions: int = 0
    before_learning: bool = False
    several: bool = False

    @property
    def needs(self) -> tuple[ClassReport, ...]:
        """The classes that need more examples, the weakest first."""
        return tuple(sorted((c for c in self.classes if c.need), key=lambda c: (c.recall, c.examples)))

    @property
    def suspects(self) -> tuple[Doubtful, ...]:
        """The examples whose neighbours are for another class than theirs."""
        return tuple(item for item in self.doubtful if item.doubt > 0.5)

    def to_frame(self, part: str = "classes") -> pd.DataFrame:
        """Return a part as a data frame: classes, confused, doubtful, suspects, redundant or next_texts."""
        import pandas as pd

        parts = ("classes", "confused", "doubtful", "suspects", "redundant", "next_texts")
        if part not in parts:
            raise ValueError(f"part is {part!r}; it is one of {', '.join(parts)}.")
        return pd.DataFrame([asdict(item) for item in getattr(self, part)])

    def __str__(self) -> str:
        """The report as a table."""
        before, after = self.calibration_error_before, self.calibration_error
        lines = [
            f"{len(self.of_class)} examples of {len(self.classes)} classes; expected accuracy {self.accuracy} %",
            f"expected calibration error {before:.3f}, after fitting {after:.3f}"
            + (" (so few examples: probabilities are kept careful)" if after > before else ""),
        ]
        if self.several:
            lines.append("texts have several labels; an answer counts as right where its best class is one of them")
        if self.before_learning:
            lines.append("both before the encoder learned these examples; of itself it would promise too much")
        if self.duplicates:
            lines.append(
                f"{self.duplicates} text(s) occur twice, {self.contradictions} of them under different labels"
            )
        why = "  needs more, because it" if self.needs else ""
        lines += ["", f"{'class':<32}{'examples':>9}{'precision':>11}{'recall':>8}{why}"]
        ranked = sorted(self.classes, key=lambda c: c.f1)
        lines += [
            f"{_short(c.label, 31):<32}{c.examples:>9}{c.precision:>11.0%}{c.recall:>8.0%}  {c.need or ''}"
            for c in ranked[: 2 * SHOWN]
        ]
        if len(ranked) > 2 * SHOWN:
            lines.append(f"... and {len(ranked) - 2 * SHOWN} classes that do better")
        for title, rows in (
            ("taken for each other", [f"{c.share:>6.0%}  {c.one} | {c.other}" for c in self.confused]),
            (
                "doubtful labels",
                [f"{d.doubt:>6.0%}  {_short(d.text or d.id)}: {d.label}, or {d.suggested}?" for d in self.suspects],
            ),
            (
                "redundant examples",
                [
                    f"{r.cosine:>6.2f}  {_short(r.text or r.id)} | {_short(r.like_text or r.like_id)}"
                    for r in self.redundant
                ],
            ),
            ("to label next", [f"{n.score:>6.0%}  {_short(n.text)}: {n.guess}? {n.reason}" for n in self.next_texts]),
        ):
            if rows:
                more = f" (the first {SHOWN} of {len(rows)})" if len(rows) > SHOWN else ""
                lines += ["", title + more, *(f"  {row}" for row in rows[:SHOWN])]
        return "\n".join(lines)

    def plot_confusion(self, file: str | Path) -> Path:
        """Draw which classes left-out examples are taken for."""
        labels = [str(c.label) for c in self.classes]
        return plot_matrix(self.confusion, labels, file, "answer", "class", "left-out examples")

    def plot_attention(self, file: str | Path) -> Path:
        """Draw how much of their attention left-out examples give to each class."""
        labels = [str(c.label) for c in self.classes]
        return plot_matrix(self.attention, labels, file, "attention to", "examples of", "share of the attention")

    def plot_map(self, file: str | Path) -> Path:
        """Draw the examples on a plane (t-SNE), near each other where they are alike."""
        return plot_map(self.vectors, self.of_class, [str(c.label) for c in self.classes], file)

    def to_html(self, file: str | Path) -> Path:
        """Write the report as one page with its pictures inside; every text in it is escaped.

        Without matplotlib (extra `plots`) it has no pictures, and says so.
        """
        if find_spec("matplotlib") is None:
            return self._write_html(file, {})
        pictures = {}
        with tempfile.TemporaryDirectory() as folder:
            for name, draw in (
                ("Which class is taken for which", self.plot_confusion),
                ("Attention between classes", self.plot_attention),
                ("Map of the examples", self.plot_map),
            ):
                content = draw(Path(folder) / "picture.png").read_bytes()
                pictures[name] = base64.b64encode(content).decode()
        return self._write_html(file, pictures)

    def _write_html(self, file: str | Path, pictures: dict[str, str]) -> Path:
        environment = Environment(loader=PackageLoader("fewtext.inference", "templates"), autoescape=True)
        page = environment.get_template("diagnosis.html").render(report=self, pictures=pictures)
        target = Path(file)
        target.write_text(page, encoding="utf-8")
        return target


def _short(text: Any, length: int = 60) -> str:
    """The text on one line, cut, without characters that move the cursor."""
    line = one_line(str(text))
    return line if len(line) <= length else line[: length - 1] + "…"
