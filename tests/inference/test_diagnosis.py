import numpy as np
import pytest
from sklearn.metrics import classification_report

from fewtext.inference.classifier import FewShotClassifier
from fewtext.inference.confidence import Confidence


@pytest.fixture(scope="module")
def data(intents):
    labels = intents.classes[:6]
    pairs = [(text, label) for label in labels for text in intents.texts_of[label][:6]]
    return [text for text, _ in pairs], [label for _, label in pairs]


@pytest.fixture(scope="module")
def clf(minilm, data):
    return FewShotClassifier(minilm).fit(*data)


def test_figures_are_those_of_left_out_examples(clf):
    report, held_out = clf.diagnose(), clf._state.held_out
    mean_answer = clf.confidence.probabilities(held_out.log_probs).mean(0)  # over the rounds
    predicted, truth = mean_answer.argmax(1), held_out.truth.numpy()
    assert report.accuracy == held_out.accuracy
    assert report.accuracy.mean == pytest.approx((predicted == truth).mean(), abs=0.1)
    peer = classification_report(truth, predicted, output_dict=True, zero_division=0.0)
    for number, item in enumerate(report.classes):
        assert item.precision == pytest.approx(peer[str(number)]["precision"])
        assert item.recall == pytest.approx(peer[str(number)]["recall"])
        assert item.f1 == pytest.approx(peer[str(number)]["f1-score"])
    assert report.confusion.sum() == 36 and report.confusion.trace() == (predicted == truth).sum()
    np.testing.assert_allclose(report.attention.sum(1), 1, atol=1e-5)
    for pair in report.confused:
        i, j = (clf.classes_.tolist().index(label) for label in (pair.one, pair.other))
        assert pair.count == report.confusion[i, j] + report.confusion[j, i]
        assert pair.share == pytest.approx(pair.count / 12)
    assert isinstance(clf.confidence, Confidence) and report.calibration_error == clf.confidence.calibration_error


def test_wrong_labels_come_first(minilm, data):
    texts, labels = list(data[0]), list(data[1])
    wrong = {texts[1]: labels[-1], texts[20]: labels[0]}
    flipped = [wrong.get(text, label) for text, label in zip(texts, labels, strict=True)]
    report = FewShotClassifier(minilm).fit(texts, flipped).diagnose()
    assert {item.text for item in report.doubtful[:2]} == set(wrong)
    assert {item.suggested for item in report.doubtful[:2]} == {labels[1], labels[20]}
    assert len(report.doubtful) == 36 and {item.text for item in report.suspects} >= set(wrong)


def test_redundant_examples_and_classes_in_need(minilm, data):
    texts, labels = data
    clf = FewShotClassifier(minilm).fit([*texts, texts[0].upper(), "utterly alone"], [*labels, labels[0], "zebra"])
    report = clf.diagnose()
    assert {report.redundant[0].text, report.redundant[0].like_text} == {texts[0], texts[0].upper()}
    assert report.redundant[0].cosine > 0.9 and report.redundant[0].label == labels[0]
    assert ("zebra", "has one example") in [(item.label, item.need) for item in report.needs]


def test_what_to_label_next_is_strange_and_not_all_the_same(clf, data):
    strange = ["the mitochondria is the powerhouse of the cell", "the mitochondria is a powerhouse of cells"]
    report = clf.diagnose([*data[0][:10], *strange], n_next=2)
    chosen = [item.text for item in report.next_texts]
    assert len(chosen) == 2 and len(set(chosen) & set(strange)) == 1
    assert chosen[0] in strange and report.next_texts[0].reason == "fits no class"
    assert clf.diagnose().next_texts == ()
    with pytest.raises(TypeError, match="pool, row 1 is None"):
        clf.diagnose(["a", None])


def test_one_example_a_class_without_names_cannot_be_diagnosed(minilm):
    clf = FewShotClassifier(minilm, label_names=False).fit(["a dog", "a cat"], ["dogs", "cats"])
    with pytest.raises(ValueError, match="add a second example"):
        clf.diagnose()


def test_of_several_labels_each_counts(minilm):
    texts = ["the battery dies fast", "screen is blurry and battery is weak", "love the bright screen"]
    texts += ["battery lasts for days", "shipping was slow", "slow shipping but great screen"]
    labels = [["battery"], ["screen", "battery"], ["screen"], ["battery"], ["shipping"], ["shipping", "screen"]]
    clf = FewShotClassifier(minilm).fit(texts, labels)
    report, held_out, confidence = clf.diagnose(), clf._state.held_out, clf.confidence
    assert [(item.label, item.examples) for item in report.classes] == [("battery", 3), ("screen", 3), ("shipping", 2)]
    probabilities = confidence.probabilities(held_out.log_probs).mean(0)
    named, truth = probabilities >= confidence.multi_label_threshold, held_out.labels.numpy() > 0
    peer = classification_report(truth, named, output_dict=True, zero_division=0.0)
    for number, item in enumerate(report.classes):
        assert (item.precision, item.recall) == (peer[str(number)]["precision"], peer[str(number)]["recall"])
    best = probabilities.argmax(1)
    assert report.confusion.trace() == truth[np.arange(6), best].sum()  # any label of its own is right
    assert "best class is one of them" in str(report)
