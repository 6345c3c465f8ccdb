"""Train a siamese encoder: `python recipes/baselines/siamese/train.py recipes/baselines/siamese/siamese.yaml`.

Settings are those of `recipes/train.py`, read from the YAML file and overridden by key=value; `--help` lists them.
The episodes, the optimizer and the measurement are the Matching Network's own, so that the loss is what differs.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, logsigmoid
from transformers import set_seed

from fewtext import EpisodicTrainer, EpisodicTrainingArguments, MatchingNetwork
from fewtext.commands.arguments import DataArguments, ModelArguments, TestArguments, describe, parse
from fewtext.commands.corpora import load_parts
from fewtext.commands.evaluate import measure, print_table
from fewtext.commands.train import ARGUMENTS
from fewtext.folders import replaced_folder
from fewtext.models.embedding import encode_for_training
from fewtext.models.modeling import MatchingOutput

SCALE, THRESHOLD = 13.0, 0.16
"""Where scale and threshold start: what logistic regression finds on the untrained MiniLM's pairs of the recipe."""


class SiameseNetwork(MatchingNetwork):
    """An encoder trained on pairs (Bromley et al. 1993; Koch et al. 2015): the query and each example of its episode.

    The probability that two texts share a class is σ(scale · (cosine - threshold)), both learned. The loss is the
    binary cross-entropy; pairs that match and pairs that do not weigh half each, as Koch draws equally many.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.config.separate_encoders:
            raise ValueError("the encoders of a siamese network share their weights; leave separate_encoders false.")
        self.matcher.requires_grad_(False)  # it classifies as an untrained one, and the pairs leave it as it is
        self.pair_log_scale = nn.Parameter(torch.tensor([SCALE]).log())
        self.pair_threshold = nn.Parameter(torch.tensor([THRESHOLD]))

    def forward(
        self,
        support: Tensor,
        support_labels: Tensor,
        support_weights: Tensor,
        query: Tensor,
        query_labels: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor,
    ) -> MatchingOutput:
        """Return the mean loss of a batch of episodes, as `EpisodeCollator` makes it."""
        texts = encode_for_training(self, input_ids, attention_mask)
        cosine = cosine_similarity(texts[query][:, :, None], texts[support][:, None], dim=-1)
        logits = self.pair_log_scale.exp() * (cosine - self.pair_threshold)
        classes = torch.arange(support_labels.shape[-1], device=query.device)
        same = (query_labels[..., None] == classes).to(support_labels) @ support_labels.mT
        pairs = (query_labels >= 0)[..., None] & (support_weights > 0)[:, None]
        losses = [_mean(-logsigmoid(logits), pairs & (same > 0)), _mean(-logsigmoid(-logits), pairs & (same == 0))]
        return MatchingOutput(loss=torch.stack(losses).mean())

    def as_matching_network(self) -> MatchingNetwork:
        """Return the Matching Network with this encoder, without the two numbers of the pair loss."""
        network = MatchingNetwork(self.config)
        network.load_state_dict({k: v for k, v in self.state_dict().items() if not k.startswith("pair_")})
        network.tokenizer = self.tokenizer
        return network


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    return ((values * chosen).sum((-2, -1)) / chosen.sum((-2, -1))).mean()


def train(
    data: DataArguments, model: ModelArguments, training: EpisodicTrainingArguments, test: TestArguments
) -> dict[str, Any]:
    """Measure, train, measure again; write `model/` and `results.json` in `output_dir`, and return the results."""
    folder = Path(training.output_dir or "runs/siamese")
    if (folder / "results.json").exists():
        raise FileExistsError(f"{folder} has results of an earlier run; output_dir=... starts elsewhere.")
    refused = (
        model.adapter_rank is not None,
        test.protocol != "episodes",
        training.push_to_hub,
        training.freeze_encoder,
    )
    if any(refused):
        raise ValueError("this baseline takes no adapter_rank, protocol, push_to_hub or freeze_encoder.")
    parts = load_parts(data)
    set_seed(training.seed)
    network = SiameseNetwork.from_encoder(model.model, **model.model_settings)
    trainer = EpisodicTrainer(network, training, parts["train"], parts["validation"])
    before = measure(network, parts["test"], test)
    trainer.train(resume_from_checkpoint=training.resume_from_checkpoint)
    seconds = round(trainer.seconds, 1)
    after = measure(network, parts["test"], test)
    learned = {"scale": network.pair_log_scale.exp().item(), "threshold": network.pair_threshold.item()}
    results = {"training_seconds": seconds, "before": before, "after": after, "learned": learned}
    with replaced_folder(folder / "model") as new:
        network.as_matching_network().save_pretrained(new)
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print_table([("before", before), ("after", after)])
    print(f"trained {training.n_episodes} episodes in {seconds:.0f} s; model in {folder / 'model'}", flush=True)
    return results


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(describe(*ARGUMENTS))
    else:
        train(*parse(sys.argv[1:], *ARGUMENTS))
