"""`recipes/bulk/classify_ray.py` on a real cluster of two nodes: driver and node killed, every row classified once."""

import csv
import json
import runpy
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import Dataset
from processes import ONE_GROUP, Python, run_python

from fewtext.commands.arguments import parse
from fewtext.inference.classifier import FewShotClassifier

RECIPE = Path(__file__).parents[1] / "recipes" / "bulk" / "classify_ray.py"
EXAMPLES = [("where is my parcel", "track"), ("has it shipped", "track"), ("book a table", "book"), ("a seat", "book")]
ROWS, CHUNK = 3000, 25
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",  # else a token is written into the home folder
    "RAY_health_check_initial_delay_ms": "0",  # a dead node is missed after 2 seconds, not 15
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_failure_threshold": "4",
    "RAY_DATA_DEFAULT_WAIT_FOR_MIN_ACTORS_S": "120",  # both actors start together
}


@pytest.fixture
def _ray(monkeypatch):
    """Ray is there, and what it writes is gone afterwards; its sockets want a folder with a short name."""
    pytest.importorskip("ray", reason="needs Ray: pip install 'fewtext[ray]'")
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        yield


@pytest.fixture
def words(_ray, encoder_folder, tmp_path):
    """The settings, with three kinds of files of 3000 texts."""
    (tmp_path / "examples.csv").write_text("text,label\n" + "".join(f"{t},{y}\n" for t, y in EXAMPLES))
    texts = texts_of(tmp_path)
    (tmp_path / "in" / "day").mkdir(parents=True)
    Dataset.from_dict({"text": texts["a.parquet"]}).to_parquet(tmp_path / "in" / "a.parquet")
    with (tmp_path / "in" / "b.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text"], *([text] for text in texts["b.csv"])])
    lines = (json.dumps({"text": text}) + "\n" for text in texts["day/c.jsonl"])
    (tmp_path / "in" / "day" / "c.jsonl").write_text("".join(lines))
    words = {"model": encoder_folder, "support": tmp_path / "examples.csv", "input": tmp_path / "in"}
    words |= {"output": tmp_path / "out", "rows": CHUNK}
    return [f"{key}={value}" for key, value in words.items()]


def texts_of(folder):
    return {
        name: [f"is {'my ' * (row % 9)}table or parcel {name[-1]} {row} here" for row in range(ROWS)]
        for name in ("a.parquet", "b.csv", "day/c.jsonl")
    }


def chunks(folder):
    """How many chunks of each file are there."""
    files = (file.relative_to(folder).as_posix() for file in folder.rglob("*.parquet") if file.name[0] != ".")
    return Counter(file.removesuffix(".parquet").rpartition(".")[0] for file in files)


def wait_for(seen, driver):
    """Wait until something is seen while the driver runs."""
    end = time.monotonic() + 300  # actors of Ray take minutes to start where others share the cores
    while not seen():
        if time.monotonic() > end or driver.process.exitcode is not None:
            driver.process.kill()
            pytest.fail("that was not seen: " + driver.wait().stderr[-3000:])
        time.sleep(0.01)


def wait_for_actors(number, driver, output):
    """Wait until as many files have more chunks than before: each of them is written by an actor of its own."""
    time.sleep(1)  # an actor of a killed driver outlives it by a moment, and no driver starts as fast
    before = chunks(output)
    wait_for(lambda: sum(n > before[name] + 2 for name, n in chunks(output).items()) >= number, driver)


def test_whoever_is_killed_every_row_is_classified_once(words, encoder_folder, tmp_path):
    from ray.cluster_utils import Cluster

    output = tmp_path / "out"
    with ONE_GROUP:
        small = {"num_cpus": 1, "object_store_memory": 10**8, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=small)
        try:
            node = cluster.add_node(num_cpus=1, object_store_memory=10**8)
            cluster.wait_for_nodes()
            words.append(f"address={cluster.address}")
            recipe = shutil.copytree(RECIPE.parent, tmp_path / "recipe")
            driver = Python(recipe / RECIPE.name, *words)
            wait_for((output / ".run").exists, driver)
            shutil.rmtree(recipe)  # nor do other machines have it
            wait_for_actors(1, driver, output)
            driver.process.kill()
            assert driver.wait().returncode == -signal.SIGKILL
            done = {file: file.stat().st_mtime_ns for file in output.rglob("[!.]*.parquet")}

            driver = Python(RECIPE, *words, "actors=2")
            wait_for_actors(2, driver, output)
            cluster.remove_node(node, allow_graceful=False)
            assert len(done) < chunks(output).total() < 3 * ROWS / CHUNK
            ended = driver.wait()
        finally:
            cluster.shutdown()
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert f"{3 * ROWS} texts of 3 files are classified in {output}" in ended.stdout
    assert all(file.stat().st_mtime_ns == written for file, written in done.items())
    assert not list(output.rglob(".*.partial"))

    texts = texts_of(tmp_path)
    asked = [(name, row, text) for name, own in texts.items() for row, text in enumerate(own)]
    found = sorted((row["file"], row["row"], row["text"], row) for row in pq.read_table(output).to_pylist())
    assert [row[:3] for row in found] == asked
    classifier = FewShotClassifier.from_pretrained(encoder_folder).fit(*map(list, zip(*EXAMPLES, strict=True)))
    expected = [prediction for own in texts.values() for prediction in classifier(own)]
    assert {row["label"] for *_, row in found} == {"track", "book"}
    assert [row["label"] for *_, row in found] == [prediction["label"] for prediction in expected]
    assert [row["score"] for *_, row in found] == pytest.approx([one["score"] for one in expected], abs=1e-5)


def test_alone_on_one_machine_it_stops_at_a_bad_row(words, tmp_path):
    file = tmp_path / "one.csv"
    file.write_text("text\n" + "a table\n" * 60 + '" "\n')
    words += [f"input={file}"]
    done = run_python(RECIPE, *words)
    assert done.returncode == 1 and done.stderr.endswith(
        f"classify_ray: {file}, column 'text', row 60 is empty; every text needs at least one visible character.\n"
    )
    assert chunks(tmp_path / "out") == {"one.csv": 2}


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.syspath_prepend(RECIPE.parent)
    return runpy.run_path(str(RECIPE))


def test_what_is_there_counts_for_the_texts_that_it_holds(recipe, words, tmp_path):
    file, output = tmp_path / "one.csv", tmp_path / "out"
    file.write_text("text\n" + "".join(f"table {row}\n" for row in range(60)))
    [arguments] = parse([*words, "top_k=2"], recipe["BulkArguments"])
    actor = recipe["Classify"](arguments)
    share = {"name": "one.csv", "file": str(file), "number": 0, "of": 1}
    assert actor(share) == {"name": "one.csv", "texts": 60, "error": ""}
    first = [chunk.stat().st_mtime_ns for chunk in sorted(output.iterdir())]
    assert len(first) == 3
    actor(share)
    assert [chunk.stat().st_mtime_ns for chunk in sorted(output.iterdir())] == first
    (output / "one.csv.00001.parquet").write_bytes(b"")  # the power went
    assert actor(share)["error"] == "" and pq.read_metadata(output / "one.csv.00001.parquet").num_rows
    (output / ".one.csv.00007.parquet.killed.partial").touch()
    texts = [*(f"table {row}" for row in range(30)), "a seat", *(f"table {row}" for row in range(45, 60))]
    file.write_text("text\n" + "".join(f"{text}\n" for text in texts))
    recipe["finish"](output, {"one.csv": actor(share)["texts"]}, CHUNK)
    assert sorted(path.name for path in output.iterdir()) == [
        "_SUCCESS",
        *(f"one.csv.0000{i}.parquet" for i in (0, 1)),
    ]
    assert (output / "one.csv.00000.parquet").stat().st_mtime_ns == first[0]
    rows = pq.read_table(output).to_pylist()
    assert [(row["row"], row["text"]) for row in rows] == [pair for pair in enumerate(texts) for _ in range(2)]
    assert all(one["score"] + two["score"] == pytest.approx(1) for one, two in zip(rows[::2], rows[1::2], strict=True))


def test_what_readers_of_folders_pass_over_is_not_classified(recipe, tmp_path):
    names = ["a.csv", "of 2026/b.csv", "of=2025/c.csv", "_archive/d.csv", ".hidden/of 2026/e.csv", "_f.csv", "g.txt"]
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text("text\na table\n")
    find_files = recipe["find_files"]
    found = find_files([str(tmp_path / "in")], str(tmp_path / "out"), None)
    assert sorted(found) == ["a.csv", "of 2026/b.csv", "of=2025/c.csv"]
    for name in ("_f.csv", "g.txt"):  # given by name, every file counts that `fewtext classify` reads
        assert list(find_files([str(tmp_path / "in" / name)], str(tmp_path / "out"), None)) == [name]


def test_what_is_wrong_is_said_before_ray_starts(recipe, words, tmp_path, monkeypatch):
    def classify(*changes):
        recipe["classify"](*parse([*words, *changes], recipe["BulkArguments"]))

    (tmp_path / "empty").mkdir()
    output = tmp_path / "out"
    for changes, message in (
        ([f"input={tmp_path / 'nowhere'}"], "nowhere: no such file or folder"),
        ([f"input={tmp_path / 'empty'}"], "empty holds no .parquet, .csv or .jsonl file"),
        (["text_column=words"], "a.parquet has no column 'words'; its columns are 'text'"),
        ([f"input={tmp_path}"], "out: neither may be in the other"),
        (["support=null"], "the model has no examples: give support=FILE"),
        (["actors=0"], "actors is 0; it must be at least 1"),
        (["input=[]"], "give input=FOLDER with texts, and output=FOLDER"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            classify(*changes)
        assert not output.exists()
    output.mkdir()
    (output / "mine").touch()
    with pytest.raises(FileExistsError, match="out holds something else; choose another output"):
        classify()
    (output / ".run").write_text("another\n")
    with pytest.raises(ValueError, match="out is of another run, with another classifier or other settings"):
        classify()
    (output / "_SUCCESS").touch()
    with pytest.raises(FileExistsError, match="out is whole already; choose another output"):
        classify()
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"pip install 'fewtext\[ray\]'"):
        classify()


def test_a_million_texts_are_measured_as_these_are(encoder_folder, tmp_path):
    done = run_python(RECIPE.with_name("measure.py"), f"model={encoder_folder}", "texts=6000", f"output={tmp_path}")
    assert done.returncode == 0, done.stderr[-3000:]
    assert (
        "MB at the peak" in done.stdout and "6000 texts killed in the middle and gone on with: the same" in done.stdout
    )
