"""Put a trained default model in the package: `python recipes/default/package.py [key=value ...]`.

Takes what `fewtext train recipes/default/default.yaml` left, and writes what it has beyond all-MiniLM-L6-v2 (adapter,
matcher, configuration and card) where `FewShotClassifier.from_pretrained()` finds it. `--help` lists the settings.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from fewtext import MatchingNetwork
from fewtext.commands.arguments import describe, parse
from fewtext.models.packaged import DEFAULT_MODEL, PACKAGED, PREFIX, write_packaged
from fewtext.models.publishing import known_facts
from fewtext.sharing.hub import CARD_FILE
from fewtext.sharing.model_card import model_card


@dataclass
class PackageArguments:
    """What to package.

    Args:
        run: Folder of the run.
        name: Name of the model.
    """

    run: str = "runs/default"
    name: str = DEFAULT_MODEL


def package(arguments: PackageArguments) -> Path:
    """Write the model's folder in the package, and return it."""
    run, folder = Path(arguments.run), PACKAGED / arguments.name.removeprefix(PREFIX)
    network = MatchingNetwork.from_pretrained(run / "model")
    write_packaged(network, run / "adapter", folder)
    (folder / CARD_FILE).write_text(str(model_card(known_facts(arguments.name, network.config))), encoding="utf-8")
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    print(f"{folder}: {size / 1e6:.2f} MB of weights")
    return folder


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(f"{__doc__}\n{describe(PackageArguments)}")
    else:
        package(*parse(sys.argv[1:], PackageArguments))
