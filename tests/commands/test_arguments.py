import re

import pytest

from fewtext.commands.arguments import ClassifyArguments, DataArguments, TestArguments, describe, parse
from fewtext.commands.push import PushArguments
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
    assert training.learning_rate == 2e-5 and training.way == (5, 20)


def test_what_is_wrong_is_named(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("a: [1", encoding="utf-8")
    with pytest.raises(ValueError, match="bad.yaml is not YAML"):
        parse([str(file)], DataArguments)
    file.write_text("- a\n", encoding="utf-8")
    with pytest.raises(ValueError, match="must hold settings"):
        parse([str(file)], DataArguments)
    with pytest.raises(ValueError, match="test_way='many': int was expected"):
        parse(["test_way=many"], TestArguments)


def test_help_names_every_setting():
    text = describe(ClassifyArguments)
    for name in ClassifyArguments.__dataclass_fields__:
        assert f"    {name}=" in text


@pytest.mark.parametrize(
    ("word", "name", "value"),
    [
        ("test_shots=5", "test_shots", [5]),
        ("test_way=2e1", "test_way", 20),
        ("test_names=false", "test_names", [False]),
        ("test_split=2024", "test_split", "2024"),
    ],
)
def test_values_become_what_their_setting_is(word, name, value):
    [test] = parse([word], TestArguments)
    assert getattr(test, name) == value and type(getattr(test, name)) is type(value)


def test_a_sentence_is_no_table():
    [push] = parse(["--message", "Update: new classes"], PushArguments)
    assert push.message == "Update: new classes"
    [push] = parse(["message=[wip] more", "to=me/bot"], PushArguments)
    assert (push.message, push.to) == ("[wip] more", "me/bot")


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("freeze_encoder=no", "freeze_encoder='no': bool was expected"),
        ("weight_decay=heavy", "weight_decay='heavy': float was expected"),
        ("n_episodes=1.5", "n_episodes=1.5: int was expected"),
        ("way=[5", "is not YAML after the equals sign"),
    ],
)
def test_words_that_are_no_values_are_refused(word, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        parse([word], EpisodicTrainingArguments)


def test_one_name_where_a_list_stands():
    [data] = parse(["leave_out=oos"], DataArguments)
    assert data.leave_out == ["oos"]
    [test] = parse(["test_way=3", "n_episodes=5"], TestArguments, ignored=[EpisodicTrainingArguments])
    assert test.test_way == 3


def test_words_as_other_programs_take_them():
    words = ["--support", "a.csv", "in.txt", "--top-k", "3", "--output=o.csv", "--model", "m", "text_column=t"]
    [found] = parse(words, ClassifyArguments)
    assert (found.support, found.input, found.top_k, found.output) == ("a.csv", "in.txt", 3, "o.csv")
    assert (found.model, found.text_column) == ("m", "t")
    with pytest.raises(ValueError, match="'more' is neither"):
        parse(["in.txt", "more"], ClassifyArguments)


def test_a_flag_by_itself_is_true():
    [found] = parse(["--private", "--to", "me/bot", "license=mit", "--create-pr"], PushArguments)
    assert found.private and found.create_pr and (found.to, found.license) == ("me/bot", "mit")
    for words in (["--license", "--private"], ["--to"], ["--to", "private=true"]):
        with pytest.raises(ValueError, match=f"{words[0]} needs a value"):
            parse(words, PushArguments)
    [training] = parse(["--resume-from-checkpoint", "n_episodes=2"], EpisodicTrainingArguments)
    assert training.resume_from_checkpoint == "true"


def test_a_dash_is_standard_input():
    [arguments] = parse(["input=-", "abstain=0.2", "explain=3", "resume=true"], ClassifyArguments)
    assert (arguments.input, arguments.abstain, arguments.explain, arguments.resume) == ("-", 0.2, 3, True)
    [arguments] = parse(["abstain=auto"], ClassifyArguments)
    assert arguments.abstain == "auto"


def test_what_is_said_by_itself_wins_wherever_it_stands(tmp_path):
    (tmp_path / "c.yaml").write_text("test_way: 7\ntest_query: 3")
    [test] = parse(["test_way=20", str(tmp_path / "c.yaml")], TestArguments)
    assert (test.test_way, test.test_query) == (20, 3)
