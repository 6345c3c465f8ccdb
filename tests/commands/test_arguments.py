import pytest

from fewtext.commands.arguments import ClassifyArguments, DataArguments, TestArguments, describe, parse
from fewtext.training.arguments import EpisodicTrainingArguments

TestArguments.__test__ = False  # not a test class


def test_the_command_line_overrides_the_file(tmp_path):
    file = tmp_path / "recipe.yaml"
    file.write_text(
        "data: some/corpus\ntest_way: 20\nlearning_rate: 2e-5\nsave_strategy: no\nway: [5, 20]\n", encoding="utf-8"
    )
    data, training, test = parse(
        [str(file), "data=../here", "test_shots=[1]", f"output_dir={tmp_path}", "use_cpu=true"],
        DataArguments, EpisodicTrainingArguments, TestArguments,
    )  # fmt: skip
    assert data.data == "../here" and test.test_way == 20 and test.test_shots == [1]
    assert training.save_strategy == "no"
    assert training.learning_rate == 2e-5 and training.way == [5, 20]


def test_what_is_wrong_is_named(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("a: [1", encoding="utf-8")
    with pytest.raises(ValueError, match="bad.yaml is not YAML"):
        parse([str(file)], DataArguments)
    file.write_text("- a\n", encoding="utf-8")
    with pytest.raises(ValueError, match="must hold settings"):
        parse([str(file)], DataArguments)
    with pytest.raises(ValueError, match="test_way='many': a number was expected"):
        parse(["test_way=many"], TestArguments)


def test_help_names_every_setting():
    text = describe(ClassifyArguments)
    for name in ClassifyArguments.__dataclass_fields__:
        assert f"    {name}=" in text
