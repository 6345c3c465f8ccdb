"""Files of every kind, and files that do not parse."""

import gzip
import json

import pytest
from datasets import Dataset

from fewtext.data.sources import find_corpora, read_table
from fewtext.data.tasks import load_tasks

ROWS = [("a dog, barking", "dog"), ("None", "cat"), ("12", "cat"), ('say "hi"\nthere', "dog")]


def csv_text(rows=ROWS):
    quoted = "".join('"{}","{}"\n'.format(text.replace('"', '""'), label) for text, label in rows)
    return "text,label\n" + quoted


def assert_rows(task):
    assert list(zip(task.texts, task.labels, strict=True)) == ROWS


def test_csv_keeps_words_numbers_quotes_and_line_breaks(tmp_path):
    (tmp_path / "pets.csv").write_text(csv_text(), encoding="utf-8")
    [task] = load_tasks(tmp_path / "pets.csv")
    assert task.name == "pets"
    assert_rows(task)


def test_jsonl_parquet_and_gzip(tmp_path):
    rows = Dataset.from_dict({"utterance": [t for t, _ in ROWS], "intent": [y for _, y in ROWS]})
    lines = "".join(json.dumps({"utterance": t, "intent": y}) + "\n" for t, y in ROWS)
    (tmp_path / "a.jsonl").write_text(lines, encoding="utf-8")
    rows.to_parquet(tmp_path / "b.parquet")
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(csv_text().encode()))
    for file in ("a.jsonl", "b.parquet", "c.csv.gz"):
        [task] = load_tasks(tmp_path / file)
        assert_rows(task)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (
            "wide.csv",
            "text,label\na,b\nc,d,e\n",
            "wide.csv does not parse: line 3 has 3 fields where the header has 2",
        ),
        ("bad.jsonl", '{"text": "a", "label": "x"}\n{"text": \n', "bad.jsonl does not parse: line 2 is not JSON"),
        (
            "list.jsonl",
            '{"text": "a", "label": "x"}\n[1, 2]\n',
            "list.jsonl does not parse: row 1 is a list; every line",
        ),
        ("empty.csv", "", "empty.csv does not parse: the file is empty"),
        ("quote.csv", 'text,label\n"a,b\n', "quote.csv does not parse: after line"),
    ],
)
def test_a_file_that_does_not_parse_is_named_with_its_line(tmp_path, name, content, sentence):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=sentence):
        load_tasks(tmp_path / name)


def test_a_text_may_be_of_any_length(tmp_path):
    long = "word " * 200_000
    (tmp_path / "long.csv").write_text(f"text,label\n{long},a\nshort,b\n", encoding="utf-8")
    [task] = load_tasks(tmp_path / "long.csv")
    assert task.texts[0].strip() == long.strip() and task.texts[1] == "short"


def test_other_encodings_are_named(tmp_path):
    (tmp_path / "latin.csv").write_bytes("text,label\ncafé,x\n".encode("latin-1"))
    with pytest.raises(ValueError, match="not UTF-8"):
        load_tasks(tmp_path / "latin.csv")


@pytest.mark.parametrize("row", ["hello, world,greet", "alone"])
def test_a_row_with_other_fields_than_the_header_is_named(tmp_path, row):
    """Pandas would take the first of three fields for an index, in every row, and fill in a missing one."""
    (tmp_path / "shifted.csv").write_text(f"text,label\n{row}\n{row}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"shifted.csv does not parse: line 2 has \d fields where the header has 2"):
        load_tasks(tmp_path / "shifted.csv")


def test_files_of_spreadsheets_and_of_pandas(tmp_path):
    (tmp_path / "excel.csv").write_bytes(b"\xef\xbb\xbftext,label\r\nhello,greet\r\n\r\nbye,leave\r\n")
    (tmp_path / "pandas.csv").write_text(",text,label\n0,hello,greet\n1,bye,leave\n")
    for name in ("excel", "pandas"):
        [task] = load_tasks(tmp_path / f"{name}.csv")
        assert (task.texts, task.labels) == (("hello", "bye"), ("greet", "leave"))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.jsonl", b"", "empty.jsonl does not parse: the file is empty"),
        (
            "latin.jsonl",
            '{"text": "Tür", "label": "a"}\n'.encode("latin-1"),
            "latin.jsonl does not parse: after line 0",
        ),
        ("header.csv", b"text,label\n", "it has a header and no rows"),
    ],
)
def test_a_file_without_rows_or_of_another_encoding_is_named(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        read_table(tmp_path / name)


def test_a_folder_as_repositories_on_the_hub_have_it(tmp_path):
    (tmp_path / "data").mkdir()
    for split in ("train", "test"):
        Dataset.from_dict({"text": [split], "label": ["a"]}).to_parquet(
            tmp_path / "data" / f"{split}-00000-of-00001.parquet"
        )
    [splits] = find_corpora(tmp_path).values()
    assert {name: read_table(split)["text"][0] for name, split in splits.items()} == {"train": "train", "test": "test"}


def test_the_case_of_an_ending_does_not_matter(tmp_path):
    (tmp_path / "A.CSV").write_text("text,label\nhello,x\n")
    assert read_table(tmp_path / "A.CSV")["text"][0] == "hello"


def test_shards_of_a_split_are_one(tmp_path):
    for i in range(2):
        Dataset.from_dict({"text": [f"row {i}"], "label": ["a"]}).to_parquet(
            tmp_path / f"train-0000{i}-of-00002.parquet"
        )
    Dataset.from_dict({"text": ["other"], "label": ["a"]}).to_parquet(tmp_path / "test-00000-of-00001.parquet")
    [task] = load_tasks(tmp_path, split="train")
    assert task.texts == ("row 0", "row 1")
    (tmp_path / "train-00000-of-00002.parquet").unlink()
    with pytest.raises(ValueError, match="lacks files of the split 'train': it has only train-00001-of-00002.parquet"):
        load_tasks(tmp_path, split="train")


def test_a_member_of_a_family_may_have_its_files_in_data(tmp_path):
    for place in ("a", "b/data"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "train.csv").write_text("text,label\nhello,x\n")
    assert [task.name for task in load_tasks(str(tmp_path), split="train")] == ["a", "b"]


def test_strings_that_look_like_dates_stay_strings(tmp_path):
    file = tmp_path / "days.jsonl"
    file.write_text("".join(json.dumps({"text": f"day {i}", "label": f"2021-02-0{i}"}) + "\n" for i in (1, 2)))
    [task] = load_tasks(str(file))
    assert task.classes == ("2021-02-01", "2021-02-02")
