import numpy as np
import pytest
import torch

from fewtext.inference.classifier import FewShotClassifier
from fewtext.models.one_hot import label_table

TEXTS, LABELS = ["where is it", "not here yet", "money back", "a return"], ["track", "track", "refund", "refund"]


@pytest.fixture
def clf(model):
    return FewShotClassifier(model).fit(TEXTS, LABELS)


def test_h_is_that_of_the_matcher(clf, model):
    memory = clf._state.memory
    with torch.no_grad():
        vectors = model.embed(["hello", "where"])
        expected = model.matcher.represent(vectors, memory.examples, label_table(memory.labels), memory.weights)
    np.testing.assert_allclose(clf.represent(["hello", "where"]), expected.numpy(), atol=1e-6)


def test_similarity_is_symmetric_and_greatest_of_a_text_with_itself(clf):
    texts = ["hello there", "where is my thing", "a return please"]
    cosine = clf.similarity(texts, texts)
    np.testing.assert_allclose(cosine, cosine.T, atol=1e-5)
    np.testing.assert_allclose(np.diag(cosine), 1, atol=1e-5)
    distance = clf.similarity(texts, texts, measure="euclidean")
    np.testing.assert_allclose(np.diag(distance), 0, atol=1e-3)
    h = clf.represent(texts)
    assert -distance[0, 1] == pytest.approx(np.linalg.norm(h[0] - h[1]), abs=1e-4)
    assert clf.similarity(texts, []).shape == (3, 0)


def test_ranking_sorts_the_candidates(clf):
    candidates = ["money back", "where is it", "good day"]
    ranked = clf.rank("where is it", candidates)
    assert ranked[0]["text"] == "where is it" and ranked[0]["score"] == pytest.approx(1, abs=1e-5)
    assert [item["text"] for item in ranked] == [candidates[item["index"]] for item in ranked]
    assert [item["score"] for item in ranked] == sorted((item["score"] for item in ranked), reverse=True)
    assert clf.rank("where is it", candidates, top_k=1, measure="euclidean") == [
        ranked[0] | {"score": pytest.approx(0, abs=1e-3)}
    ]


def test_what_cannot_be_compared_is_said(clf, model):
    with pytest.raises(ValueError, match="measure is 'taxi'"):
        clf.similarity(["a"], ["b"], measure="taxi")
    with pytest.raises(TypeError, match="candidates is a single string"):
        clf.rank("a", "b")
    with pytest.raises(ValueError, match="top_k is 0"):
        clf.rank("a", ["b"], top_k=0)
    with pytest.raises(ValueError, match="no examples yet"):
        FewShotClassifier(model).represent(["a"])
