"""A large classifier on disk: mapped, changed, saved again; and what is damaged."""

import copy
import pickle
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from fewtext.folders import INDEX_FILE, TABLE_FILE, TEXTS_FILE, VECTORS_FILE
from fewtext.inference.classifier import FewShotClassifier
from fewtext.models.modeling import MatchingNetwork

FAISS = pytest.mark.skipif(find_spec("faiss") is None, reason="extra faiss")
SEARCHES = ["exact", pytest.param("index", marks=FAISS)]


@pytest.fixture
def data(intents):
    pairs = [(text, label) for label in intents.classes[:8] for text in intents.texts_of[label]]
    return [text for text, _ in pairs], [label for _, label in pairs]


@pytest.fixture
def make(encoder_folder, data):
    def made(search="exact", precision="float16", **settings):
        model = MatchingNetwork.from_encoder(encoder_folder, **settings)
        return FewShotClassifier(model, large_size=1, search=search, precision=precision).fit(*data)

    return made


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_saved_and_opened(make, data, tmp_path, search, precision):
    clf, texts = make(search, precision), data[0][::10]
    clf.save_pretrained(tmp_path / "bot")
    assert (tmp_path / "bot" / INDEX_FILE).is_file() == (search == "index")
    assert (tmp_path / "bot" / TABLE_FILE).is_file() and not (tmp_path / "bot" / TEXTS_FILE).exists()
    again = FewShotClassifier.from_pretrained(tmp_path / "bot")
    assert again.get_params()["search"] == search and again.get_params()["precision"] == precision
    assert list(again.support.texts) == list(clf.support.texts) and again.support.labels == clf.support.labels
    np.testing.assert_array_equal(again.predict_proba(texts), clf.predict_proba(texts))
    assert again.fingerprint == clf.fingerprint and again.expected_accuracy == clf.expected_accuracy


@pytest.mark.parametrize("search", SEARCHES)
def test_changed_after_opening_and_saved_again(make, data, tmp_path, search, monkeypatch):
    monkeypatch.setattr("fewtext.inference.index.LISTS_READ", 1000)
    clf, texts = make(search, context="none"), data[0][::10]
    clf.save_pretrained(tmp_path / "bot")
    opened = FewShotClassifier.from_pretrained(tmp_path / "bot")
    for one in (clf, opened):
        one.add(["one new text", "and another"], "a new class").remove(data[1][0])
    np.testing.assert_allclose(opened.predict_proba(texts), clf.predict_proba(texts), atol=1e-5)
    opened.save_pretrained(tmp_path / "bot")  # over what it maps
    np.testing.assert_allclose(opened.predict_proba(texts), clf.predict_proba(texts), atol=1e-5)
    again = FewShotClassifier.from_pretrained(tmp_path / "bot")
    np.testing.assert_allclose(again.predict_proba(texts), clf.predict_proba(texts), atol=1e-5)
    assert len(again.support) == len(clf.support) and data[1][0] not in again.classes_
    again.add(["a third"], "a new class")
    assert again.explain("a third", top_k=1).evidence[0].text == "a third"


def test_small_again_takes_the_large_files_away(make, data, tmp_path):
    clf = make()
    clf.save_pretrained(tmp_path / "bot")
    clf.set_params(large_size=1_000_000).fit(*data).save_pretrained(tmp_path / "bot")
    assert not (tmp_path / "bot" / TABLE_FILE).exists() and (tmp_path / "bot" / TEXTS_FILE).is_file()
    assert not FewShotClassifier.from_pretrained(tmp_path / "bot").support.is_large


def test_texts_can_be_left_out(make, data, tmp_path):
    clf = make()
    clf.save_pretrained(tmp_path / "bot", include_texts=False)
    assert data[0][0].encode() not in (tmp_path / "bot" / TABLE_FILE).read_bytes()
    again = FewShotClassifier.from_pretrained(tmp_path / "bot")
    assert not again.support.has_texts
    np.testing.assert_array_equal(again.predict(data[0][::10]), clf.predict(data[0][::10]))
    with pytest.raises(ValueError, match="saved without its texts"):
        again.save_pretrained(tmp_path / "other")


@FAISS
def test_an_index_of_a_machine_without_faiss_reads_all(make, data, tmp_path, monkeypatch):
    clf = make("auto")
    clf.save_pretrained(tmp_path / "bot")
    monkeypatch.setattr("fewtext.inference.large.faiss_is_installed", lambda: False)
    again = FewShotClassifier.from_pretrained(tmp_path / "bot")
    assert again.memory.index is None
    assert (again.predict(data[0]) == clf.predict(data[0])).mean() > 0.95


@FAISS
@pytest.mark.parametrize("name", [TABLE_FILE, VECTORS_FILE, INDEX_FILE])
def test_damaged_and_mixed_files_are_said(make, data, tmp_path, name):
    clf = make("index")
    clf.save_pretrained(tmp_path / "bot")
    whole = (tmp_path / "bot" / name).read_bytes()
    (tmp_path / "bot" / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=f"{name}.*(damaged|cut off)"):
        FewShotClassifier.from_pretrained(tmp_path / "bot")
    clf.remove(data[1][0]).save_pretrained(tmp_path / "other")
    shutil.copyfile(tmp_path / "other" / name, tmp_path / "bot" / name)
    with pytest.raises(ValueError, match="not of one save|save the classifier again|do not fit|damaged"):
        FewShotClassifier.from_pretrained(tmp_path / "bot")


def test_opening_reads_no_vectors(make, tmp_path):
    make().save_pretrained(tmp_path / "bot")
    opened = FewShotClassifier.from_pretrained(tmp_path / "bot")
    [piece] = opened.support.vectors.pieces
    assert piece.stored.dtype == torch.float16
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    assert str(tmp_path / "bot" / VECTORS_FILE) in maps and str(tmp_path / "bot" / TABLE_FILE) in maps


@FAISS
def test_a_mapped_index_does_not_depend_on_its_file(make, data, tmp_path):
    make("index", context="none").save_pretrained(tmp_path / "bot")
    one, other, third = (FewShotClassifier.from_pretrained(tmp_path / "bot") for _ in range(3))
    one.remove(ids=list(one.support.ids)[:20]).save_pretrained(tmp_path / "bot")  # another file has its place now
    for clf in (one, other):
        clf.add(["one new text"], "a new class")
        assert clf.explain("one new text", top_k=1).evidence[0].text == "one new text"
    other.save_pretrained(tmp_path / "other")
    again = FewShotClassifier.from_pretrained(tmp_path / "other")
    np.testing.assert_allclose(again.predict_proba(data[0]), other.predict_proba(data[0]), atol=1e-5)
    shutil.rmtree(tmp_path / "bot")
    third.add(["one new text"], "a new class")
    np.testing.assert_allclose(third.predict_proba(data[0]), other.predict_proba(data[0]), atol=1e-5)


@FAISS
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda clf: pickle.loads(pickle.dumps(clf))])
def test_copies_of_an_opened_classifier(make, data, tmp_path, copied):
    make("index").save_pretrained(tmp_path / "bot")
    opened = FewShotClassifier.from_pretrained(tmp_path / "bot")
    other = copied(opened)
    np.testing.assert_array_equal(other.predict_proba(data[0]), opened.predict_proba(data[0]))
    other.add(["one new text"], "a new class")
    assert "a new class" not in opened.classes_ and opened.memory.index.end == len(opened.support)


def test_another_kernel_gets_the_examples_as_a_small_set(make, encoder_folder, data, tmp_path):
    large = make()
    model = MatchingNetwork.from_encoder(encoder_folder, kernel="dot")
    FewShotClassifier(model).fit(large.support).save_pretrained(tmp_path / "dot")
    again = FewShotClassifier.from_pretrained(tmp_path / "dot")
    assert not again.support.is_large and sorted(again.support.texts) == sorted(data[0])
