"""What a support set tells by itself: how good it is, where it is weak, what to label next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import normalize

from fewtext.data.columns import check_texts
from fewtext.inference.confidence import REFUSED
from fewtext.inference.held_out import HeldOut
from fewtext.inference.labels import Label
from fewtext.inference.report import ClassReport, Confused, Diagnosis, Doubtful, NextText, Redundant
from fewtext.inference.state import State
from fewtext.inference.support import SupportSet

ALIKE = 0.9
"""Cosine from which two examples of a class say the same."""

WEAK = 0.6
"""Share of a class's left-out examples that must be found, else it needs more."""


def diagnose(state: State, pool: Iterable[str] = (), n_next: int = 10) -> Diagnosis:
    """Return what the support set tells about itself.

    Args:
        state: The state of a classifier.
        pool: Unlabelled texts, of which the report names those worth labelling next.
        n_next: How many of them.

    Raises:
        ValueError: examples that cannot be left out: one a class and no names.
        TypeError: a text of the pool that is not a string, with its row.
    """
    texts = check_texts(pool, "pool")
    state.check_small("diagnose")
    held_out = state.all_held_out
    if held_out is None and state.learned:
        raise ValueError(
            "the encoder was trained on these examples, so they cannot tell how good it is: diagnose before "
            'adapt("encoder"), or measure on texts that it has not seen.'
        )
    if held_out is None:
        raise ValueError(
            "every class has one example and names do not count, so none can be left out; add a second example."
        )
    from sklearn import metrics  # imported late: answering does not need it

    support, confidence = state.support, state.confidence
    classes = support.classes
    probabilities = confidence.probabilities(held_out.log_probs.clamp_min(-50.0)).mean(0)
    is_own, best = (held_out.labels > 0).cpu().numpy(), probabilities.argmax(1)
    truth = held_out.truth.cpu().numpy()
    of_matrix = np.where(is_own[np.arange(len(best)), best], best, truth)  # with several labels, any of them is right
    matrix = metrics.confusion_matrix(of_matrix, best, labels=range(len(classes)))
    one = np.eye(len(classes), dtype=bool)
    named = probabilities >= confidence.multi_label_threshold if support.several else one[best]
    return Diagnosis(
        accuracy=held_out.accuracy,
        calibration_error_before=confidence.calibration_error_before or 0.0,
        calibration_error=confidence.calibration_error or 0.0,
        classes=_classes(is_own if support.several else one[truth], named, classes),
        confused=_confused(matrix, classes),
        doubtful=_doubtful(support, held_out, probabilities),
        redundant=_redundant(state),
        next_texts=_next_texts(state, texts, n_next) if texts else (),
        confusion=matrix,
        attention=_mean_by_class(probabilities, truth, len(classes)),
        vectors=normalize(state.small_memory.in_context[: len(support)], dim=-1).float().cpu().numpy(),
        of_class=truth,
        duplicates=len(support.duplicates),
        contradictions=len(support.contradictions),
        before_learning=state.learned,
        several=support.several,
    )


def _classes(truth: NDArray[np.bool_], named: NDArray[np.bool_], classes: Sequence[Label]) -> tuple[ClassReport, ...]:
    """Report on each class; `truth` and `named` `(n_support, n_way)` are the classes of examples and of answers."""
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, counts = precision_recall_fscore_support(truth, named, average=None, zero_division=0.0)
    reports = []
    for i, label in enumerate(classes):
        need = None
        if counts[i] < 2:
            need = f"has {'one example' if counts[i] else 'no example'}"
        elif recall[i] < WEAK:
            need = f"{recall[i]:.0%} of its examples are found without themselves"
        reports.append(ClassReport(label, int(counts[i]), precision[i], recall[i], f1[i], need))
    return tuple(reports)


def _confused(matrix: NDArray[np.int64], classes: Sequence[Label]) -> tuple[Confused, ...]:
    off = matrix + matrix.T
    sizes = matrix.sum(1)
    pairs = [
        Confused(classes[i], classes[j], int(off[i, j]), off[i, j] / max(int(sizes[i] + sizes[j]), 1))
        for i in range(len(classes))
        for j in range(i + 1, len(classes))
        if off[i, j]
    ]
    return tuple(sorted(pairs, key=lambda pair: (-pair.share, -pair.count)))


def _doubtful(support: SupportSet, held_out: HeldOut, probabilities: NDArray[np.float32]) -> tuple[Doubtful, ...]:
    """All examples, the most doubtful first: what they get as an answer speaks for another class."""
    is_own = (held_out.labels > 0).cpu().numpy()
    suggested = np.where(is_own, -1.0, probabilities).argmax(1)
    doubts = 1 - (probabilities * is_own).sum(1)
    ranked = [
        Doubtful(support.ids[i], text, support.labels[i], support.classes[suggested[i]], float(doubts[i]))
        for i, text in enumerate(support.texts)
    ]
    # Calibrated probabilities that round to 0 tie; the raw ones keep the order.
    raw = torch.log_softmax(held_out.log_probs.double().clamp_min(-1e4), -1)
    own = (raw + held_out.labels.double().clamp_min(1e-300).log()).logsumexp(-1).mean(0).cpu().numpy()
    return tuple(ranked[i] for i in np.argsort(own, kind="stable"))


def _redundant(state: State) -> tuple[Redundant, ...]:
    """Examples that say what another of their class says, the most alike first."""
    support = state.support
    vectors = normalize(state.small_memory.examples[: len(support)], dim=-1).float()
    found = []
    for label in support.classes:
        rows = support.rows_of(label)
        alike = (vectors[rows] @ vectors[rows].T).tril(-1)
        for later, earlier in zip(*torch.nonzero(alike >= ALIKE, as_tuple=True), strict=True):
            one, other = rows[int(later)], rows[int(earlier)]
            cosine = float(alike[later, earlier])
            found.append(
                Redundant(
                    support.ids[one], support.texts[one], label, support.ids[other], support.texts[other], cosine
                )
            )
    return tuple(sorted(found, key=lambda item: -item.cosine))


def _next_texts(state: State, pool: list[str], n_next: int) -> tuple[NextText, ...]:
    """Unlabelled texts that the classifier knows least about and that differ from each other."""
    distinct = list(dict.fromkeys(pool))
    vectors = state.model.embed(distinct)
    answers = state.answer(distinct, vectors)
    probabilities = state.confidence.probabilities(answers.log_probs)
    familiar = state.confidence.scores(answers, "membership")
    margin = state.confidence.scores(answers, "margin")
    unsure = 1 - margin * familiar
    unit = normalize(vectors.float(), dim=-1).cpu().numpy()
    nearest = np.zeros(len(distinct))
    chosen: list[int] = []
    for _ in range(min(n_next, len(distinct))):
        worth = unsure * (1 - np.clip(nearest, 0, 1))
        worth[chosen] = -1.0
        best = int(worth.argmax())
        chosen.append(best)
        nearest = np.maximum(nearest, unit @ unit[best])
    return tuple(
        NextText(
            distinct[i],
            state.support.classes[int(probabilities[i].argmax())],
            float(probabilities[i].max()),
            _reason(familiar[i], margin[i]),
        )
        for i in chosen
    )


def _reason(familiar: float, margin: float) -> str:
    if familiar < REFUSED:
        return "fits no class"
    return "lies between classes" if margin < 0.5 else "differs from the others"


def _mean_by_class(values: NDArray[np.float32], of_class: NDArray[np.int64], n_way: int) -> NDArray[np.float64]:
    sums = np.zeros((n_way, values.shape[1]))
    np.add.at(sums, of_class, values)
    return sums / np.maximum(np.bincount(of_class, minlength=n_way), 1)[:, None]
