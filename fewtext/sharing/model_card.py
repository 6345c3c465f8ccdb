"""The model card, made from what is known of a model rather than from what one remembers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from fewtext.data.names import one_line
from fewtext.sharing.hub import TEMPLATES
from fewtext.version import __version__

HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
"""A model on the Hub: with its owner, or one of the first that have none."""


@dataclass(frozen=True)
class Result:
    """A measured accuracy.

    Attributes:
        data: Name of the data.
        setting: How it was measured, such as `5-way 1-shot, 600 episodes`.
        accuracy: The mean, as a share of 1.
        interval: Half the width of its 95 % interval; None where there is none.
        metric: What it is, as the Hub names it.
    """

    data: str
    setting: str
    accuracy: float
    interval: float | None
    metric: str = "accuracy"

    def __str__(self) -> str:
        """The accuracy in percent, with its interval."""
        mean = f"{100 * self.accuracy:.1f}"
        return mean if self.interval is None else f"{mean} ± {100 * self.interval:.1f}"


@dataclass(frozen=True)
class CardFacts:
    """What a card says.

    Attributes:
        name: `OWNER/NAME` on the Hub, or what the model is called.
        base_encoder: The encoder that training started from.
        data: Licence of each data set that the model was trained on; an empty one is not known.
        training: How it was trained, a line each.
        results: Measured accuracies.
        classes: The classes of its support set, if it has one.
        n_examples: Number of examples.
        has_texts: Whether the texts of the examples travel along.
        calibration_error: Expected calibration error by leave-one-out.
        license: Licence of the model, as the Hub names it.
        language: Languages of its data.
    """

    name: str
    base_encoder: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    training: Sequence[str] = ()
    results: Sequence[Result] = ()
    classes: Sequence[str] = ()
    n_examples: int = 0
    has_texts: bool = True
    calibration_error: float | None = None
    license: str | None = None
    language: Sequence[str] = ()


def model_card(facts: CardFacts) -> ModelCard:
    """Return the card: metadata with results as `model-index`, and a text with code that runs as printed."""
    data = ModelCardData(
        model_name=facts.name.rsplit("/", 1)[-1],
        library_name="fewtext",
        pipeline_tag="text-classification",
        tags=["fewtext", "few-shot", "matching-network"],
        base_model=facts.base_encoder if facts.base_encoder and HUB_NAME.fullmatch(facts.base_encoder) else None,
        datasets=[name for name in facts.data if _is_hub_id(name)] or None,
        license=facts.license,
        language=list(facts.language) or None,
        metrics=sorted({result.metric for result in facts.results}) or None,
        eval_results=[_eval_result(result) for result in facts.results] or None,
    )
    return ModelCard.from_template(
        data,
        template_path=str(TEMPLATES / "model_card.md"),
        facts=facts,
        version=__version__,
        query=next((plain for label in facts.classes if (plain := _plain(label))), "hello"),
        shown=[_plain(label) for label in facts.classes[:200]],
    )


def _eval_result(result: Result) -> EvalResult:
    name = f"{result.metric.replace('_', ' ')}, {result.setting}"
    return EvalResult(
        task_type="text-classification",
        task_name="Few-shot text classification",
        # Not one word for all that is not on the Hub: results of one type are put under one name.
        dataset_type=result.data if _is_hub_id(result.data) else re.sub(r"\W+", "-", result.data.lower()).strip("-"),
        dataset_name=result.data,
        metric_type=result.metric,
        metric_value=round(100 * result.accuracy, 2),
        metric_name=name if result.interval is None else f"{name} (95 % interval ± {100 * result.interval:.2f})",
    )


def _is_hub_id(name: str) -> bool:
    return name.count("/") == 1 and not name.startswith(("fewtext/", ".", "/")) and " " not in name


def _plain(label: str) -> str:
    """A label as it may stand in a line of Markdown and of Python."""
    return " ".join(re.sub(r'[`"\\<>|]', " ", one_line(label)).split())
