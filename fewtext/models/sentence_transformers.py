"""Reading a sentence-transformers repository: how its authors pool, project, normalise, cut and prompt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from fewtext.folders import check_safetensors
from fewtext.models.configuration import ACTIVATIONS, POOLINGS

ORDER = ("Transformer", "Pooling", "Dense", "Normalize")
"""The modules that are read, in the order in which they may come."""

PLAIN = [{"type": f"sentence_transformers.models.{kind}", "path": path} for kind, path in (
    ("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")
)]  # fmt: skip
"""What a folder without modules.json is taken for."""

POOLING_NAMES = {
    "mean": "mean", "mean_tokens": "mean", "cls": "cls", "cls_token": "cls", "max": "max", "max_tokens": "max",
    "lasttoken": "lasttoken", "mean_sqrt_len_tokens": "mean_sqrt_len",
}  # fmt: skip
"""What the new and the old configurations of a pooling call it, and what fewtext does."""

HARMLESS = {"dtype", "torch_dtype", "attn_implementation", "add_pooling_layer", "use_cache", "padding_side"}
"""Arguments a repository may have for transformers, since they change no embedding here."""


@dataclass(frozen=True)
class Repository:
    """What a folder says of its encoder.

    Attributes:
        transformer: Folder of the transformer and its tokenizer.
        settings: Fields of `MatchingNetworkConfig`, with those that were chosen.
        max_length: Number of tokens after which it cuts texts, whatever was chosen.
        dense: The weights of each layer of `settings["projection"]`.
    """

    transformer: Path
    settings: dict[str, Any]
    max_length: int | None
    dense: tuple[dict[str, Tensor], ...]


def read_repository(folder: Path, chosen: Mapping[str, Any]) -> Repository:
    """Return what a folder says of its encoder; what was chosen goes before it, and is then not read.

    Args:
        folder: A sentence-transformers repository of any age, or a plain encoder.
        chosen: Fields of `MatchingNetworkConfig`.

    Raises:
        ValueError: a module or an option that fewtext does not have; none is ever ignored.
    """
    modules: dict[str, list[Path]] = {kind: [] for kind in ORDER}
    stored = _read_json(folder / "modules.json")
    for kind, path in _checked_modules(folder, stored or PLAIN):
        modules[kind].append(path)
    [transformer], [pooling] = modules["Transformer"], modules["Pooling"]
    if not (transformer / "config.json").is_file():
        raise ValueError(f"{folder} is not a model folder: {transformer} has no config.json.")
    if stored and not (pooling / "config.json").is_file():
        raise ValueError(f"{folder} is not whole: {pooling} has no config.json.")
    prompt, options = _default_prompt(folder), _checked_options(transformer)
    settings = {
        "max_length": options.get("max_seq_length"),
        "lower_case": bool(options.get("do_lower_case")),
        "normalize": bool(modules["Normalize"]),
        "query_prompt": prompt,
        "support_prompt": prompt,
        **chosen,
    }
    pools = _read_json(pooling / "config.json")
    if "pooling" not in settings:
        settings["pooling"] = _pooling(folder, pools)
    if not pools.get("include_prompt", True) and (settings["query_prompt"] or settings["support_prompt"]):
        raise ValueError(
            f"{folder} leaves the prompt out of the pooling (include_prompt), which fewtext does not do; "
            'choose query_prompt="" and support_prompt="".'
        )
    dense: list[dict[str, Tensor]] = []
    if "projection" not in settings:
        layers = [_read_dense(path) for path in modules["Dense"]]
        settings["projection"] = [layer for layer, _ in layers] or None
        dense = [weights for _, weights in layers]
    return Repository(transformer, settings, options.get("max_seq_length"), tuple(dense))


def _checked_modules(folder: Path, stored: list[dict[str, str]]) -> list[tuple[str, Path]]:
    """The kind and folder of each module, where they are modules and an order that fewtext can follow."""
    kinds = []
    for module in stored:
        package, _, kind = module["type"].rpartition(".")
        ours = package.split(".")[0] == "sentence_transformers" and kind in ORDER
        kinds.append(kind if ours else module["type"])
        if Path(module["path"]).is_absolute() or ".." in Path(module["path"]).parts:
            raise ValueError(f"{folder}/modules.json names {module['path']}, which is outside the folder.")
    unknown = [kind for kind in kinds if kind not in ORDER]
    if unknown or kinds != sorted(kinds, key=ORDER.index) or [kinds.count(kind) for kind in ORDER[:2]] != [1, 1]:
        raise ValueError(
            f"{folder} is made of {', '.join(kinds)}; fewtext reads one Transformer, one Pooling, then Dense and "
            "Normalize, in this order and no others."
        )
    return [(kind, folder / module["path"]) for kind, module in zip(kinds, stored, strict=True)]


def _checked_options(folder: Path) -> dict[str, Any]:
    """What the folder says of the transformer and its texts, where it is something that fewtext can follow."""
    files = sorted(folder.glob("sentence_*_config.json"))  # old ones are named for the model, as sentence_roberta_...
    stored = _read_json(files[0]) if files else {}
    text = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}
    modality = stored.get("modality_config", text)
    odd = [key for key in ("processing_kwargs", "tokenizer_name_or_path") if stored.get(key)]
    odd += [
        f"{key}.{argument}"
        for kind in ("model", "processor", "tokenizer", "config")
        for key in (f"{kind}_args", f"{kind}_kwargs")
        for argument in stored.get(key) or {}
        if argument not in HARMLESS
    ]
    if stored.get("transformer_task", "feature-extraction") != "feature-extraction":
        odd.append("transformer_task")
    if "message" in modality or modality.get("text") != text["text"]:
        odd.append("modality_config")
    if odd:
        raise ValueError(f"{files[0]} has options that fewtext does not have: {', '.join(odd)}.")
    return stored


def _pooling(folder: Path, stored: dict[str, Any]) -> str:
    old = [key.removeprefix("pooling_mode_") for key, on in stored.items() if on and key.startswith("pooling_mode_")]
    named = stored.get("pooling_mode") or old or "mean"
    modes = [named] if isinstance(named, str) else list(named)
    if len(modes) != 1 or modes[0] not in POOLING_NAMES:
        choices = f"{', '.join(POOLINGS[:-1])} or {POOLINGS[-1]}"
        raise ValueError(
            f"{folder} pools in a way that fewtext does not have ({', '.join(modes)}); "
            f"choose one with pooling={choices}."
        )
    return POOLING_NAMES[modes[0]]


def _read_dense(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A layer of `MatchingNetworkConfig.projection` and its weights."""
    stored = _read_json(folder / "config.json")
    activation = stored.get("activation_function", "torch.nn.modules.activation.Tanh")
    name = activation.rpartition(".")[2].lower()
    vectors = {stored.get(key) or "sentence_embedding" for key in ("module_input_name", "module_output_name")}
    if name not in ACTIVATIONS or not activation.startswith("torch.nn."):
        raise ValueError(f"{folder} has the activation {activation}; fewtext has {', '.join(ACTIVATIONS)}.")
    if vectors != {"sentence_embedding"} or stored.get("use_residual"):
        raise ValueError(f"{folder} is not a plain layer on the pooled vector, which is all that fewtext has.")
    file = folder / "model.safetensors"
    if not file.is_file():
        raise ValueError(f"{folder} holds no model.safetensors; other formats can execute code and are not read.")
    check_safetensors(file)
    weights = {key.removeprefix("linear."): value.float() for key, value in load_file(file).items()}
    return {"size": stored["out_features"], "bias": stored.get("bias", True), "activation": name}, weights


def _default_prompt(folder: Path) -> str:
    """What `SentenceTransformer.encode` puts before a text where nothing else is asked for."""
    stored = _read_json(folder / "config_sentence_transformers.json")
    name = stored.get("default_prompt_name")
    return (stored.get("prompts", {}).get(name) or "") if name else ""


def _read_json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
