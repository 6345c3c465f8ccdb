import json

import pytest
import torch

from fewtext.models import batch_bound
from fewtext.models.batch_bound import fastest, known_bound, remember_bound, trial_batches, work_to_measure


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("FEWTEXT_BATCH_TOKENS")
    batch_bound._remembered.cache_clear()
    yield
    batch_bound._remembered.cache_clear()


def test_the_environment_fixes_it(monkeypatch):
    monkeypatch.setenv("FEWTEXT_BATCH_TOKENS", "640")
    assert known_bound("cpu", "some encoder") == 640
    for wrong in ("many", "0", "-3"):
        monkeypatch.setenv("FEWTEXT_BATCH_TOKENS", wrong)
        with pytest.raises(ValueError, match=f"FEWTEXT_BATCH_TOKENS is '{wrong}'"):
            known_bound("cpu", "some encoder")


def test_the_first_measure_is_remembered_for_encoder_and_threads(tmp_path):
    assert known_bound("cpu", "a") is None
    remember_bound("cpu", "a", 768)
    remember_bound("cpu", "a", 384)
    assert known_bound("cpu", "a") == 768 and known_bound("cpu", "b") is None
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        assert known_bound("cpu", "a") is None
    finally:
        torch.set_num_threads(threads)
    [file] = tmp_path.rglob("batch_tokens.json")
    assert list(json.loads(file.read_text()).values()) == [768]
    file.write_text("{half")
    batch_bound._remembered.cache_clear()
    assert known_bound("cpu", "a") is None


def test_trials_take_each_text_once_and_lengths_alike():
    lengths = [4] * 900 + [11] * 900 + [12] * 900 + [60] * 300
    batches = trial_batches(lengths, "cpu")
    rows = [row for _, own in batches for row in own]
    assert len(rows) == len(set(rows)) and [bound for bound, _ in batches[:4]] == [384, 512, 768, 1024]
    assert {lengths[row] for row in rows} <= {11, 12}
    assert all(sum(lengths[row] for row in own) <= 1.2 * bound for bound, own in batches)


@pytest.mark.parametrize("length", [1, 12, 500])
def test_work_that_is_long_enough_has_texts_for_all_trials(length):
    batches = trial_batches([length] * (work_to_measure("cpu") // length + 1), "cpu")
    assert len(batches) == 12 and all(rows for _, rows in batches)


def test_vectors_are_the_same_and_a_bound_is_kept(model, monkeypatch, tmp_path):
    texts = [f"text number {i} of {i % 7}" for i in range(2500)]
    expected = model.embed(texts, batch_tokens=512)
    encoded = []
    encode = type(model).encode
    monkeypatch.setattr(type(model), "encode", lambda *a, **k: encoded.append(len(a[1])) or encode(*a, **k))
    found = model.embed(texts)
    assert sum(encoded) == len(texts)  # the trials were a part of the work
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    [file] = tmp_path.rglob("batch_tokens.json")
    [bound] = json.loads(file.read_text()).values()
    assert bound in batch_bound.CANDIDATES["cpu"]


def test_the_fastest_batch_decides():
    assert fastest({384: [3.0, 3.0], 512: [9.0, 1.0], 768: [2.0, 2.0]}) == 512


def test_few_long_texts_are_not_measured_with(model, tmp_path, monkeypatch):
    assert not all(rows for _, rows in trial_batches([2048] * 8, "cpu"))
    monkeypatch.setitem(batch_bound.CANDIDATES, "cpu", (1, 2, 3))
    assert model.embed(["a word " * 60] * 4).shape[0] == 4  # enough tokens, but nine trials
    assert not list(tmp_path.rglob("batch_tokens.json"))


def test_a_file_that_holds_something_else_is_ignored(tmp_path):
    (tmp_path / "fewtext").mkdir()
    (tmp_path / "fewtext" / "batch_tokens.json").write_text("[1]")
    assert known_bound("cpu", "a") is None
