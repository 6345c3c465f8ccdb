"""Train a tiny model as `torchrun` or a plain process would; prints the losses, saves the weights."""

import json
import os
import signal
import sys
from pathlib import Path

import torch
from accelerate import DistributedType, PartialState
from transformers import TrainerCallback, set_seed

from fewtext import EpisodicTrainer, EpisodicTrainingArguments, MatchingNetwork, load_tasks, split_classes


class KillAt(TrainerCallback):
    """Kill the process with SIGKILL after a step."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def main(encoder, output_dir, options):
    torch.set_num_threads(1)
    kill_at, resume = options.pop("kill_at", None), options.pop("resume", False)
    model_options = options.pop("model", {"context": "lstm", "context_size": 8})
    set_seed(3)
    model = MatchingNetwork.from_encoder(encoder, **model_options)
    if options.pop("one_pass", False):  # dropout is drawn by pass, so runs that compare must make the same ones
        model.training_tokens = sys.maxsize
    parts = split_classes(load_tasks("fewtext/intents")[0])
    settings = {
        "n_episodes": 24,
        "way": [3, 5],
        "query": 2,
        "turns": 2,
        "n_unknown": [0, 2],
        "names": 0.5,
        "learning_rate": 1e-3,
        "logging_steps": 1,
        "save_steps": 3,
        "eval_strategy": "steps",
        "eval_steps": 4,
        "eval_episodes": 21,
        "disable_tqdm": True,
        "use_cpu": True,
        "seed": 5,
    }
    args = EpisodicTrainingArguments(output_dir=output_dir, **{**settings, **options})
    if os.environ.get("ACCELERATE_USE_FSDP") == "true":
        # Accelerate shards on accelerators only; torch and gloo can do it on a CPU, and so the same code runs here
        PartialState().distributed_type = DistributedType.MULTI_GPU
    callbacks = [KillAt(kill_at)] if kill_at else []
    trainer = EpisodicTrainer(model, args, [parts["train"]], [parts["validation"]], callbacks)
    assert trainer.is_fsdp_enabled == (os.environ.get("ACCELERATE_USE_FSDP") == "true")
    trainer.train(resume_from_checkpoint=resume)
    model = trainer.whole_model()
    if trainer.is_world_process_zero():
        model.save_pretrained(f"{output_dir}/final")
        history = {"processes": args.world_size, "log": trainer.state.log_history}
        Path(output_dir, "history.json").write_text(json.dumps(history))
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.end_training()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
