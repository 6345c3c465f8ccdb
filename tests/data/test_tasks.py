"""Corpora from every source."""

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from fewtext.data.tasks import Task, load_tasks

ROWS = [("a dog, barking", "dog"), ("None", "cat"), ("12", "cat"), ('say "hi"\nthere', "dog")]


def csv_text(rows=ROWS):
    quoted = "".join('"{}","{}"\n'.format(text.replace('"', '""'), label) for text, label in rows)
    return "text,label\n" + quoted


def write_splits(folder, *splits):
    folder.mkdir(parents=True, exist_ok=True)
    for split in splits:
        (folder / f"{split}.csv").write_text(csv_text(), encoding="utf-8")


def assert_rows(task):
    assert list(zip(task.texts, task.labels, strict=True)) == ROWS


def test_a_folder_of_splits_asks_which(tmp_path):
    write_splits(tmp_path / "pets", "train", "test")
    with pytest.raises(ValueError, match="has the splits test, train; choose with split="):
        load_tasks(tmp_path / "pets")
    [task] = load_tasks(tmp_path / "pets", split="test")
    assert_rows(task)
    [both] = load_tasks(tmp_path / "pets", split="train+test")
    assert len(both.texts) == 8
    with pytest.raises(ValueError, match="has no split 'dev'; it has test, train"):
        load_tasks(tmp_path / "pets", split="dev")


def test_a_folder_of_folders_is_a_family(tmp_path):
    write_splits(tmp_path / "books", "train", "test")
    write_splits(tmp_path / "music", "test")
    with pytest.warns(UserWarning, match="no split 'train': music"):
        tasks = load_tasks(tmp_path, split="train")
    assert [task.name for task in tasks] == ["books"]
    tasks = load_tasks(tmp_path, split="test", weight=3.0)
    assert [(task.name, task.weight) for task in tasks] == [("books", 1.5), ("music", 1.5)]


def test_saved_data_sets_and_data_in_memory(tmp_path):
    features = Features({"sentence": Value("string"), "label": ClassLabel(names=["bad", "good"])})
    rows = Dataset.from_dict({"sentence": ["great", "awful"], "label": [1, 0]}, features)
    DatasetDict({"train": rows, "test": rows}).save_to_disk(tmp_path / "saved")
    for source in (rows, DatasetDict({"train": rows}), DatasetDict({"train": rows, "test": rows}), tmp_path / "saved"):
        split = (
            None if isinstance(source, Dataset) or len(source if isinstance(source, dict) else "ab") == 1 else "train"
        )
        [task] = load_tasks(source, split=split)
        assert task.labels == ("good", "bad")


def test_a_column_splits_a_corpus_into_tasks():
    rows = Dataset.from_dict({"text": list("abcd"), "label": list("xyxy"), "domain": ["p", "q", "p", "q"]})
    tasks = load_tasks(rows, task_column="domain")
    assert [(task.name, task.texts) for task in tasks] == [("p", ("a", "c")), ("q", ("b", "d"))]


def test_many_corpora_with_weights():
    rows = Dataset.from_dict({"text": list("ab"), "label": list("xy")})
    tasks = load_tasks([{"source": rows, "weight": 2.0, "name": "mine"}, "fewtext/sentiment", {"source": rows}])
    assert len(tasks) == 10
    assert tasks[0].name == "mine" and tasks[0].weight == 2.0
    assert sum(task.weight for task in tasks[1:9]) == pytest.approx(1.0)


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        load_tasks(tmp_path / "nothing.csv")
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        load_tasks("a/b/c")
    with pytest.raises(FileNotFoundError, match="holds no train, validation or test file"):
        load_tasks(tmp_path)
    rows = Dataset.from_dict({"text": ["a"], "label": ["x"]})
    with pytest.raises(ValueError, match="no column 'body'; its columns are 'text', 'label'"):
        load_tasks(rows, text_column="body")


def test_bad_rows_are_named():
    with pytest.raises(TypeError, match="memory, column 'text', row 1 is None"):
        load_tasks(Dataset.from_dict({"text": ["a", None], "label": ["x", "y"]}))
    with pytest.raises(ValueError, match="2 texts but 1 labels"):
        Task("t", ["a", "b"], ["x"])
    with pytest.raises(ValueError, match="weight 0"):
        Task("t", ["a"], ["x"], weight=0)


def test_select_keeps_the_classes_asked_for():
    task = Task("t", ["a", "b", "a"], ["x", "y", "x"])
    assert task.count("x") == 1  # the same text twice is one text
    assert task.select(["x"]).texts == ("a", "a")
    with pytest.raises(ValueError, match="no class 'z'"):
        task.select(["z"])


def test_a_corpus_as_a_mapping_says_what_is_wrong(tmp_path):
    [task] = load_tasks({"source": "fewtext/intents", "name": "mine", "weight": 2})
    assert (task.name, task.weight) == ("mine", 2)
    with pytest.raises(ValueError, match="a corpus has no setting 'sorce'; it has config, label_column"):
        load_tasks([{"sorce": "fewtext/intents"}])
    with pytest.raises(ValueError, match="has no source"):
        load_tasks([{"name": "mine"}])
    with pytest.raises(ValueError, match="weight is '2'; it is a number"):
        load_tasks([{"source": "fewtext/intents", "weight": "2"}])
    with pytest.raises(TypeError, match="a streamed data set"):
        load_tasks(Dataset.from_dict({"text": ["a"], "label": ["b"]}).to_iterable_dataset())


def test_several_tasks_keep_names_of_their_own():
    rows = {"text": ["a", "b", "c"], "label": ["x", "y", "x"], "domain": ["p", "q", "p"]}
    tasks = load_tasks(Dataset.from_dict(rows), task_column="domain", name="mine")
    assert [task.name for task in tasks] == ["mine/p", "mine/q"]
    with pytest.raises(ValueError, match="column 'domain', row 1 is empty"):
        load_tasks(Dataset.from_dict({**rows, "domain": ["p", None, "p"]}), task_column="domain")


def test_a_task_is_shown_in_a_line():
    assert repr(Task("pets", ["a dog", "a cat"], ["dog", "cat"])) == "Task('pets', 2 texts of 2 classes)"
