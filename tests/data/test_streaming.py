"""Texts a block at a time: the same from every kind of file, and no more than a block is read ahead."""

import datetime
import gzip
import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from fewtext.data import streaming
from fewtext.data.streaming import row_blocks, text_blocks

TEXTS = ["one, two", 'say "hi"', "None", "12", "ümlaut", "six"]


@pytest.fixture
def files(tmp_path):
    """One file of each kind with the same texts."""
    quoted = ['"{}"'.format(text.replace('"', '""')) for text in TEXTS]
    csv_text = "id,body\n" + "".join(f"{i},{text}\n" for i, text in enumerate(quoted))
    rows = [{"id": i, "body": text} for i, text in enumerate(TEXTS)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "a.csv").write_text(csv_text, encoding="utf-8-sig")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(csv_text.encode()))
    (tmp_path / "c.jsonl").write_text(lines.replace("\n", "\n\n"), encoding="utf-8")
    (tmp_path / "d.json").write_text(json.dumps(rows), encoding="utf-8")
    Dataset.from_list(rows).to_parquet(tmp_path / "e.parquet")
    (tmp_path / "f.txt").write_text("\r\n".join(TEXTS), encoding="utf-8", newline="")
    (tmp_path / "g.txt.gz").write_bytes(gzip.compress(("\n".join(TEXTS) + "\n").encode()))
    return sorted(tmp_path.iterdir())


def test_every_kind_of_file_gives_the_same_blocks(files):
    assert len(files) == 7
    for file in files:
        column = None if ".txt" in file.name else "body"
        assert list(text_blocks(file, column, 4)) == [TEXTS[:4], TEXTS[4:]], file
        assert list(text_blocks(file, column, 3)) == [TEXTS[:3], TEXTS[3:]]


def test_other_columns_come_with_the_texts(files):
    for file in files[:5]:
        kept = [str(row["id"]) for _, rows in row_blocks(file, "body", ["id"], 4) for row in rows]
        assert kept == ["0", "1", "2", "3", "4", "5"], file
        texts, rows = next(row_blocks(file, "body", ["id", "body"], 2))
        assert [row["body"] for row in rows] == texts == TEXTS[:2]
        with pytest.raises(ValueError, match="has no column 'words'; its columns are 'id', 'body'"):
            next(row_blocks(file, "body", ["words"], 2))


def test_what_is_kept_is_what_json_can_hold(tmp_path):
    day = datetime.date(2026, 1, 31)
    table = {
        "text": ["a", "b"],
        "day": [day, None],
        "x": [1.5, float("nan")],
        "y": [{"z": [1]}, None],
        "b": [b"c", b"d"],
    }
    Dataset.from_dict(table).to_parquet(tmp_path / "a.parquet")
    [(_, kept)] = row_blocks(tmp_path / "a.parquet", None, ["day", "x", "y"], 4)
    assert kept == [{"day": "2026-01-31", "x": 1.5, "y": {"z": [1]}}, {"day": None, "x": None, "y": None}]
    with pytest.raises(ValueError, match="row 0: b'c' of 'b' cannot be kept .it is of the kind bytes"):
        next(row_blocks(tmp_path / "a.parquet", None, ["b"], 4))
    for strange in ('"\\ud83d"', '{"in": ["\\ud83d"]}'):
        (tmp_path / "b.jsonl").write_text(f'{{"text": "a", "id": "fine"}}\n{{"text": "b", "id": {strange}}}\n')
        with pytest.raises(ValueError, match="row 1: .* of 'id' cannot be kept"):
            list(row_blocks(tmp_path / "b.jsonl", None, ["id"], 4))


def test_a_name_of_two_columns_is_told(tmp_path):
    pq.write_table(pa.table([["a"], ["1"], ["2"]], names=["text", "id", "id"]), tmp_path / "a.parquet")
    assert list(text_blocks(tmp_path / "a.parquet")) == [["a"]]
    with pytest.raises(ValueError, match="has several columns 'id'; rename all but one"):
        next(row_blocks(tmp_path / "a.parquet", None, ["id"], 4))


def test_columns_are_found_or_named(files, tmp_path):
    for file in files[:5]:
        with pytest.raises(ValueError, match="no text column found among 'id', 'body'"):
            next(text_blocks(file))
        with pytest.raises(ValueError, match="has no column 'words'; its columns are 'id', 'body'"):
            next(text_blocks(file, "words"))


def test_no_more_than_a_block_is_read_ahead(tmp_path, monkeypatch):
    (tmp_path / "a.jsonl").write_text("".join(f'{{"text": "text {i}"}}\n' for i in range(1000)))
    (tmp_path / "b.csv").write_text("text\n" + "".join(f"text {i}\n" for i in range(1000)))
    (tmp_path / "c.txt").write_text("".join(f"text {i}\n" for i in range(1000)))
    pulled = []

    def counting(function):
        def rows(*arguments):
            for row in function(*arguments):
                pulled.append(row)
                yield row

        return rows

    for name in ("json_rows", "csv_rows", "_lines"):
        monkeypatch.setattr(streaming, name, counting(getattr(streaming, name)))
    for file in sorted(tmp_path.iterdir()):
        pulled.clear()
        blocks = text_blocks(file, size=50)
        for n in (50, 100, 150):
            assert len(next(blocks)) == 50 and len(pulled) <= n + 1  # the header


def test_parquet_is_read_in_batches(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    asked = []
    iter_batches = pq.ParquetFile.iter_batches

    def recording(self, **options):
        asked.append(options)
        for batch in iter_batches(self, **options):
            asked.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", recording)
    Dataset.from_dict({"text": [f"text {i}" for i in range(300)], "n": list(range(300))}).to_parquet(
        tmp_path / "a.parquet"
    )
    blocks = text_blocks(tmp_path / "a.parquet", size=100)
    next(blocks), next(blocks)
    assert asked == [{"batch_size": 100, "columns": ["text"]}, 100, 100]
    assert len(next(blocks)) == 100 and list(blocks) == []


def test_standard_input(tmp_path, monkeypatch):
    (tmp_path / "piped").write_text("one\nzwei ü\n", encoding="utf-8-sig")
    with (tmp_path / "piped").open(encoding="latin-1") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert list(text_blocks("-")) == [["one", "zwei ü"]]
    (tmp_path / "piped").write_text("one\n\n")
    with (tmp_path / "piped").open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        with pytest.raises(ValueError, match="standard input, row 1 is empty"):
            list(text_blocks("-"))
    (tmp_path / "piped").write_text("")
    with (tmp_path / "piped").open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert list(text_blocks("-")) == []


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("wide.csv", "text,n\na,b\nc,d,e\n", "wide.csv does not parse: line 3 has 3 fields where the header has 2"),
        ("empty.csv", "", "empty.csv does not parse: the file is empty"),
        ("quote.csv", 'text,n\n"a,b\n', "quote.csv does not parse: after line"),
        ("twice.csv", "text,text\na,b\n", "two columns of the header have the same name"),
        ("gap.csv", 'text,n\na,1\n" ",2\n', "gap.csv, column 'text', row 1 is empty"),
        ("bad.jsonl", '{"text": "a"}\n{"text": \n', "bad.jsonl does not parse: line 2 is not JSON"),
        ("list.jsonl", '{"text": "a"}\n["b"]\n', "list.jsonl does not parse: row 1 is not an object"),
        ("empty.jsonl", "\n", "empty.jsonl does not parse: the file is empty"),
        ("gap.jsonl", '{"text": "a"}\n{"id": 1}\n', "gap.jsonl, column 'text', row 1 is None"),
        ("empty.txt", "", "empty.txt does not parse: the file is empty"),
        ("gap.txt", "a\nb\n\nc", "gap.txt, row 2 is empty"),
        ("cut.parquet", "PAR1", "cut.parquet does not parse"),
        ("cut.csv.gz", "text", "cut.csv.gz does not parse"),
        ("a.xlsx", "text", "cannot read this kind of file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, name, content, sentence):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises((ValueError, TypeError), match=sentence):
        list(text_blocks(tmp_path / name, size=2))


def test_other_encodings_and_missing_files_are_named(tmp_path):
    for name in ("a.txt", "a.csv", "a.jsonl"):
        (tmp_path / name).write_bytes(b'text\n"\xe4rger"\n')
        with pytest.raises(ValueError, match=f"{name} does not parse"):
            list(text_blocks(tmp_path / name))
    with pytest.raises(FileNotFoundError, match="none.csv: no such file"):
        next(text_blocks(tmp_path / "none.csv"))
