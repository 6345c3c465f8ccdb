"""Put a trained default model in the package: `python recipes/default/package.py [key=value ...]`.

Takes what runs of `fewtext train recipes/default/default.yaml` left, averages their weights, and writes what is beyond
all-MiniLM-L6-v2 (adapter, matcher, configuration and card) where `FewShotClassifier.from_pretrained()` finds it.
`--help` lists the settings.
"""

import json
import sys
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from peft import PeftModel
from torch import nn

from fewtext import MatchingNetwork
from fewtext.commands.arguments import describe, parse
from fewtext.models.packaged import DEFAULT_MODEL, PACKAGED, PREFIX, write_packaged
from fewtext.models.publishing import known_facts
from fewtext.sharing.hub import CARD_FILE
from fewtext.sharing.model_card import Result, model_card


@dataclass
class PackageArguments:
    """What to package.

    Args:
        runs: Folders of the runs, whose weights are averaged (Wortsman et al. 2022, "Model soups").
        name: Name of the model.
        commands: What made the model, for the card; other runs need other commands.
        table: What the benchmark wrote of the packaged model (`table.json`), for the card; measured after packaging,
            so package once more.
        output: Folder of the packaged models.
    """

    runs: list[str] = field(default_factory=lambda: ["runs/default", "runs/default-400"])
    name: str = DEFAULT_MODEL
    commands: list[str] = field(
        default_factory=lambda: [
            "fewtext train recipes/default/default.yaml",
            "fewtext train recipes/default/default.yaml n_episodes=400 output_dir=runs/default-400",
            "python recipes/default/package.py",
        ]
    )
    table: str | None = None
    output: str = str(PACKAGED)


def package(arguments: PackageArguments) -> Path:
    """Write the model's folder in the package, and return it."""
    runs, folder = [Path(run) for run in arguments.runs], Path(arguments.output) / arguments.name.removeprefix(PREFIX)
    network = averaged([MatchingNetwork.from_pretrained(run / "model") for run in runs])
    with TemporaryDirectory() as temporary:
        adapter = averaged_adapter([run / "adapter" for run in runs], network.encoder, Path(temporary))
        write_packaged(network, adapter, folder)
    facts = known_facts(arguments.name, network.config)
    training = [*(f"`{command}`" for command in arguments.commands), *facts.training]
    results = [*facts.results, *benchmarked(arguments)]
    facts = replace(facts, license="apache-2.0", language=["en"], training=training, results=results)
    (folder / CARD_FILE).write_text(str(model_card(facts)), encoding="utf-8")
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    print(f"{folder}: {size / 1e6:.2f} MB of weights")
    return folder


def averaged(networks: Sequence[MatchingNetwork]) -> MatchingNetwork:
    """Return the first network with the mean of the weights of all; what each one reached is not what it does."""
    first, states = networks[0], [network.state_dict() for network in networks]
    first.load_state_dict({key: torch.stack([state[key] for state in states]).mean(0) for key in states[0]})
    told = [network.config.trained_on or {} for network in networks]
    if len(networks) > 1:
        data = {name: licence for facts in told for name, licence in facts.get("data", {}).items()}
        training = list(dict.fromkeys(line for facts in told for line in facts.get("training", [])))
        first.config.trained_on = {"data": data, "training": [*training, "the mean of their weights"], "results": []}
    return first


def averaged_adapter(folders: Sequence[Path], encoder: nn.Module, output: Path) -> Path:
    """Write the adapter whose change of an encoder of this form is the mean of those of others, and return its folder.

    Exactly the mean: its rank is the sum of theirs.
    """
    names = [f"run{number}" for number in range(len(folders))]
    model = PeftModel.from_pretrained(deepcopy(encoder), folders[0], adapter_name=names[0])
    for name, folder in zip(names[1:], folders[1:], strict=True):
        model.load_adapter(folder, adapter_name=name)
    model.add_weighted_adapter(names, [1 / len(names)] * len(names), "mean", combination_type="cat")
    model.save_pretrained(output, selected_adapters=["mean"])
    return output / "mean"


def benchmarked(arguments: PackageArguments) -> list[Result]:
    """Return the rows of the benchmark's table that are the model's own."""
    if arguments.table is None:
        return []
    rows = json.loads(Path(arguments.table).read_text(encoding="utf-8"))
    own = [row for row in rows if f" from {arguments.name}" in row["method"]]
    results = []
    for row in own:
        method = row["method"].replace(f" from {arguments.name}", "").removeprefix("fewtext ")
        mean, interval = row["accuracy"]
        setting = f"{row['setting']}, {method}, {row['draws']} draws"
        results.append(Result(row["suite"], setting, mean / 100, interval / 100))
    return results


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(f"{__doc__}\n{describe(PackageArguments)}")
    else:
        package(*parse(sys.argv[1:], PackageArguments))
