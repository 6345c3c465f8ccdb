"""Running the code of a repository that somebody trusts by name; nothing else in fewtext runs any."""

from __future__ import annotations

from pathlib import Path

from transformers import CONFIG_MAPPING, AutoConfig, AutoModel, PreTrainedConfig
from transformers.dynamic_module_utils import get_class_from_dynamic_module

from fewtext.sharing.hub import explained


def allow_code(
    name: str | Path, *, code_of: str | None = None, revision: str | None = None, token: str | None = None
) -> None:
    """Run the code of one encoder's repository and register its classes, so that encoders of its kind load.

    That is for as long as the process lives, and for its `model_type` alone: `from_encoder(name)`, and
    `from_pretrained` of what was made with it, then work; in another process call this first. Only
    do so for code that you have read, at the commit that you have read.

    Args:
        name: Folder or Hub id of the encoder.
        code_of: Hub id of the repository that its code is in, where that is another one.
        revision: Commit of that code; a branch or tag can change.
        token: Access token of the Hub.

    Raises:
        ValueError: its code is in another repository than `name` or `code_of`, it has none that makes an encoder, or
            the name of its architecture is one that transformers has.
        OSError: it is not there.
    """
    with explained(str(name), revision):
        settings, _ = PreTrainedConfig.get_config_dict(name, revision=None if code_of else revision, token=token)
        model_type, code = settings.get("model_type"), settings.get("auto_map", {})
        references = [code[kind] for kind in ("AutoConfig", "AutoModel") if kind in code]
        if model_type is None or len(references) < 2:
            raise ValueError(f"{name} has no code that makes an encoder: its auto_map needs AutoConfig and AutoModel.")
        for reference in references:
            if "--" in reference and reference.split("--")[0] not in (str(name), code_of):
                raise ValueError(
                    f"the code of {name} is in {reference.split('--')[0]}; if you trust that too, pass code_of=."
                )
        if model_type in CONFIG_MAPPING and CONFIG_MAPPING[model_type].__module__.startswith("transformers_modules."):
            return  # it was allowed before
        if model_type in CONFIG_MAPPING:
            raise ValueError(
                f"the model_type {model_type!r} of {name} is known already; its code would take the place of what is "
                "there. Load the model yourself and give it to MatchingNetwork.from_encoder."
            )
        config_class, model_class = (
            get_class_from_dynamic_module(
                reference, name, revision=None if code_of else revision, code_revision=revision, token=token
            )
            for reference in references
        )
    AutoConfig.register(model_type, config_class)
    AutoModel.register(config_class, model_class)
