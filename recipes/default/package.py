"""Put a trained default model in the package: `python recipes/default/package.py [key=value ...]`.

Takes what `fewtext train recipes/default/default.yaml` left, and writes what it has beyond all-MiniLM-L6-v2 (adapter,
matcher, configuration and card) where `FewShotClassifier.from_pretrained()` finds it. `--help` lists the settings.
"""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

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
        run: Folder of the run.
        name: Name of the model.
        command: What trained it, for the card.
        table: What the benchmark wrote of the packaged model (`table.json`), for the card; measured after packaging,
            so package once more.
        output: Folder of the packaged models.
    """

    run: str = "runs/default"
    name: str = DEFAULT_MODEL
    command: str = "fewtext train recipes/default/default.yaml"
    table: str | None = None
    output: str = str(PACKAGED)


def package(arguments: PackageArguments) -> Path:
    """Write the model's folder in the package, and return it."""
    run, folder = Path(arguments.run), Path(arguments.output) / arguments.name.removeprefix(PREFIX)
    network = MatchingNetwork.from_pretrained(run / "model")
    write_packaged(network, run / "adapter", folder)
    facts = known_facts(arguments.name, network.config)
    training = [f"`{arguments.command}`", *facts.training]
    results = [*facts.results, *benchmarked(arguments)]
    facts = replace(facts, license="apache-2.0", language=["en"], training=training, results=results)
    (folder / CARD_FILE).write_text(str(model_card(facts)), encoding="utf-8")
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    print(f"{folder}: {size / 1e6:.2f} MB of weights")
    return folder


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
