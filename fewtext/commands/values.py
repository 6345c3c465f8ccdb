"""Values of settings: from what stands in YAML, or on the command line, to the kind that a setting has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml

_REPLACED = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:float")


class _Loader(yaml.SafeLoader):
    """YAML 1.2 where 1.1 surprises: `no` is a word (`save_strategy: no`), 2e-5 is a number."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, regexp) for tag, regexp in resolvers if tag not in _REPLACED]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|True|false|False)$"), list("tTfF"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


def read_value(argument: str, text: str, is_words: bool) -> Any:
    """Return what a text says in YAML; where words are expected, they are taken as they stand.

    >>> read_value("revision=1.10", "1.10", is_words=True), read_value("way=1e1", "1e1", is_words=False)
    ('1.10', 10.0)
    """
    if text == "-":  # a lone dash is standard input; YAML would read a list
        return text
    try:
        value = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        if is_words:
            return text
        raise ValueError(f"{argument!r} is not YAML after the equals sign: {error}") from error
    quoted = isinstance(value, str) and text.strip()[:1] in ("'", '"')
    return text if is_words and value is not None and not quoted else value


def settings_of_words(kinds: Sequence[type]) -> set[str]:
    """The settings that are words and nothing else."""
    hints = [pair for kind in kinds for pair in get_type_hints(kind).items()]
    return {name for name, hint in hints if hint is str or set(get_args(hint)) == {str, NoneType}}


def read_yaml(file: Path) -> dict[str, Any]:
    """Return the settings of a YAML file; raises `ValueError` or `FileNotFoundError` where there are none."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such configuration file.")
    try:
        values = yaml.load(file.read_text(encoding="utf-8"), _Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"{file} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{file} must hold settings as `key: value` lines.")
    return values


def convert(name: str, hint: Any, value: Any) -> Any:
    """Return a value as the kind its setting has, or raise `ValueError` saying which was expected."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    plain = {get_origin(kind) or kind for kind in kinds}
    if Any in plain or (value is None and NoneType in plain):
        return value
    for kind in (list, tuple):
        if kind in plain and isinstance(value, list | tuple):
            of = next((get_args(own) for own in kinds if get_origin(own) is kind), ())
            return kind(convert(name, of[0], one) if of else one for one in value)
    if isinstance(value, bool):
        if bool in plain:
            return value
        if str in plain:  # resume_from_checkpoint is a folder, or true
            return str(value).lower()
    elif isinstance(value, int | float):
        if int in plain and float(value).is_integer():
            return int(value)
        if float in plain:
            return float(value)
        if str in plain:
            return str(value)
    elif isinstance(value, str):
        if str in plain or any(isinstance(kind, type) and issubclass(kind, Enum) for kind in plain):
            return value
    elif isinstance(value, dict) and dict in plain:
        return value
    if not isinstance(value, list | tuple | dict) and value is not None and {list, tuple} & plain:
        return convert(name, hint, [value])  # one value where several may stand
    expected = " or ".join(sorted(getattr(kind, "__name__", str(kind)) for kind in plain))
    raise ValueError(f"{name}={value!r}: {expected} was expected.")
