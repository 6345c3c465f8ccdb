"""Low-rank adapters (Hu et al. 2021, arXiv:2106.09685) of an encoder, by peft: few weights learn, then they merge.

peft is imported where it is used: most of what fewtext does goes without it.
"""

from __future__ import annotations

import warnings
from pathlib import Path

from torch import nn

from fewtext.models.modeling import MatchingNetwork


def add_adapter(network: MatchingNetwork, rank: int) -> None:
    """Give every linear layer of the encoder an adapter, beside which the encoder's own weights stay as they are.

    The embeddings do not change until it is trained.

    Args:
        network: The Matching Network, changed in place.
        rank: Rank of the adapter's matrices; their product counts twice (alpha is 2 · rank).

    Raises:
        ValueError: a rank below 1, or separate encoders.
    """
    from peft import LoraConfig, get_peft_model

    if rank < 1:
        raise ValueError(f"adapter_rank is {rank}; it must be at least 1.")
    if network.support_encoder is not None:
        raise ValueError("an adapter needs encoders that share their weights; leave separate_encoders false.")
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear")
    network.encoder = get_peft_model(network.encoder, config)


def merge_adapter(network: MatchingNetwork, folder: str | Path) -> None:
    """Save the adapter in a folder, as peft does, and fold it into the encoder: from then on it costs nothing.

    Raises:
        TypeError: the encoder has no adapter.
    """
    from peft import PeftModel

    if not isinstance(network.encoder, PeftModel):
        raise TypeError("the encoder has no adapter; add_adapter gives it one.")
    for config in network.encoder.peft_config.values():
        config.base_model_name_or_path = network.config.base_encoder or ""  # for None it writes a path
    network.encoder.save_pretrained(folder)
    (Path(folder) / "README.md").unlink(missing_ok=True)  # peft's blank card; the model has its own
    network.encoder = network.encoder.merge_and_unload()


def load_adapter(encoder: nn.Module, folder: str | Path) -> nn.Module:
    """Return the encoder with the adapter of a folder, as `merge_adapter` wrote it, folded into its weights."""
    from peft import PeftModel

    with warnings.catch_warnings():  # peft asks transformers for something by its old name
        warnings.simplefilter("ignore", FutureWarning)
        return PeftModel.from_pretrained(encoder, folder).merge_and_unload()
