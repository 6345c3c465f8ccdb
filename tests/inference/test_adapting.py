from dataclasses import replace

import numpy as np
import pytest
import torch

from fewtext.inference.classifier import FewShotClassifier
from fewtext.inference.stacking import KEYS_ALONE, LEARNED_SHARES
from fewtext.models.modeling import MatchingNetwork

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

    monkeypatch.setattr("fewtext.inference.adaptation.encode_for_training", out_of_memory)
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


def test_a_trained_encoder_is_not_judged_by_what_it_was_trained_on(model, data, tmp_path):
    texts, labels = data[0], [*data[1][1:], data[1][0]]  # one label in three is wrong
    clf = FewShotClassifier(model).fit(texts, labels)
    keyed = FewShotClassifier(model, adaptation="memory").fit(texts, labels)
    honest = keyed.diagnose()
    clf.adapt("encoder", rounds=20, learning_rate=3e-3)
    assert clf._state.model is not model and clf.predict(texts).tolist() == labels  # learned by heart
    report = clf.diagnose()
    before = clf._state.before  # mixes keys and vote as the answers do, on the encoder that has not learned
    assert before.model is model and report.accuracy == before.held_out.accuracy and report.accuracy.mean < 0.7
    assert report.before_learning and not honest.before_learning
    assert "before the encoder learned these examples" in str(report)
    assert clf.confidence == before.confidence
    assert "before the encoder was adapted to them" in str(clf.model_card("me/bot"))
    clf.save_pretrained(tmp_path / "bot")
    for change in (
        lambda bot: bot,
        lambda bot: bot.add(["something new"], labels[0]),
        lambda bot: bot.reset(),
        lambda bot: bot.remove(ids=bot.support.ids[:1]),
        lambda bot: bot.fit(texts, labels),
        lambda bot: bot.fit(["something new", "and this"], ["this", "that"]).add(texts[:1], labels[0]),
    ):
        again = change(FewShotClassifier.from_pretrained(tmp_path / "bot"))
        with pytest.raises(ValueError, match="the encoder was trained on these examples"):
            again.diagnose()
        assert again.expected_accuracy is None
    assert FewShotClassifier.from_pretrained(tmp_path / "bot").confidence == before.confidence
    others = FewShotClassifier.from_pretrained(tmp_path / "bot").fit(["one", "two", "three", "four"], [*"aabb"])
    assert not others.diagnose().before_learning  # the encoder has seen none of them
    tuned_twice = FewShotClassifier.from_pretrained(tmp_path / "bot").adapt("encoder", rounds=1)
    assert tuned_twice.reset().expected_accuracy is None
    smaller = FewShotClassifier(model).fit(TEXTS, LABELS).adapt("encoder", rounds=1).remove("refund")
    assert smaller.add(["a refund"], "refund").predict(["a refund"]).tolist() == ["refund"]  # one class in between
    clf.add(["something new"], labels[0])  # what is known from before is asked anew
    grown = (
        FewShotClassifier(model).fit([*texts, "something new"], [*labels, labels[0]])._state._keyed(as_learned=True)
    )
    assert clf.expected_accuracy == grown.held_out.accuracy and len(clf.diagnose().doubtful) == len(texts) + 1
    assert clf.confidence.temperature == pytest.approx(grown.confidence.temperature, abs=1e-3)
    assert not clf.reset().diagnose().before_learning
    with pytest.warns(UserWarning, match="confidence is fitted on what it knows"):
        FewShotClassifier.from_pretrained(tmp_path / "bot").adapt("memory")


def test_what_the_class_keys_knew_does_not_outlive_them(model, data, tmp_path):
    plain = FewShotClassifier(model).fit(*data)
    expected = plain.confidence
    keyed = FewShotClassifier(model, adaptation="memory").fit(*data)
    assert keyed.confidence != expected
    keyed.save_pretrained(tmp_path / "bot")
    again = FewShotClassifier.from_pretrained(tmp_path / "bot")
    assert again.confidence == keyed.confidence
    for name in ("temperature", "familiarity_mean", "familiarity_spread"):
        assert getattr(again.reset().confidence, name) == pytest.approx(getattr(expected, name), abs=1e-4)
    accuracy = keyed.expected_accuracy
    assert keyed.adapt("encoder", rounds=1).expected_accuracy == accuracy


def test_texts_of_no_class_stay_through_every_change(minilm, tmp_path):
    clf = FewShotClassifier(minilm).fit(TEXTS, LABELS, unknown=["what is the weather", "tell me a joke"])
    thresholds = clf.confidence.thresholds
    clf.add(["has it been sent"], "track")
    clf.save_pretrained(tmp_path / "bot")
    again = FewShotClassifier.from_pretrained(tmp_path / "bot")
    removed = again.remove(ids=[again.support.ids[again.support.texts.index("has it been sent")]])
    assert removed.confidence.thresholds == pytest.approx(thresholds, abs=1e-4)
    assert removed.adapt("memory").support.unknown == ("what is the weather", "tell me a joke")
    assert FewShotClassifier(minilm).fit(TEXTS, LABELS).confidence.thresholds != pytest.approx(thresholds, abs=1e-3)


def test_the_shares_are_fixed_while_the_encoder_has_learned_examples_that_are_there(model, tmp_path):
    def shares(clf):
        return pytest.approx(clf._state.memory.shares)

    clf = FewShotClassifier(model).fit(TEXTS, LABELS)
    assert shares(clf) == KEYS_ALONE
    told = clf.adapt("memory")._state.shares
    assert told != KEYS_ALONE and told[0] > 0
    assert shares(clf.adapt("encoder", rounds=1)) == LEARNED_SHARES
    assert clf._state.before.shares == LEARNED_SHARES and clf._state.before.is_adapted  # confidence is of its scale
    assert shares(clf.add(["hello", "good day"], "greet")) == LEARNED_SHARES
    clf.save_pretrained(tmp_path / "bot")
    again = FewShotClassifier.from_pretrained(tmp_path / "bot")
    assert shares(again) == LEARNED_SHARES and again._state.is_adapted
    np.testing.assert_allclose(
        again.predict_proba(["hello", "where"]), clf.predict_proba(["hello", "where"]), atol=1e-5
    )
    again.fit(["one", "two", "three", "four"], [*"aabb"])
    assert shares(again) == KEYS_ALONE


def test_what_confidence_was_saved_outlives_another_adaptation(model, data, tmp_path):
    clf = FewShotClassifier(model).fit(*data).adapt("encoder", rounds=1)
    clf.save_pretrained(tmp_path / "bot")
    for change in (
        lambda bot: bot.adapt("encoder", rounds=1).adapt("encoder", rounds=1),
        lambda bot: bot.adapt("encoder", rounds=1).reset(),
        lambda bot: bot.reset(),
    ):
        assert change(FewShotClassifier.from_pretrained(tmp_path / "bot")).confidence == clf.confidence


def test_several_labels_in_half_precision(encoder_folder):
    model = MatchingNetwork.from_encoder(encoder_folder).to(torch.bfloat16)
    clf = FewShotClassifier(model).fit(TEXTS, [["t", "r"], ["t"], ["r"], ["r"]])
    assert clf.predict_proba(["hello"]).shape == (1, 2) and np.isfinite(clf.predict_proba(["hello"])).all()
    assert clf.explain("hello").evidence


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("labels", [LABELS, [["t", "r"], ["t"], ["r"], ["r"]], ["t", "t", "t", "r"]])
def test_a_memory_in_half_precision_is_adapted(encoder_folder, kind, labels):
    model = MatchingNetwork.from_encoder(encoder_folder).to(kind)
    clf = FewShotClassifier(model, label_names=False).fit(TEXTS, labels).adapt("memory")
    assert not clf._state.held_out.log_probs.isnan().any() and np.isfinite(clf.confidence.thresholds).all()
    assert np.isfinite(clf.predict_proba(["hello"])).all()


def test_names_that_weigh_nothing_leave_nothing_to_be_asked(encoder_folder):
    model = MatchingNetwork.from_encoder(encoder_folder, name_weight=0.0)
    clf = FewShotClassifier(model, label_names=True).fit(["where is it", "money back"], ["track", "refund"])
    assert clf.adapt("memory")._state.held_out is None and clf.expected_accuracy is None


def test_what_was_adapted_before_it_grew_large_is_loaded_as_it_was(model, intents, tmp_path):
    texts, labels = intents.texts[::7], intents.labels[::7]
    clf = FewShotClassifier(model, large_size=30).fit(texts[:20], labels[:20]).adapt("memory")
    clf.add(texts[20:], "something else").save_pretrained(tmp_path)
    loaded = FewShotClassifier.from_pretrained(tmp_path)
    assert loaded._state.is_adapted and not loaded.support.is_large
    np.testing.assert_allclose(loaded.predict_proba(texts), clf.predict_proba(texts), atol=1e-4)


def test_the_fingerprint_tells_the_shares(model):
    clf = FewShotClassifier(model).fit(TEXTS, LABELS).adapt("memory")
    told = clf.fingerprint
    clf._state = replace(clf._state, given_shares=(0.5, 0.5, 0.0, 0.0), stored=clf.confidence)
    assert clf.fingerprint != told


def test_without_texts_an_adapted_classifier_says_what_it_cannot_tell(model, tmp_path):
    clf = FewShotClassifier(model).fit(TEXTS, LABELS).adapt("memory")
    clf._state = replace(clf._state, given_shares=(0.8, 0.0, 0.0, 0.2))
    clf.save_pretrained(tmp_path, include_texts=False)
    loaded = FewShotClassifier.from_pretrained(tmp_path)
    np.testing.assert_allclose(loaded.predict_proba(TEXTS), clf.predict_proba(TEXTS), atol=1e-5)
    with pytest.raises(ValueError, match="saved without its texts"):
        loaded.diagnose()
    with pytest.warns(UserWarning, match="spelling counts no more"):
        loaded.add(["one more"], LABELS[0])
    assert loaded._state.spelling is None and loaded.expected_accuracy is not None
