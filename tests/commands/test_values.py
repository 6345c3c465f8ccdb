"""From YAML to what a setting is: see also test_arguments.py."""

import pytest

from fewtext.commands.arguments import TestArguments
from fewtext.commands.push import PushArguments
from fewtext.commands.values import convert, read_value, settings_of_words


def test_yaml_without_its_surprises():
    assert read_value("a=no", "no", False) == "no"
    assert read_value("a=2e-5", "2e-5", False) == 2e-5
    assert read_value("a=[1, true]", "[1, true]", False) == [1, True]
    assert read_value("a=-", "-", False) == "-"
    assert read_value("a=b: c", "b: c", True) == "b: c"
    with pytest.raises(ValueError, match="is not YAML"):
        read_value("a=[", "[", False)


def test_settings_that_are_words():
    assert settings_of_words([PushArguments]) == {"model", "to", "license", "message", "revision"}
    assert "protocol" in settings_of_words([TestArguments])
    assert "test_way" not in settings_of_words([TestArguments])


def test_a_value_becomes_what_its_setting_is():
    assert convert("a", list[int], 3) == [3]
    assert convert("a", str | None, 3) == "3"
    with pytest.raises(ValueError, match="a='x': float or int was expected"):
        convert("a", int | float, "x")
