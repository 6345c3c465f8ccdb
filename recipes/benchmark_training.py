"""Time and weigh a training step beside the plain loop: `python recipes/benchmark_training.py [key=value ...]`.

The plain loop encodes the texts of each episode on their own, padded to the longest, duplicates again, and tokenizes
them each time. Both run in turn in one process, dropout off, on the same episodes, on a CPU or a GPU. `memory=true`
measures instead the peak memory of one large episode, with a gradient cache and without, each in a process of its
own, and how far their gradients differ. `--help` lists the settings. Needs the extra `offline`.
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from benchmarks.timing import machine, ratio, timed
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from fewtext import EpisodeDataset, MatchingNetwork, load_tasks
from fewtext.commands.arguments import describe, parse
from fewtext.data.collator import EpisodeCollator, index_episodes
from fewtext.data.episodes import Episode
from fewtext.models.devices import encoding_precision
from fewtext.models.embedding import encode_for_training


@dataclass
class TrainingBenchmarkArguments:
    """What to time.

    Args:
        data: Corpus of the episodes.
        split: Split of it, where it has several.
        way: Classes an episode.
        shot: Examples a class.
        query: Queries a class.
        episodes: Episodes a step.
        repeats: Steps of each candidate, after one that is not counted.
        threads: Threads of torch.
        device: `cpu` or `cuda`; on a GPU both run in bfloat16, and its tokens a second and its share of what the GPU
            can do are measured too.
        compile: Whether torch.compile makes the encoder that fewtext runs.
        memory: Measure memory instead of time.
        gradient_cache: Used by the processes that measure memory.
        output: JSON file for the results.
    """

    data: str = "fewtext/intents"
    split: str | None = None
    way: int = 20
    shot: int = 1
    query: int = 5
    episodes: int = 4
    repeats: int = 5
    threads: int = 1
    device: str = "cpu"
    compile: bool = False
    memory: bool = False
    gradient_cache: bool | None = None
    output: str | None = None


def draw(arguments: TrainingBenchmarkArguments, length: int) -> EpisodeDataset:
    """Return the episodes."""
    tasks = load_tasks(arguments.data, split=arguments.split)
    return EpisodeDataset(
        tasks, length=length, way=arguments.way, shot=arguments.shot, query=arguments.query, names=1.0, seed=0
    )


def network(gradient_cache: bool = False) -> MatchingNetwork:
    """Return the untrained default with what a recipe trains: full context, and no membership head."""
    torch.manual_seed(0)  # the full-context module starts at random
    model = MatchingNetwork.from_encoder(context="lstm", context_size=64)
    model.matcher.membership.requires_grad_(False)
    model.gradient_cache = gradient_cache
    return model


def plain_loss(model: MatchingNetwork, episode: Episode) -> Tensor:
    """Return the loss of one episode as a plain loop computes it."""
    texts = [*episode.support_texts, *episode.names, *episode.query_texts]
    assert model.tokenizer is not None
    batch = model.tokenizer(texts, padding=True, truncation=True, max_length=model.max_length, return_tensors="pt")
    batch = batch.to(model.device)
    with encoding_precision(model.device):
        vectors = model.encode(batch["input_ids"], batch["attention_mask"])
    indices = moved(index_episodes([episode], {text: row for row, text in enumerate(texts)}), model.device)
    loss: Tensor = model(text_vectors=vectors, **indices).loss
    return loss


def moved(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Return a batch on a device as the Trainer moves it, without the numbers of its episodes."""
    del batch["episode_numbers"]
    if device.type == "cuda":
        batch = {name: tensor.pin_memory() for name, tensor in batch.items()}
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


def time_steps(arguments: TrainingBenchmarkArguments) -> dict[str, object]:
    """Compare a step of fewtext with a step of the plain loop, and with its encoder alone."""
    model = network().to(arguments.device)
    assert model.tokenizer is not None
    plain_encoder = model.encoder
    own_encoder = torch.compile(plain_encoder, dynamic=True) if arguments.compile else plain_encoder
    episodes = draw(arguments, arguments.episodes * (arguments.repeats + 1))
    collator = EpisodeCollator(model.tokenizer, model.max_length)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.0)

    def plain(step: list[Episode]) -> None:
        model.encoder = plain_encoder
        for episode in step:
            (plain_loss(model, episode) / len(step)).backward()
        optimizer.step()
        optimizer.zero_grad()

    def fewtext(step: list[Episode]) -> None:
        model.encoder = own_encoder
        batch = moved(collator(step), model.device)
        with encoding_precision(model.device):
            loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    def encoder(step: list[Episode]) -> None:
        model.encoder = own_encoder
        batch = moved(collator(step), model.device)
        with encoding_precision(model.device):
            vectors = encode_for_training(model, batch["input_ids"], batch["attention_mask"])
        vectors.sum().backward()
        optimizer.zero_grad()

    drawn = [episodes[i] for i in range(len(episodes))]
    steps = [drawn[i : i + arguments.episodes] for i in range(0, len(drawn), arguments.episodes)]

    def in_turn(run: Callable[[list[Episode]], None]) -> Callable[[], None]:
        rest = iter(steps)
        return lambda: run(next(rest))

    seconds = timed({run.__name__: in_turn(run) for run in (plain, fewtext, encoder)}, arguments.repeats)
    step_seconds = statistics.median(seconds["fewtext"].wall)
    lengths = [int(length) for step in steps[1:] for length in collator(step)["attention_mask"].sum(-1)]
    results = {
        "machine": machine(),
        "seconds_a_step": step_seconds,
        "tokens_a_second": sum(lengths) / arguments.repeats / step_seconds,
        "speed_over_plain_loop": ratio(seconds["plain"], seconds["fewtext"]),
        "share_of_the_encoder": ratio(seconds["encoder"], seconds["fewtext"]),
    }
    if model.device.type == "cuda":
        done = 3 * operations(model, lengths) / arguments.repeats / step_seconds  # backward takes twice as many
        results |= {"bf16_peak_teraflops": (peak := peak_operations()) / 1e12, "share_of_the_peak": done / peak}
    return results


def operations(model: MatchingNetwork, lengths: list[int]) -> float:
    """Return the floating-point operations of one pass over texts of these lengths: matrix products, no padding."""
    config = model.config.encoder_config
    linear = sum(layer.weight.numel() for layer in model.encoder.modules() if isinstance(layer, nn.Linear))
    attended = 4 * config.num_hidden_layers * config.hidden_size * sum(length**2 for length in lengths)
    return 2 * linear * sum(lengths) + attended


def peak_operations(size: int = 8192) -> float:
    """Return what the GPU does a second in a large product of bfloat16 matrices."""
    one, other = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    seconds = timed({"product": lambda: [one @ other for _ in range(20)]}, 3)["product"].wall
    return 20 * 2 * size**3 / min(seconds)


def one_step(arguments: TrainingBenchmarkArguments) -> None:
    """Run the backward pass of one episode in this process; save its gradients and print its peak memory."""
    model = network(bool(arguments.gradient_cache))
    assert model.tokenizer is not None and arguments.output is not None
    batch = moved(EpisodeCollator(model.tokenizer, model.max_length)([draw(arguments, 1)[0]]), model.device)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started = time.perf_counter()
    loss = model(**batch).loss
    loss.backward()
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    save_file(gradients, arguments.output)
    texts = len(batch["input_ids"])
    print(json.dumps({"texts": texts, "loss": loss.item(), "seconds": seconds, "peak_mb": peak, "before_mb": before}))


def weigh(arguments: TrainingBenchmarkArguments) -> dict[str, object]:
    """Compare the peak memory and the gradients of one episode with a gradient cache and without."""
    results: dict[str, object] = {}
    gradients = []
    with TemporaryDirectory() as folder:
        for cached in (True, False):
            file = Path(folder) / f"{cached}.safetensors"
            own = asdict(replace(arguments, gradient_cache=cached, output=str(file)))
            settings = [f"{key}={json.dumps(value)}" for key, value in own.items() if value is not None]
            done = subprocess.run([sys.executable, __file__, *settings], check=True, stdout=subprocess.PIPE, text=True)
            results["gradient_cache" if cached else "plain"] = json.loads(done.stdout.splitlines()[-1])
            gradients.append(load_file(file))
    pairs = [(gradients[0][name], gradients[1][name]) for name in gradients[1]]
    results["largest_gradient"] = max(float(plain.abs().max()) for _, plain in pairs)
    results["largest_difference_of_gradients"] = max(float((cached - plain).abs().max()) for cached, plain in pairs)
    return results


def benchmark(arguments: TrainingBenchmarkArguments) -> None:
    """Measure, print, and write the results."""
    torch.set_num_threads(arguments.threads)
    if arguments.device != "cpu" and (arguments.memory or arguments.gradient_cache is not None):
        raise ValueError("memory is that of a process, measured on the CPU; leave device out.")
    if arguments.gradient_cache is not None:
        one_step(arguments)
        return
    results = weigh(arguments) if arguments.memory else time_steps(arguments)
    for name, value in results.items():
        print(f"{name:<34}{value}", flush=True)
    if arguments.output:
        Path(arguments.output).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(describe(TrainingBenchmarkArguments))
    else:
        benchmark(*parse(sys.argv[1:], TrainingBenchmarkArguments))
