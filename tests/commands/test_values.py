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


@pytest.mark.parametrize("text", ["Add class #7", "1.10", "0123456", "12e4567", "2025-01-31", "true"])
def test_words_are_taken_as_they_stand(text):
    assert read_value(f"revision={text}", text, is_words=True) == text
    assert read_value("revision='a b'", "'a b'", is_words=True) == "a b"
    assert read_value("revision=null", "null", is_words=True) is None


def test_what_is_in_a_list_is_converted_too():
    assert convert("a", list[bool], [True, False]) == [True, False]
    assert convert("a", tuple[int, ...], [2e0, 3]) == (2, 3)
    with pytest.raises(ValueError, match="a='no': bool was expected"):
        convert("a", list[bool], "no")
    with pytest.raises(ValueError, match="a='b': int was expected"):
        convert("a", list[int], ["b"])
