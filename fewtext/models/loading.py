"""From a name to a Matching Network: a saved one, or a new one on an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fewtext.folders import is_fewtext_folder
from fewtext.models.encoders import model_folder
from fewtext.models.modeling import MatchingNetwork


def load_network(
    name: str | Path | None = None, *, revision: str | None = None, token: str | None = None, **settings: Any
) -> tuple[MatchingNetwork, Path | None]:
    """Return the model of a name, and the folder it was read from if that is a fewtext model.

    Args:
        name: A folder or Hub id of a fewtext model or of an encoder; by default all-MiniLM-L6-v2.
        revision: Branch, tag or commit on the Hub.
        token: Access token of the Hub.
        **settings: Fields of `MatchingNetworkConfig`, for an encoder.

    Raises:
        ValueError: a folder that is not a whole model; the message says what is wrong.
        OSError: nothing of that name can be found.
        TypeError: settings for a model that has its own.
    """
    if name is None:
        return MatchingNetwork.from_encoder(**settings), None
    folder = model_folder(name, revision, token)
    if not is_fewtext_folder(folder):
        if not Path(name).exists():
            settings.setdefault("base_encoder", str(name))
        return MatchingNetwork.from_encoder(folder, **settings), None
    if settings:
        raise TypeError(f"{name} is a fewtext model with settings of its own; drop {', '.join(settings)}.")
    return MatchingNetwork.from_pretrained(folder), folder
