"""Meta-trained models that travel with fewtext: an adapter and a matcher, on top of the default encoder."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from fewtext.folders import check_safetensors
from fewtext.models.adapters import load_adapter
from fewtext.models.configuration import MatchingNetworkConfig
from fewtext.models.encoders import default_encoder, is_official, load_encoder
from fewtext.models.modeling import MatchingNetwork
from fewtext.models.tokenizers import load_tokenizer

logger = logging.getLogger(__name__)

DEFAULT_MODEL = "fewtext/minilm"
PREFIX = "fewtext/"
PACKAGED = Path(__file__).parent / "packaged_models"
MATCHER_FILE = "matcher.safetensors"


def packaged_names() -> list[str]:
    """Return the names of the models that are in the package."""
    return [PREFIX + folder.name for folder in sorted(PACKAGED.iterdir()) if (folder / MATCHER_FILE).is_file()]


def is_packaged(name: str | Path) -> bool:
    """Tell whether a name is meant for a model of the package: it starts with `fewtext/`, and no folder has it."""
    return str(name).startswith(PREFIX) and not Path(name).exists()


def load_packaged(name: str = DEFAULT_MODEL) -> MatchingNetwork:
    """Return a model of the package, built on the default encoder; it needs no Hub where the encoder is at hand.

    Where the default encoder was replaced (the environment variable FEWTEXT_ENCODER), what was learned on top of
    the official one does not fit, and the encoder is used as it is; a line of the log says so.

    Args:
        name: One of `packaged_names()`.

    Raises:
        ValueError: there is no such model.
        OSError: the default encoder cannot be found; the message says how to get one.

    >>> load_packaged().config.base_encoder
    'sentence-transformers/all-MiniLM-L6-v2'
    """
    if name not in packaged_names():
        raise ValueError(f"there is no model {name}; the package has {', '.join(packaged_names())}.")
    source = default_encoder()
    if not is_official(source / "model.safetensors"):
        logger.warning("fewtext: %s is not the encoder that %s was trained on; used as it is", source, name)
        return MatchingNetwork.from_encoder()
    return read_packaged(PACKAGED / name.removeprefix(PREFIX), source)


def read_packaged(folder: Path, encoder: Path) -> MatchingNetwork:
    """Return the model of a folder that `write_packaged` wrote, on the encoder that it was trained on."""
    config = MatchingNetworkConfig.from_pretrained(folder)
    network = MatchingNetwork(config, load_adapter(load_encoder(encoder), folder))
    check_safetensors(folder / MATCHER_FILE)
    network.matcher.load_state_dict({key: tensor.float() for key, tensor in load_file(folder / MATCHER_FILE).items()})
    network.tokenizer = load_tokenizer(encoder, at_least=config.max_length)
    network.requires_grad_(True)  # peft froze the encoder beneath the adapter, which is a part of it now
    return network.eval()


def write_packaged(network: MatchingNetwork, adapter: Path, folder: Path) -> None:
    """Write what a meta-trained network has beyond its encoder: configuration, adapter and matcher, half precise.

    Args:
        network: The network, its adapter merged.
        adapter: Folder of the adapter.
        folder: Where to write; files of these names are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    network.config.save_pretrained(folder)
    settings = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    settings["target_modules"] = sorted(settings["target_modules"])  # a set, which peft writes as it comes
    (folder / "adapter_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    learned = load_file(adapter / "adapter_model.safetensors")
    save_file({key: tensor.half() for key, tensor in learned.items()}, folder / "adapter_model.safetensors")
    matcher = network.matcher.state_dict()
    # Scalars stay exact: they are few, and temperature and gates act on everything.
    halves = {
        key: tensor.half() if tensor.numel() > 1 else tensor.to(torch.float32) for key, tensor in matcher.items()
    }
    save_file({key: tensor.contiguous() for key, tensor in halves.items()}, folder / MATCHER_FILE)
