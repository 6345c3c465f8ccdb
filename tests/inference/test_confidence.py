import numpy as np
import pytest
import torch

from fewtext.inference.classifier import FewShotClassifier
from fewtext.inference.confidence import Confidence, check_abstain
from fewtext.inference.held_out import HeldOut
from fewtext.inference.memory import Answers


def answers(scale, n=4000, n_way=5, seed=0):
    """Log-probabilities that are right as often as they say, then made too sure or too unsure by `scale`."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, n_way, generator=generator, dtype=torch.float64)
    truth = torch.multinomial(torch.softmax(logits, -1), 1, generator=generator)[:, 0]
    familiarity = 3 + 2 * torch.randn(n, generator=generator, dtype=torch.float64)
    labels = torch.nn.functional.one_hot(truth, n_way).double()
    return HeldOut(torch.log_softmax(scale * logits, -1)[None], familiarity[None], labels)


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_the_temperature_undoes_what_made_it_wrong(scale):
    fitted = Confidence.fit(answers(scale))
    assert fitted.temperature == pytest.approx(1 / scale, rel=0.08)
    assert fitted.calibration_error < 0.03
    if scale != 1.0:
        assert fitted.calibration_error_before > 2 * fitted.calibration_error


def test_the_share_of_known_texts_that_are_refused_is_as_promised():
    fitted = Confidence.fit(answers(1.0))
    fresh = answers(1.0, seed=1)
    for rule in ("membership", "confidence", "margin"):
        scores = fitted.scores(Answers(fresh.log_probs[0], fresh.familiarity[0]), rule)
        assert ((scores >= 0) & (scores <= 1)).all()
        assert (scores < fitted.threshold(rule, "auto")).mean() == pytest.approx(0.05, abs=0.015)


def test_unknown_texts_move_the_threshold_between_both():
    known = answers(1.0)
    strange = Answers(torch.full((500, 5), 0.2).log(), torch.linspace(-9, -6, 500).double())
    fitted = Confidence.fit(known, strange)
    inside = fitted.scores(Answers(known.log_probs[0], known.familiarity[0]), "membership")
    outside = fitted.scores(strange, "membership")
    cut = fitted.threshold("membership", "auto")
    assert outside.max() < cut <= inside.max() and (inside >= cut).mean() > 0.99


def test_scores_grow_with_what_they_measure():
    fitted = Confidence(familiarity_mean=1.0, familiarity_spread=2.0, n=20)
    scores = fitted.scores(Answers(torch.zeros(3, 2), torch.tensor([-5.0, 1.0, 4.0])), "membership")
    assert scores[0] < scores[1] == 0.5 < scores[2]
    probabilities = torch.tensor([[0.6, 0.3, 0.1], [0.4, 0.35, 0.25]])
    some = Answers(probabilities.log(), torch.zeros(2))
    np.testing.assert_allclose(fitted.scores(some, "confidence"), [0.6, 0.4], atol=1e-6)
    np.testing.assert_allclose(fitted.scores(some, "margin"), [0.3, 0.05], atol=1e-6)


def test_nothing_to_fit_on_never_refuses():
    fitted = Confidence.fit(None)
    assert (fitted.scores(Answers(torch.zeros(2, 2), torch.zeros(2)), "membership") == 1).all()
    assert fitted.threshold("membership", "auto") == 0


def test_the_threshold_of_several_labels_maximizes_f1():
    probabilities = torch.tensor([[0.5, 0.45, 0.05], [0.9, 0.05, 0.05], [0.4, 0.35, 0.25]])
    labels = torch.tensor([[1.0, 1, 0], [1, 0, 0], [1, 1, 0]])
    fitted = Confidence.fit(HeldOut(probabilities.log()[None], torch.randn(1, 3), labels), several=True)
    chosen = fitted.probabilities(probabilities.log()) >= fitted.multi_label_threshold - 1e-6
    assert np.array_equal(chosen, labels.numpy() > 0)


def test_values_come_back_from_json():
    fitted = Confidence.fit(answers(2.0, n=50))
    assert Confidence.from_json(fitted.to_json()) == fitted
    with pytest.raises(ValueError, match="not of this version"):
        Confidence.from_json({"temperature": 1})


@pytest.mark.parametrize("abstain", [-0.1, 1.1, "sometimes", True])
def test_thresholds_that_cannot_be_are_refused(abstain):
    with pytest.raises(ValueError, match="between 0 and 1"):
        check_abstain(abstain, "membership")
    with pytest.raises(ValueError, match="membership, confidence, margin"):
        check_abstain(None, "mood")


def test_none_of_these(minilm):
    texts = ["where is my parcel", "my order has not arrived", "track my package", "when will you deliver",
             "i want my money back", "how do i return this", "refund please", "send it back and pay me"]  # fmt: skip
    clf = FewShotClassifier(minilm).fit(texts, ["tracking"] * 4 + ["refund"] * 4)
    strange = "the mitochondria is the powerhouse of the cell"
    assert clf.predict(["has my parcel been shipped", strange], abstain="auto").tolist() == ["tracking", None]
    assert clf.predict([strange]).tolist() != [None]
    none, best = clf(strange, abstain="auto", top_k=2)
    assert none["label"] is None and 0.95 < none["score"] <= 1 and best["label"] in ("tracking", "refund")
    assert clf.predict([strange], abstain=0.0).tolist() != [None]
    clf.abstain = 1.0
    assert clf.predict(["where is my parcel"]).tolist() == [None]
    unknown = ["what is the weather", "who won the match", "tell me a joke"]
    taught = FewShotClassifier(minilm, abstain="auto").fit(texts, ["tracking"] * 4 + ["refund"] * 4, unknown=unknown)
    assert taught.predict(["will it rain", "any jokes?"]).tolist() == [None, None]
    assert taught.predict(["where is my parcel now"]).tolist() == ["tracking"]
