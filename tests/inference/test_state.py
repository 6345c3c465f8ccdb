import warnings

import pytest
import torch

from fewtext.inference.classifier import FewShotClassifier
from fewtext.inference.support import SupportSet
from fewtext.models.modeling import MatchingNetwork

TEXTS, LABELS = ["where is it", "not here yet", "money back", "a return"], ["track", "track", "refund", "refund"]


def test_repeated_and_contradictory_texts_are_warned_about(model):
    with pytest.warns(UserWarning, match=r"1 text\(s\) stand under several labels, such as 'where is it' under"):
        FewShotClassifier(model).fit([*TEXTS, "where is it"], [*LABELS, "refund"])
    with pytest.warns(UserWarning, match=r"1 text\(s\) are there more than once under one label"):
        clf = FewShotClassifier(model).fit([*TEXTS, "where is it"], [*LABELS, "track"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.add(["something else"], "track")  # what was warned about is not said again
    with pytest.warns(UserWarning, match="more than once"):
        clf.add(["something else"], "track")


def test_a_class_that_nothing_stands_for_is_an_error(model):
    support = SupportSet.create(TEXTS, LABELS, names={"other": "other things"})
    with pytest.raises(ValueError, match="the class 'other' has neither an example nor a description"):
        FewShotClassifier(model, label_names=False).fit(support)
    assert FewShotClassifier(model).fit(support).classes_.tolist() == ["other", "refund", "track"]


def test_separate_encoders_adapt_on_queries(encoder_folder):
    torch.manual_seed(0)
    model = MatchingNetwork.from_encoder(encoder_folder, separate_encoders=True)
    with torch.no_grad():
        for parameter in model.support_encoder.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    clf = FewShotClassifier(model, adaptation="memory").fit(TEXTS, LABELS)
    assert clf.predict(TEXTS).tolist() == LABELS
    torch.testing.assert_close(clf._state.queries[:4], model.embed(list(clf.support.texts)))


def test_an_example_that_is_left_out_is_asked_with_the_prompt_of_queries(encoder_folder):
    model = MatchingNetwork.from_encoder(encoder_folder, query_prompt="where could this be: ", context="none")
    large = FewShotClassifier(model, label_names=False, large_size=1, search="exact", precision="float32")
    large.fit(TEXTS, LABELS)
    texts, classes = large.support.texts, large.support.classes
    for row, found in enumerate(large._state.held_out.log_probs[0]):
        others = [i for i in range(4) if i != row]
        examples = model.embed([texts[i] for i in others], support=True)
        labels = torch.eye(2)[[classes.index(large.support.labels[i]) for i in others]]
        expected = model.matcher(model.embed([texts[row]]), examples, labels)[0].detach()
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    small = FewShotClassifier(model, adaptation="memory").fit(TEXTS, LABELS)
    torch.testing.assert_close(small._state.queries[:4], model.embed(list(small.support.texts)))


def test_what_is_known_is_not_encoded_again(model, encoded):
    clf = FewShotClassifier(model).fit(TEXTS, LABELS)
    assert sorted(encoded) == sorted([*TEXTS, "track", "refund"])
    encoded.clear()
    clf.rename("refund", "returns").describe("weather", "rain and sun").update(clf.support.ids[0], label="returns")
    assert sorted(encoded) == ["rain and sun", "returns", "weather"]


def test_names_count_where_they_are_words(model):
    def named(labels, label_names):
        return FewShotClassifier(model, label_names=label_names).fit(TEXTS, labels)._state.named

    assert named(LABELS, "auto") and not named([1, 1, 2, 2], "auto")
    assert named([1, 1, 2, 2], True) and not named(LABELS, False)


@pytest.mark.parametrize("large_size", [50_000, 1])
def test_without_texts_separate_encoders_keep_their_confidence_through_a_change(encoder_folder, tmp_path, large_size):
    torch.manual_seed(0)
    model = MatchingNetwork.from_encoder(encoder_folder, separate_encoders=True, context="none")
    clf = FewShotClassifier(model, large_size=large_size, search="exact").fit(TEXTS, LABELS)
    clf.save_pretrained(tmp_path, include_texts=False)
    again = FewShotClassifier.from_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="confidence stays that of before"):
        again.add(["is it raining", "and tomorrow"], "weather").remove("refund")
    assert again.confidence == clf.confidence
    assert again.predict_proba(TEXTS).shape == (4, 2)
    again.fit(TEXTS, LABELS)
    assert again.confidence.temperature == pytest.approx(clf.confidence.temperature, rel=1e-4)
