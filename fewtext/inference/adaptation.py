"""Adapting the encoder to a support set, by episodes in which every text is asked of all the others."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import nll_loss
from tqdm.auto import tqdm

from fewtext.data.tokenization import pad_ids, tokenize
from fewtext.inference.counted import counted_labels, counted_texts
from fewtext.inference.support import SupportSet
from fewtext.models.devices import encoding_precision
from fewtext.models.embedding import encode_for_training
from fewtext.models.layers import freeze_lower_layers
from fewtext.models.matching import Episodes
from fewtext.models.modeling import MatchingNetwork
from fewtext.models.one_hot import label_table

FROZEN_SHARE = 1 / 3
"""Share of the encoder's layers, from below, that stay as they are."""

TEXTS_A_CLASS = 6
"""Texts of a class in an episode, where classes are enough to fill it: more classes teach more than more texts."""

MANY_TEXTS = 10
"""Texts of a class, its name among them, from which labels are smoothed: fewer have to teach all that they can."""

LABEL_SMOOTHING = 0.1
"""Share of a target that all classes of the episode get alike then (Szegedy et al. 2016, section 7)."""


@dataclass(frozen=True)
class EncoderAdaptation:
    """How the encoder is adapted.

    Attributes:
        rounds: Times that every text is seen, in 20 steps at least.
        episode_texts: Most texts of an episode, which bounds the memory that a step takes.
        learning_rate: Highest learning rate of AdamW, after a tenth of the steps; it ends at 0.
        patience: Rounds without a lower leave-one-out loss after which to stop.
        token_dropout: Share of the tokens that a text lacks when it is read, drawn anew each time.
        seed: Draws the episodes, the tokens that are left out, and dropout where it stands in for a second example.
    """

    rounds: int = 14
    episode_texts: int = 132
    learning_rate: float = 5e-5
    patience: int = 4
    token_dropout: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        """Check before any work."""
        if self.rounds < 1 or self.patience < 1:
            raise ValueError(f"rounds is {self.rounds} and patience {self.patience}; both must be at least 1.")
        if self.episode_texts < 4:
            raise ValueError(f"episode_texts is {self.episode_texts}; an episode needs at least 4 texts.")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate is {self.learning_rate}; it must be greater than 0.")
        if not 0 <= self.token_dropout < 1:
            raise ValueError(f"token_dropout is {self.token_dropout}; it is a share from 0 to below 1.")


def adapt_encoder(
    model: MatchingNetwork,
    support: SupportSet,
    named: bool,
    settings: EncoderAdaptation,
    show_progress: bool | None = None,
) -> MatchingNetwork:
    """Return a copy of the model whose encoder has learned the support set.

    The loss is equation 2 of Vinyals et al. 2016 on leave-one-out episodes: m texts of some classes, each a query to
    the m - 1 others, so that m passes of the encoder give m (m - 1) comparisons. Names and descriptions are
    texts like any other. A class with one text is met by a second view of it, under dropout. Labels are smoothed
    where classes have `MANY_TEXTS` texts.

    Args:
        model: The model; it stays as it is.
        support: The support set, with its texts.
        named: Whether class names count.
        settings: How.
        show_progress: A progress bar; by default one appears after two seconds.
    """
    if model.tokenizer is None:
        raise TypeError("adapt: the model has no tokenizer; set model.tokenizer.")
    support.check_has_texts()
    texts, labels = counted_texts(support, named), label_table(counted_labels(support, named))
    prompts = dict.fromkeys([model.config.query_prompt, model.config.support_prompt])
    ids = [tokenize(model.tokenizer, [prompt + text for text in texts], model.max_length)[0] for prompt in prompts]
    special = frozenset(model.tokenizer.all_special_ids)
    groups = [np.flatnonzero(labels[:, c].numpy() > 0) for c in range(labels.shape[1])]
    smoothing = LABEL_SMOOTHING if _usual_size(groups) >= MANY_TEXTS else 0.0
    adapted = copy.deepcopy(model, {id(model.tokenizer): model.tokenizer})  # it cannot be copied fast, and need not be
    _prepare(adapted)
    random = np.random.default_rng(settings.seed)
    steps = max(20, math.ceil(settings.rounds * len(texts) / settings.episode_texts))
    a_round = max(1, math.ceil(steps / settings.rounds))
    parameters = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
    if not parameters:
        raise ValueError(
            "nothing in this encoder can learn: its weights were frozen (requires_grad), or onnxruntime runs it; then "
            "load it with backend='torch'."
        )
    optimizer = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=0.01)
    warmup = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warmup, 1 - step / steps if step < steps else 0.0)
    )
    losses: list[float] = []
    drawn = _draw(groups, settings.episode_texts, random)
    with tqdm(total=steps, desc="Adapting the encoder", unit="step", delay=2, disable=show_progress is False) as bar:
        for step in range(steps):
            rows = next(drawn)
            seed = int(random.integers(2**31))
            read = [[_drop_tokens(own[row], special, settings.token_dropout, random) for row in rows] for own in ids]
            loss = _loss(adapted, read[0], read[-1], labels[rows], seed, smoothing)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            bar.set_postfix(loss=f"{losses[-1]:.3f}")
            bar.update()
            if (step + 1) % a_round == 0 and _stalls(losses, a_round, settings.patience):
                break
    for parameter, original in zip(adapted.parameters(), model.parameters(), strict=True):
        parameter.requires_grad_(original.requires_grad)
    adapted.fine_tuned_on = model.fine_tuned_on | set(support.ids)
    return adapted.eval()


def _prepare(model: MatchingNetwork) -> None:
    """Freeze all but the upper layers, and soften the attention: at full temperature little is left to learn."""
    for encoder in (model.encoder, model.support_encoder):
        if encoder is not None:
            freeze_lower_layers(encoder, FROZEN_SHARE)
    model.matcher.requires_grad_(False)
    model.matcher.log_temperature.sub_(math.log(2.0))
    model.eval()
    for module in model.matcher.modules():
        if isinstance(module, nn.RNNBase):
            module.flatten_parameters()  # on a GPU a copy does not lie in one piece, as cuDNN would have it


def _usual_size(groups: Sequence[np.ndarray]) -> int:
    """Return the median number of texts of the classes that have any."""
    return int(np.median([len(group) for group in groups if len(group)]))


def _draw(groups: Sequence[np.ndarray], most: int, random: np.random.Generator) -> Iterator[list[int]]:
    """Yield the rows of one episode after another; every class comes up equally often."""
    usual = max(1, min(_usual_size(groups), TEXTS_A_CLASS, most // 2))
    way = max(2, min(len(groups), most // usual))
    each = most // way
    order: list[int] = []
    while True:
        if len(order) < way:
            order += [c for c in random.permutation(len(groups)).tolist() if c not in order]
        classes, order = order[:way], order[way:]
        rows = [random.permutation(groups[c])[:each] for c in classes]
        yield list(dict.fromkeys(np.concatenate(rows).tolist()))  # a text of several classes comes once


def _drop_tokens(ids: list[int], special: frozenset[int], share: float, random: np.random.Generator) -> list[int]:
    """Leave out a share of the tokens of a text, never all (Iyyer et al. 2015, section 3.1: word dropout)."""
    if not share:
        return ids
    kept = random.random(len(ids)) >= share
    left = [token for token, keep in zip(ids, kept, strict=True) if keep or token in special]
    return left if any(token not in special for token in left) else ids


def _loss(
    model: MatchingNetwork,
    ids: Sequence[list[int]],
    example_ids: Sequence[list[int]],
    labels: Tensor,
    seed: int,
    smoothing: float = 0.0,
) -> Tensor:
    """Return the mean cross-entropy of each text given the others, `labels` `(m, n_way)`.

    The `ids` are those of the texts as queries, `example_ids` as examples; the same where they have one prompt.
    All classes share `smoothing` of the targets.
    """
    labels = labels[:, labels.sum(0) > 0].to(model.device)
    alone = labels[:, labels.gt(0).sum(0) == 1].sum(1) > 0  # texts that are the only one of a class
    assert model.tokenizer is not None
    pad_id = model.tokenizer.pad_token_id or 0
    asked, shown = ([part.to(model.device) for part in pad_ids(list(own), pad_id)] for own in (ids, example_ids))
    with encoding_precision(model.device, training=True):
        queries = encode_for_training(model, *asked)
        examples = queries if model.embeds_alike else encode_for_training(model, *shown, support=True)
        second = examples[:0]
        if bool(alone.any()):
            second = _second_views(model, shown[0][alone], shown[1][alone], seed)
    queries, examples, second = queries.float(), examples.float(), second.float()
    m = len(labels)
    everything = torch.cat([examples, second])
    others = torch.tensor([[j for j in range(len(everything)) if j != i] for i in range(m)], device=model.device)
    labels = torch.cat([labels, labels[alone]])
    episodes = Episodes(model.matcher, queries[:, None], everything[others], labels[others])
    targets = labels[:m] / labels[:m].sum(-1, keepdim=True)
    if not smoothing and bool((labels[:m].gt(0).sum(-1) == 1).all()):
        return nll_loss(episodes.log_probs[:, 0], targets.argmax(-1))
    targets = (1 - smoothing) * targets + smoothing / targets.shape[1]
    log_probs = episodes.log_probs[:, 0].clamp_min(-50.0)
    return -(targets * log_probs).sum(-1).mean()


def _second_views(model: MatchingNetwork, input_ids: Tensor, mask: Tensor, seed: int) -> Tensor:
    """Encode texts again under dropout (Gao et al. 2021, SimCSE)."""
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        encoder = model.encoder if model.support_encoder is None else model.support_encoder
        encoder.train()
        try:
            return model.encode(input_ids, mask, support=True)
        finally:
            encoder.eval()


def _stalls(losses: Sequence[float], a_round: int, patience: int) -> bool:
    """Tell whether the loss of the last rounds is not below the best of those before by a hundredth."""
    rounds = [float(np.mean(losses[i : i + a_round])) for i in range(0, len(losses) - a_round + 1, a_round)]
    if rounds and not math.isfinite(rounds[-1]):
        warnings.warn("the loss of adapt is not a number; a lower learning_rate helps.", stacklevel=3)
        return True
    return len(rounds) > patience and min(rounds[-patience:]) > 0.99 * min(rounds[:-patience])
