from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from fewtext.inference.classifier import FewShotClassifier
from fewtext.inference.spelling import COLUMNS, Spelling, n_grams

TEXTS = ["My card was declined", "card declined again", "top up failed", "the top-up has failed", "exchange rate"]
LABELS = torch.eye(3)[[0, 0, 1, 1, 2]]
QUERIES = ["why are declined cards declined", "topup", "xyz", "what rate"]


def test_it_is_the_tf_idf_of_scikit_learn():
    """Two texts to a class are one document; idf is that of the texts (smooth), tf is log(1 + count)."""
    counter = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5)).fit(TEXTS)
    rarity = counter.idf_

    def vectors(counts):
        table = np.log1p(counts) * rarity
        return table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-30)

    def counted(texts):
        return np.stack([np.bincount(columns(t), minlength=len(rarity)) for t in texts])

    def columns(text):
        found = (counter.vocabulary_.get(gram) for gram in counter.build_analyzer()(text))
        return np.array([column for column in found if column is not None], dtype=int)

    spelling = Spelling.of(n_grams(TEXTS), LABELS, torch.ones(5))
    expected = vectors(counted(TEXTS)) @ vectors(LABELS.numpy().T @ counted(TEXTS)).T
    found = spelling.cosines(n_grams(TEXTS))  # no n-gram of these is unknown; a few share a column
    np.testing.assert_allclose(found.numpy(), expected, atol=0.03)


def test_what_is_spelled_alike_is_alike():
    spelling = Spelling.of(n_grams(TEXTS), LABELS, torch.ones(5))
    cosines = spelling.cosines(n_grams(QUERIES))
    assert cosines.argmax(1)[[0, 3]].tolist() == [0, 2] and (cosines >= 0).all() and (cosines <= 1 + 1e-6).all()
    assert not cosines[2].any() and spelling.cosines(n_grams([])).shape == (0, 3)
    same = Spelling.of(n_grams(["some words", "others"]), torch.eye(2), torch.ones(2)).cosines(
        n_grams(["Some  words"])
    )
    assert same[0, 0].item() == pytest.approx(1)


def test_an_example_of_weight_zero_does_not_count():
    weights = torch.tensor([1.0, 0.0, 1.0, 1.0, 1.0])
    kept = weights > 0
    one = Spelling.of(n_grams(TEXTS), LABELS, weights)
    other = Spelling.of(n_grams(TEXTS)[kept.numpy()], LABELS[kept], weights[kept])
    torch.testing.assert_close(one.classes, other.classes)
    torch.testing.assert_close(one.rarity, other.rarity)


def test_an_adapted_classifier_spells(model):
    clf = FewShotClassifier(model).fit(TEXTS, list("aabbc")).adapt("memory")
    state = clf._state
    assert state.spelling.classes.shape == (COLUMNS, 3)
    clf._state = replace(state, given_shares=(0.0, 0.0, 0.0, 1.0))
    expected = torch.log_softmax(10 * state.spelling.cosines(n_grams(QUERIES)), -1)
    torch.testing.assert_close(clf._answer(QUERIES).log_probs, expected)
    assert clf.reset()._state.spelling is None


@pytest.mark.parametrize("include_texts", [True, False])
def test_it_is_saved(model, tmp_path, include_texts):
    clf = FewShotClassifier(model).fit(TEXTS, list("aabbc")).adapt("memory")
    clf._state = replace(clf._state, given_shares=(0.5, 0.2, 0.1, 0.3))
    clf.save_pretrained(tmp_path, include_texts=include_texts)
    loaded = FewShotClassifier.from_pretrained(tmp_path)
    assert loaded._state.shares == pytest.approx((0.5, 0.2, 0.1, 0.3))
    torch.testing.assert_close(loaded._state.spelling.classes, clf._state.spelling.classes)
    np.testing.assert_allclose(loaded.predict_proba(QUERIES), clf.predict_proba(QUERIES), atol=1e-5)


def test_without_texts_a_memory_is_adapted_by_its_vectors_alone(model, tmp_path):
    FewShotClassifier(model).fit(TEXTS, list("aabbc")).save_pretrained(tmp_path, include_texts=False)
    loaded = FewShotClassifier.from_pretrained(tmp_path).adapt("memory")
    assert loaded._state.spelling is None and loaded._state.shares[-1] == 0
    assert loaded.predict_proba(QUERIES).shape == (4, 3)


def test_what_was_left_out_tells_how_much_it_counts(minilm, intents):
    """Five examples of each of thirty intents: vote and spelling beside the keys are not worse than keys alone."""
    classes = intents.classes[:30]
    examples = [(text, label) for label in classes for text in intents.texts_of[label][:5]]
    texts, truth = zip(*((t, label) for label in classes for t in intents.texts_of[label][5:25]), strict=True)
    clf = FewShotClassifier(minilm).fit(*zip(*examples, strict=True)).adapt("memory")
    both = clf.score(texts, truth)
    clf._state = replace(clf._state, given_shares=(1.0, 0.0, 0.0, 0.0))
    assert both >= clf.score(texts, truth) - 0.01
