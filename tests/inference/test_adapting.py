import numpy as np
import pytest

from fewtext.inference.classifier import FewShotClassifier

TEXTS, LABELS = ["where is it", "not here yet", "money back", "a return"], ["track", "track", "refund", "refund"]


@pytest.fixture
def data(intents):
    pairs = [(text, label) for label in intents.classes[:4] for text in intents.texts_of[label][:3]]
    return [text for text, _ in pairs], [label for _, label in pairs]


def test_adapt_and_reset(model, data, tmp_path):
    clf = FewShotClassifier(model).fit(*data)
    before = clf.predict_proba(data[0])
    clf.adapt("memory")
    in_memory = clf.predict_proba(data[0])
    assert np.abs(in_memory - before).max() > 0.01
    np.testing.assert_allclose(
        FewShotClassifier(model, adaptation="memory").fit(*data).predict_proba(data[0]), in_memory, atol=1e-5
    )
    clf.adapt("encoder", rounds=2, learning_rate=1e-3)
    after = clf.predict_proba(data[0])
    assert np.abs(after - before).max() > 0.01 and clf.network is not model
    clf.save_pretrained(tmp_path / "bot")
    np.testing.assert_allclose(
        FewShotClassifier.from_pretrained(tmp_path / "bot").predict_proba(data[0]), after, atol=1e-5
    )
    clf.add(["something new"], "novelty")
    assert clf.network is not model
    clf.remove("novelty").reset()
    assert clf.network is model
    np.testing.assert_allclose(clf.predict_proba(data[0]), before, atol=1e-5)


def test_a_failure_leaves_the_classifier_as_it_was(model, data, monkeypatch):
    clf = FewShotClassifier(model).fit(*data)
    state = clf._state

    def out_of_memory(*args, **kwargs):
        raise RuntimeError("out of memory")

    monkeypatch.setattr("fewtext.inference.adaptation.encode_by_length", out_of_memory)
    with pytest.raises(RuntimeError):
        clf.adapt("encoder")
    assert clf._state is state and model.tokenizer is not None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"method": "magic"}, "method is 'magic'"),
        ({"rounds": 0}, "rounds is 0"),
        ({"episode_texts": 2}, "episode_texts is 2"),
        ({"learning_rate": 0}, "learning_rate is 0"),
    ],
)
def test_what_cannot_be_is_said(model, options, sentence):
    clf = FewShotClassifier(model).fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match=sentence):
        clf.adapt(**{"method": "encoder", **options})
    with pytest.raises(ValueError, match="knows only the class 'track'"):
        clf.remove("refund").adapt("encoder")
