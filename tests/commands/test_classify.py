"""`fewtext classify` as the command line runs it: files of every kind, interruptions, abstention, evidence."""

import csv
import gzip
import json
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from datasets import Dataset
from processes import run_python

from fewtext.cli import main
from fewtext.commands import classify as command
from fewtext.commands.output import Output
from fewtext.inference.cache import VectorCache
from fewtext.inference.classifier import FewShotClassifier

EXAMPLES = [
    ("where is my parcel", "track"),
    ("has it shipped", "track"),
    ("book a table", "reserve"),
    ("a seat", "reserve"),
]
TEXTS = [f"is {'my ' * (i % 5)}parcel number {i} here" for i in range(30)]
TEXTS[3], TEXTS[4], TEXTS[11], TEXTS[12] = 'a "table", please', "two\nlines", TEXTS[10], TEXTS[10]
TEXTS[17], TEXTS[20] = "a carriage\rreturn", "überall 📦"


@pytest.fixture
def words(encoder_folder, tmp_path, monkeypatch):
    """The command, with examples and an input of 30 texts in blocks of 8."""
    monkeypatch.setattr(command, "BLOCK", 8)
    (tmp_path / "examples.csv").write_text("text,label\n" + "".join(f"{t},{y}\n" for t, y in EXAMPLES))
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    return [
        "classify",
        f"model={encoder_folder}",
        f"support={tmp_path / 'examples.csv'}",
        f"input={tmp_path / 'in.jsonl'}",
    ]


@pytest.fixture
def classifier(model):
    return FewShotClassifier(model).fit([text for text, _ in EXAMPLES], [label for _, label in EXAMPLES])


def read(file):
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text().splitlines()]
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_classify_a_file(encoder_folder, tmp_path, capsys):
    (tmp_path / "examples.csv").write_text("text,label\nwhere is my parcel,track\nbook a table,reserve\n")
    texts = ["is my parcel near?", 'a "table", please', "table table"]
    (tmp_path / "texts.txt").write_text("\n".join(texts))
    words = [
        "classify",
        f"model={encoder_folder}",
        f"support={tmp_path / 'examples.csv'}",
        f"input={tmp_path / 'texts.txt'}",
    ]
    assert main([*words, f"output={tmp_path / 'out.csv'}"]) == 0
    with (tmp_path / "out.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["text"] for row in rows] == texts
    classifier = FewShotClassifier.from_pretrained(encoder_folder)
    classifier.fit(["where is my parcel", "book a table"], ["track", "reserve"])
    assert [row["label"] for row in rows] == classifier.predict(texts).tolist()
    assert main([*words, f"output={tmp_path / 'out.csv'}"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*words, f"output={tmp_path / 'out.jsonl'}", "top_k=2"]) == 0
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(lines) == 6 and lines[0]["score"] + lines[1]["score"] == pytest.approx(1, abs=1e-5)
    assert main(words) == 0
    assert "table table" in capsys.readouterr().out


def test_classify_says_what_is_missing(encoder_folder, tmp_path, capsys):
    (tmp_path / "texts.txt").write_text("a\n\nb")
    assert main(["classify", f"input={tmp_path / 'texts.txt'}"]) == 2
    assert "row 1 is empty" in capsys.readouterr().err
    (tmp_path / "texts.txt").write_text("a")
    assert main(["classify", f"model={encoder_folder}", f"input={tmp_path / 'texts.txt'}"]) == 2
    assert "the model has no examples: give support=FILE" in capsys.readouterr().err
    assert main(["classify", f"input={tmp_path / 'texts.txt'}", "output=x.xml"]) == 2
    assert "ends in .csv or .jsonl" in capsys.readouterr().err


def test_classify_takes_the_names_of_the_columns(encoder_folder, tmp_path, capsys):
    (tmp_path / "examples.csv").write_text("words,kind\nwhere is my parcel,track\nbook a table,reserve\n")
    (tmp_path / "input.csv").write_text("words\nbook a table\n")
    words = ["classify", f"model={encoder_folder}", f"support={tmp_path / 'examples.csv'}"]
    words += [f"input={tmp_path / 'input.csv'}", "text_column=words"]
    assert main(words) == 2
    assert "name it with label_column=" in capsys.readouterr().err
    assert main([*words, "label_column=kind"]) == 0
    assert "reserve\tbook a table" in capsys.readouterr().out


def test_every_kind_of_input_gives_the_same_rows(words, tmp_path, capsys):
    texts = [text for text in TEXTS if "\n" not in text and "\r" not in text]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    quoted = "".join('"{}"\n'.format(text.replace('"', '""')) for text in texts)
    (tmp_path / "in.csv").write_text("text\n" + quoted, encoding="utf-8")
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(("text\n" + quoted).encode()))
    (tmp_path / "in.txt").write_text("\n".join(texts), encoding="utf-8")
    Dataset.from_dict({"text": texts}).to_parquet(tmp_path / "in.parquet")
    outputs = []
    for kind in ("jsonl", "csv", "csv.gz", "txt", "parquet"):
        output = tmp_path / f"{kind}.out.csv"
        assert main([*words[:3], f"input={tmp_path / 'in'}.{kind}", f"output={output}"]) == 0
        outputs.append(output.read_bytes())
    assert len(set(outputs)) == 1
    code = "import sys; from fewtext.commands import classify; classify.BLOCK = 8; from fewtext.cli import main; "
    line = [sys.executable, "-c", code + "sys.exit(main())", *words[:3], "input=-", f"output={tmp_path / 'piped.csv'}"]
    done = subprocess.run(line, input=(tmp_path / "in.txt").read_bytes(), capture_output=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "piped.csv").read_bytes() == outputs[0]


def test_rows_hold_what_the_classifier_says(words, tmp_path, classifier, capsys):
    for kind in ("csv", "jsonl"):
        assert main([*words, f"output={tmp_path}/out.{kind}", "top_k=2"]) == 0
        rows = read(tmp_path / f"out.{kind}")
        assert [row["text"] for row in rows] == [text for text in TEXTS for _ in range(2)]
        ranked = [prediction for row in classifier.top_classes(TEXTS, 2) for prediction in row]
        assert [row["label"] for row in rows] == [prediction["label"] for prediction in ranked]
        assert [float(row["score"]) for row in rows] == pytest.approx([p["score"] for p in ranked], abs=1e-5)
        assert not (tmp_path / f"out.{kind}.partial").exists()


KILLED = """
import os, signal, sys
from fewtext.commands import classify
from fewtext.commands.output import Output
from fewtext.cli import main
classify.BLOCK = 8
write, calls = Output.write, []
def dying(self, rows):
    calls.append(1)
    write(self, rows)
    if len(calls) == 3:
        os.truncate(self.partial, self.partial.stat().st_size - 25)  # a row is cut
        os.kill(os.getpid(), signal.SIGKILL)
Output.write = dying
main(sys.argv[1:])
"""


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_killed_run_goes_on_to_the_same_bytes(kind, words, tmp_path, capsys, encoded):
    assert main([*words, f"output={tmp_path}/whole.{kind}", "top_k=2"]) == 0
    whole = (tmp_path / f"whole.{kind}").read_bytes()
    words += [f"output={tmp_path}/out.{kind}", "top_k=2"]
    assert run_python(KILLED, *words).returncode == -signal.SIGKILL
    partial = tmp_path / f"out.{kind}.partial"
    assert not partial.read_bytes().endswith(b"\n") and whole.startswith(partial.read_bytes())
    assert main(words) == 2
    assert f"{partial} of an interrupted run exists already: resume=true goes on" in capsys.readouterr().err
    encoded.clear()
    assert main([*words, "resume=true"]) == 0
    assert (tmp_path / f"out.{kind}").read_bytes() == whole and not partial.exists()
    assert not set(TEXTS[:10]) & set(encoded) and set(TEXTS[16:]) <= set(encoded)


class Stand:
    """A classifier that answers at once, with None to every fifth text."""

    support = SimpleNamespace(several=False)
    classes_ = ("a", "b")
    fingerprint = "stand"
    cache = VectorCache()

    def top_classes(self, texts, top_k, abstain):
        none = [{"label": None, "score": 0.5}]
        best = [{"label": "a", "score": 0.75}, {"label": "b", "score": 0.25}]
        return [((none if len(text) % 5 == 0 else []) + best)[:top_k] for text in texts]


@pytest.mark.parametrize("top_k", [1, 2, 5])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_wherever_a_run_was_cut(kind, top_k, words, tmp_path, monkeypatch):
    monkeypatch.setattr(FewShotClassifier, "from_pretrained", lambda name, **options: Stand())
    words = [words[0], words[3], f"top_k={top_k}"]
    assert main([*words, f"output={tmp_path}/whole.{kind}"]) == 0
    whole = (tmp_path / f"whole.{kind}").read_bytes()
    assert b",," in whole or b"null" in whole
    for end in [*range(0, len(whole), 53), len(whole) - 1, len(whole)]:
        (tmp_path / f"out.{kind}.partial").write_bytes(whole[:end])
        assert main([*words, f"output={tmp_path}/out.{kind}", "resume=true"]) == 0
        assert (tmp_path / f"out.{kind}").read_bytes() == whole
        (tmp_path / f"out.{kind}").unlink()


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_what_another_run_left_is_not_gone_on_with(kind, words, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(FewShotClassifier, "from_pretrained", lambda name, **options: Stand())
    words = [words[0], words[3]]
    output, partial = tmp_path / f"out.{kind}", tmp_path / f"out.{kind}.partial"
    assert main([*words, f"output={output}"]) == 0
    whole = output.read_bytes()
    output.rename(partial)
    foreign = [
        whole + whole[-40:],
        b"text,label,more\n" + whole,
        b"\n" + whole,
        whole.replace(b"number 5", b"number 6"),
    ]
    for content, more in [(whole, ["top_k=2"]), *((content, []) for content in foreign)]:
        partial.write_bytes(content)
        assert main([*words, f"output={output}", "resume=true", *more]) == 2
        assert "is of another run" in capsys.readouterr().err
        assert partial.read_bytes() == content


def test_another_classifier_or_other_settings_do_not_go_on(words, tmp_path, capsys):
    words = [*words, f"output={tmp_path}/out.jsonl", "top_k=1"]
    assert run_python(KILLED, *words).returncode == -signal.SIGKILL
    content = (tmp_path / "out.jsonl.partial").read_bytes()
    for change in ("abstain=auto", "top_k=2", "examples"):
        if change == "examples":
            with (tmp_path / "examples.csv").open("a") as file:
                file.write("one more,reserve\n")
        assert main([*words, "resume=true", *([change] if "=" in change else [])]) == 2
        assert "is of another run, with another classifier or other settings" in capsys.readouterr().err
        assert (tmp_path / "out.jsonl.partial").read_bytes() == content


def test_a_text_does_not_move_the_cursor(words, tmp_path, capsys):
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": "red\x1b[2J\u202e"}) + "\n")
    assert main([*words, "explain=2"]) == 0
    assert all(line.replace("\t", "").isprintable() for line in capsys.readouterr().out.splitlines())


def test_abstaining(words, tmp_path, classifier, capsys):
    assert main([*words, f"output={tmp_path}/all.csv", "abstain=1"]) == 0
    assert {row["label"] for row in read(tmp_path / "all.csv")} == {""}
    assert main([*words, f"output={tmp_path}/auto.jsonl", "abstain=auto"]) == 0
    assert [row["label"] for row in read(tmp_path / "auto.jsonl")] == list(classifier.predict(TEXTS, abstain="auto"))
    assert main([*words, f"output={tmp_path}/two.jsonl", "abstain=1.0", "top_k=2"]) == 0
    rows = read(tmp_path / "two.jsonl")
    assert [row["label"] is None for row in rows] == [True, False] * len(TEXTS)
    assert main([*words, "abstain=1"]) == 0
    assert f"\t\t{TEXTS[0]}\n" in capsys.readouterr().out
    assert main([*words, "abstain=2"]) == 2
    assert "None, 'auto' or a threshold between 0 and 1" in capsys.readouterr().err


def test_evidence(words, tmp_path, classifier, capsys):
    assert main([*words, f"output={tmp_path}/out.jsonl", "explain=2"]) == 0
    rows = read(tmp_path / "out.jsonl")
    for row, text in zip(rows, TEXTS, strict=True):
        expected = classifier.explain(text).evidence[:2]
        assert [(e["text"], e["label"]) for e in row["evidence"]] == [(e.text, e.label) for e in expected]
        assert [e["attention"] for e in row["evidence"]] == pytest.approx([e.attention for e in expected], abs=1e-5)
    assert main([*words, "explain=1"]) == 0
    assert capsys.readouterr().out.count("\n\t") == len(TEXTS)
    assert main([*words, f"output={tmp_path}/two.jsonl", "explain=2", "top_k=2"]) == 0
    rows = read(tmp_path / "two.jsonl")
    assert ["evidence" in row for row in rows] == [True, False] * len(TEXTS)  # once a text, not once a class
    assert main([*words, f"output={tmp_path}/out.csv", "explain=2"]) == 2
    assert "which a CSV column cannot hold" in capsys.readouterr().err
    assert main([*words, "explain=0"]) == 2
    assert "explain is 0" in capsys.readouterr().err
    assert main([*words, "resume=true"]) == 2
    assert "give output=FILE" in capsys.readouterr().err


def test_what_is_wrong_with_the_input_is_said_before_anything_is_written(words, tmp_path, capsys, encoded):
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n' * 20 + '{"text": " "}\n')
    assert main([*words, f"output={tmp_path}/out.csv"]) == 2
    assert "in.jsonl, column 'text', row 20 is empty" in capsys.readouterr().err
    assert encoded == [] and not list(tmp_path.glob("out.csv*"))


def test_a_block_is_read_when_the_one_before_is_written(words, tmp_path, monkeypatch):
    monkeypatch.setattr(FewShotClassifier, "from_pretrained", lambda name, **options: Stand())
    steps = []
    write, row_blocks = Output.write, command.row_blocks

    def reading(*arguments):
        for block in row_blocks(*arguments):
            steps.append(len(block[0]))
            yield block

    def writing(self, rows):
        write(self, rows)
        steps.append("written")

    monkeypatch.setattr(command, "row_blocks", reading)
    monkeypatch.setattr(Output, "write", writing)
    assert main([words[0], words[3], f"output={tmp_path}/out.csv"]) == 0
    assert steps == [8, 8, 8, 6, 8, "written", 8, "written", 8, "written", 6, "written", "written"]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_columns_are_kept_beside_the_answers_and_through_an_interruption(words, tmp_path, kind):
    rows = [
        {"text": text, "id": f"{i:03}", "a, b": [None, True, {"ü": [i, 'a "b"']}][i % 3]}
        for i, text in enumerate(TEXTS)
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = [*words, "keep=['a, b', id]", "top_k=2"]
    whole, again = tmp_path / f"whole.{kind}", tmp_path / f"again.{kind}"
    assert main([*words, f"output={whole}"]) == 0
    answers = read(whole)
    assert [row["text"] for row in answers[::2]] == TEXTS
    assert list(answers[0]) == ["text", "label", "score", "a, b", "id"]
    for own, *given in zip(rows, answers[::2], answers[1::2], strict=True):
        told = own["a, b"] if kind == "jsonl" else json.dumps(own["a, b"], ensure_ascii=False).replace("null", "")
        assert all((row["id"], row["a, b"]) == (own["id"], told) for row in given)
    (tmp_path / f"again.{kind}.partial").write_bytes(whole.read_bytes()[: len(whole.read_bytes()) // 2])
    assert main([*words, f"output={again}", "resume=true"]) == 0
    assert again.read_bytes() == whole.read_bytes()
    again.rename(tmp_path / f"last.{kind}.partial")
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row | {"id": "other"}) + "\n" for row in rows))
    assert main([*words, f"output={tmp_path}/last.{kind}", "resume=true"]) == 2  # the ids are of other rows


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["keep=[id]"], "keep writes columns beside the answers; give output=FILE."),
        (["keep=[id]", "output={}/out.csv"], "has no column 'id'; its columns are 'text'"),
        (["keep=[id, id]", "output={}/out.csv"], "keep names a column twice: id, id"),
        (["keep=[score]", "output={}/out.csv"], "keep names 'score', which is a column of the answers"),
        (
            ["keep=[id]", "output={}/out.csv", "input={}/in.txt"],
            "lines of text, and no column 'id' to keep",
        ),
    ],
)
def test_columns_that_cannot_be_kept_are_told_first(words, tmp_path, capsys, encoded, more, sentence):
    (tmp_path / "in.txt").write_text("hello\n")
    assert main([*words[:3], *([] if "input" in str(more) else words[3:]), *(w.format(tmp_path) for w in more)]) == 2
    assert sentence in capsys.readouterr().err
    assert encoded == []


def test_of_several_labels_it_says_that_one_is_named(model, tmp_path, capsys):
    texts, labels = ["late and broken", "late", "broken"], [["late", "broken"], ["late"], ["broken"]]
    FewShotClassifier(model).fit(texts, labels).save_pretrained(tmp_path / "bot")
    (tmp_path / "in.txt").write_text("so late\n")
    with pytest.warns(UserWarning, match="texts may have several labels here: .* top_k=N names more"):
        assert main(["classify", f"model={tmp_path / 'bot'}", str(tmp_path / "in.txt"), "top_k=2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
