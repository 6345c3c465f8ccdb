"""Texts that were asked before."""

import numpy as np
import pytest
import torch

from fewtext import FewShotClassifier
from fewtext.inference.cache import VectorCache

TEXTS = ["where is my parcel", "it has not arrived", "i want my money back", "how do i return this"]
LABELS = ["tracking", "tracking", "refund", "refund"]


def test_a_text_is_encoded_once(model, encoded):
    clf = FewShotClassifier(model).fit(TEXTS, LABELS)
    encoded.clear()
    first = clf.predict_proba(["a", "b", "a"])
    assert encoded == ["a", "b"]
    second = clf.predict_proba(["b", "c", "a"])
    assert encoded == ["a", "b", "c"]
    np.testing.assert_array_equal(second[[2, 0]], first[[0, 1]])
    clf.explain(["c", "a"])
    clf.represent(["b"])
    assert encoded == ["a", "b", "c"]
    assert (clf.cache.hits, clf.cache.misses) == (6, 3)
    assert clf.cache.hit_rate == pytest.approx(6 / 9)


def test_answers_are_those_without_it(model):
    with_cache, without = (FewShotClassifier(model, cache_size=size).fit(TEXTS, LABELS) for size in (2, 0))
    texts = ["one", "two", "three", "two", "one", "four", "one"]
    for batch in (texts, texts[::-1], texts[:3]):
        np.testing.assert_allclose(with_cache.predict_proba(batch), without.predict_proba(batch), atol=1e-5)


def test_the_texts_asked_last_are_kept(model, encoded):
    cache = VectorCache(3)
    cache.embed(model, ["a", "b", "c"])
    cache.embed(model, ["a"])  # b is now the one that was asked longest ago
    cache.embed(model, ["d"])
    encoded.clear()
    cache.embed(model, ["a", "c", "d"])
    assert encoded == []
    cache.embed(model, ["b"])
    assert encoded == ["b"]
    assert cache.embed(model, list("vwxyz")).shape == (5, 32)
    encoded.clear()
    cache.embed(model, ["v", "x", "y", "z"])
    assert encoded == ["v"]


def test_another_model_is_another_cache(model, encoder_folder):
    other = type(model).from_encoder(encoder_folder)
    with torch.no_grad():
        other.encoder.embeddings.word_embeddings.weight.mul_(-1)
    cache = VectorCache()
    cache.embed(model, TEXTS)
    torch.testing.assert_close(cache.embed(other, TEXTS), other.embed(TEXTS))
    torch.testing.assert_close(cache.embed(model, TEXTS), model.embed(TEXTS))


def test_a_model_trained_in_place_is_noticed(model):
    clf = FewShotClassifier(model).fit(TEXTS, LABELS)
    edited = FewShotClassifier(model).fit(TEXTS, LABELS)
    for one in (clf, edited):
        one.predict(["has it been sent"])
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    fresh = FewShotClassifier(model).fit([*TEXTS, "new"], [*LABELS, "refund"])
    expected = fresh.predict_proba(["has it been sent"])
    clf.fit([*TEXTS, "new"], [*LABELS, "refund"])
    edited.add(["new"], "refund")
    for one in (clf, edited):
        np.testing.assert_allclose(one.predict_proba(["has it been sent"]), expected, atol=1e-5)


def test_a_size_below_nothing_is_refused(model):
    with pytest.raises(ValueError, match="cache_size is -1; it must be at least 0"):
        FewShotClassifier(model, cache_size=-1).fit(TEXTS, LABELS)


def test_it_says_what_it_holds(model):
    cache = VectorCache(3)
    cache.embed(model, ["a", "b", "a"])
    assert repr(cache) == "VectorCache(2 of 3 texts, 1 hits, 2 misses)"
