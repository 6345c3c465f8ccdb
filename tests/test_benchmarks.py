"""The benchmarks of speed and size run from end to end, on a tiny encoder."""

import csv
import json

import pytest
from processes import run_script


@pytest.fixture(autouse=True)
def _tiny(encoder_folder, monkeypatch):
    monkeypatch.setenv("FEWTEXT_ENCODER", str(encoder_folder))


def test_large_support_sets_are_measured(corpora, tmp_path):
    pytest.importorskip("faiss", reason="needs the extra faiss: pip install 'fewtext[faiss]'")
    run_script(
        "benchmark_scale.py", f"data={corpora / 'banking77' / 'full'}", "sizes=[300, 2000]", "threads=1",
        f"output={tmp_path}",
    )  # fmt: skip
    found = json.loads((tmp_path / "scale.json").read_text())
    assert [row["examples"] for row in found] == [300, 2000]
    for row in found:
        assert 50 < row["agreement, percent"] <= 100 and 0 <= row["largest error of a probability"] < 1
        assert 0 < row["ms a query, p50"] <= row["ms a query, p99"] and row["MB opened"] > row["MB before"] > 100


def test_growth_is_measured_and_drawn(corpora, tmp_path):
    pytest.importorskip("faiss", reason="needs the extra faiss: pip install 'fewtext[faiss]'")
    pytest.importorskip("matplotlib")
    data = f"data={corpora / 'banking77' / 'full'}"
    run_script(
        "benchmark_growth.py",
        data,
        "split=train",
        "repeats=1",
        "support=[100, 1000]",
        "processes=[]",
        f"output={tmp_path}",
    )
    found = json.loads((tmp_path / "growth.json").read_text())
    for name in ("classes", "shots", "queries at once", "length"):
        assert all(value > 0 for value in found[name].values()), name
    assert list(found["support set"]) == ["exact", "index"] and list(found["support set"]["index"]) == ["100", "1000"]
    assert found["classifiers"]["MB a classifier"] < 10  # one encoder for all
    assert (tmp_path / "growth.png").stat().st_size > 10_000


def test_what_a_user_waits_for_is_measured(corpora, tmp_path):
    pytest.importorskip("faiss", reason="needs the extra faiss: pip install 'fewtext[faiss]'")
    file = tmp_path / "latency.json"
    run_script(
        "benchmark_latency.py", f"data={corpora / 'banking77' / 'full'}", "queries=20", "repeats=1", "classes=100",
        "many=10", f"output={file}",
    )  # fmt: skip
    found = json.loads(file.read_text())
    assert found["one text"]["predict, p50"] > 0 and found["one text"]["ratio, p99"] > 0
    assert found["a class is added"]["ms to add"] > 0
    assert set(found["many classes"]) == {f"predict over embed, {n} classes x 10" for n in (77, 100)}


def test_what_each_part_brings_is_measured(intents, tmp_path):
    file = tmp_path / "ablation.json"
    for split, classes in (("train", intents.classes[:20]), ("test", intents.classes[20:28])):
        rows = [(text, label) for label in classes for text in intents.texts_of[label][:15]]
        with (tmp_path / f"{split}.csv").open("w", newline="") as opened:
            csv.writer(opened).writerows([("text", "label"), *rows])
    variants = "variants=[context, vote, lstm, layer 1]"
    run_script("ablation.py", f"data={tmp_path}", "train_episodes=2", "test_episodes=20", variants, f"output={file}")
    found = json.loads(file.read_text())
    first = found["center, vote mixed (the start of all others)"]["cells"]
    assert len(found) == 13 and len(first) == 4 and all(cell["gain"] == cell["interval"] == 0 for cell in first)
    for row in found.values():
        assert all(10 < cell["accuracy"] < 90 for cell in row["cells"])  # chance is 20, and this encoder knows nothing
        gains = [cell["accuracy"] - own["accuracy"] for cell, own in zip(row["cells"], first, strict=True)]
        assert [cell["gain"] for cell in row["cells"]] == pytest.approx(gains)
