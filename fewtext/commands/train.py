"""Meta-train a Matching Network on episodes, and measure it before and after on what it has not seen.

fewtext train recipes/intent/samples/lstm.yaml
fewtext train recipes/intent/banking77/lstm.yaml data=PATH learning_rate=1e-5 output_dir=runs/mine
fewtext train recipes/sentiment/sst2/lstm.yaml --push-to-hub --hub-model-id me/sentiment
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import set_seed

from fewtext.commands.arguments import DataArguments, ModelArguments, TestArguments
from fewtext.commands.corpora import load_parts, names_of
from fewtext.commands.evaluate import load_model, measure, measure_support, print_table
from fewtext.commands.facts import training_facts
from fewtext.data.tasks import Task
from fewtext.evaluation.plots import plot_learning_curve
from fewtext.folders import replaced_folder
from fewtext.models.adapters import add_adapter, merge_adapter
from fewtext.models.modeling import MatchingNetwork
from fewtext.models.publishing import remember
from fewtext.sharing.hub import CARD_FILE
from fewtext.sharing.model_card import CardFacts, model_card
from fewtext.training.arguments import EpisodicTrainingArguments
from fewtext.training.checkpoints import resumes_from
from fewtext.training.trainer import EpisodicTrainer

ARGUMENTS = (DataArguments, ModelArguments, EpisodicTrainingArguments, TestArguments)
NEEDS = "a recipe, such as recipes/intent/samples/lstm.yaml, or data=FOLDER"


def train(
    data: DataArguments, model: ModelArguments, training: EpisodicTrainingArguments, test: TestArguments
) -> dict[str, Any]:
    """Run a recipe: load, split, measure, meta-train, measure again, save.

    Writes in `output_dir`: `model/` with its card, `results.json`, `learning_curve.png` and the checkpoints, and
    `adapter/` where `adapter_rank` is given;
    with `push_to_hub=true` the model also goes to `hub_model_id`.

    Returns:
        What `results.json` holds.

    Raises:
        FileExistsError: `output_dir` has results of an earlier run and `resume_from_checkpoint` is not set.
    """
    folder = Path(training.output_dir or "runs/fewtext")
    earlier = [path.name for path in folder.glob("checkpoint-*")]
    earlier += [name for name in ("model", "results.json") if (folder / name).exists()]
    if earlier and not resumes_from(training.resume_from_checkpoint):
        raise FileExistsError(
            f"{folder} has {earlier[0]} of an earlier run: resume_from_checkpoint=true goes on from its checkpoints, "
            "output_dir=... starts elsewhere."
        )
    if model.adapter_rank is not None and training.freeze_encoder:
        raise ValueError(
            "freeze_encoder leaves an adapter nothing to learn; leave adapter_rank or freeze_encoder out."
        )
    if test.protocol == "support" and data.split_by not in ("tasks", "given"):
        raise ValueError(
            "protocol=support tests on the test split of every task, which training by split_by="
            f"{data.split_by} may have learned from; give split_by=tasks or split_by=given."
        )
    parts = load_parts(data)
    set_seed(training.seed)  # the new parameters start at random
    network = load_model(model)
    if model.adapter_rank is not None:
        add_adapter(network, model.adapter_rank)
    trainer = EpisodicTrainer(network, training, parts["train"], parts["validation"])
    if model.adapter_rank is not None and trainer.is_fsdp_enabled:
        raise ValueError("an adapter is small and cannot be sharded; leave adapter_rank or FSDP out.")
    main = trainer.is_world_process_zero()
    if main:
        for part, tasks in parts.items():
            print(f"{part}: {names_of(tasks)}", flush=True)
    before = _measure(network, parts, data, test) if main else []
    trainer.train(resume_from_checkpoint=training.resume_from_checkpoint)
    seconds = trainer.seconds
    network = trainer.whole_model()
    if model.adapter_rank is not None and main:
        merge_adapter(network, folder / "adapter")
    results, facts = _finish(network, trainer, data, test, parts, before, seconds, folder) if main else ({}, None)
    trainer.accelerator.wait_for_everyone()
    if training.push_to_hub and (commit := trainer.push_to_hub(facts=facts)) is not None:
        print(commit.commit_url, flush=True)
    trainer.accelerator.end_training()
    return results


def _finish(
    network: MatchingNetwork,
    trainer: EpisodicTrainer,
    data: DataArguments,
    test: TestArguments,
    parts: dict[str, list[Task]],
    before: list[dict[str, Any]],
    seconds: float,
    folder: Path,
) -> tuple[dict[str, Any], CardFacts]:
    """Measure again, save model, results and picture, print the table, and return what a card says."""
    training = trainer.args
    after = _measure(network, parts, data, test)
    n_episodes = trainer.state.global_step * training.episodes_per_step
    results = {
        "episodes": n_episodes,
        "seed": training.seed,
        "training_seconds": round(seconds, 1),
        "before": before,
        "after": after,
        "learned": {name: round(p.item(), 4) for name, p in network.named_parameters() if p.numel() == 1},
    }
    name = (trainer.hub_model_id if training.push_to_hub else None) or str(folder / "model")
    facts = training_facts(name, network, data, parts, training, n_episodes, after)
    remember(facts, network.config)
    with replaced_folder(folder / "model") as new:
        network.save_pretrained(new)
        (new / CARD_FILE).write_text(str(model_card(facts)), encoding="utf-8")
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    picture = _draw(trainer.state.log_history, folder)
    print_table([("before", before), ("after", after)])
    print(f"trained {n_episodes} episodes in {seconds:.0f} s; model in {folder / 'model'}{picture}", flush=True)
    return results, facts


def _measure(
    network: MatchingNetwork, parts: dict[str, list[Task]], data: DataArguments, test: TestArguments
) -> list[dict[str, Any]]:
    if test.protocol == "support":
        return measure_support(network, data, test)
    return measure(network, parts["test"], test)


def _draw(history: list[dict[str, Any]], folder: Path) -> str:
    try:
        return f", learning curve in {plot_learning_curve(history, folder / 'learning_curve.png')}"
    except ImportError as error:
        return f" (no learning curve: {error})"
