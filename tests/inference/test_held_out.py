from dataclasses import replace

import numpy as np
import pytest
import torch

from fewtext.inference import held_out as module
from fewtext.inference.classifier import FewShotClassifier
from fewtext.inference.held_out import ROUNDS, fold_numbers
from fewtext.inference.memory import Memory
from fewtext.models.one_hot import OneHot


@pytest.mark.parametrize("adaptation", [None, "memory"])
@pytest.mark.parametrize("context", ["center", "lstm"])
def test_it_is_what_a_classifier_without_the_fold_answers(encoder_folder, intents, adaptation, context):
    from fewtext.models.modeling import MatchingNetwork

    torch.manual_seed(0)
    model = MatchingNetwork.from_encoder(encoder_folder, context=context, context_gate=0.3, context_size=8)
    pairs = [(text, label) for label in intents.classes[:4] for text in intents.texts_of[label][:3]]
    clf = FewShotClassifier(model, adaptation=adaptation).fit(*zip(*pairs, strict=True))
    held_out, support = clf._state.held_out, clf.support
    rounds = 1 if adaptation else ROUNDS
    assert held_out.log_probs.shape == (rounds, 12, 4) and held_out.correct.shape == (rounds, 12)
    folds = fold_numbers(held_out.labels.numpy().argmax(1), np.arange(12), 10, np.arange(12))
    assert sorted(folds) == [0] * 4 + [1] * 4 + [2] * 4
    for number in range(3):
        out = [i for i in range(12) if folds[i] == number]
        kept = [i for i in range(12) if folds[i] != number]
        less = FewShotClassifier(model, adaptation=adaptation)
        less.fit([support.texts[i] for i in kept], [support.labels[i] for i in kept])
        less._state = replace(
            less._state, given_shares=clf._state.shares if adaptation else None
        )  # else they would be those of fewer examples
        answers = less._answer([support.texts[i] for i in out])
        close = 2e-4 if adaptation is None else 2e-3
        torch.testing.assert_close(held_out.log_probs[0, out], answers.log_probs, rtol=0, atol=close)
        torch.testing.assert_close(held_out.familiarity[0, out], answers.familiarity, rtol=0, atol=10 * close)
    expected = held_out.log_probs.argmax(-1) == held_out.truth
    assert np.array_equal(held_out.correct, expected.numpy())


def test_one_example_a_class_leaves_the_names(model):
    texts, labels = ["where is it", "money back"], ["track order", "get refund"]
    assert FewShotClassifier(model).fit(texts, labels)._state.held_out.log_probs.shape == (1, 2, 2)
    assert FewShotClassifier(model, label_names=False).fit(texts, labels)._state.held_out is None


def test_an_adapted_memory_may_lose_a_class_too(model):
    clf = FewShotClassifier(model, label_names=False).fit(["where is it", "when", "money back"], ["a", "a", "b"])
    held_out = clf.adapt("memory")._state.held_out
    [row] = [i for i in range(3) if held_out.truth[i] == 1]
    torch.testing.assert_close(held_out.log_probs[0, row], torch.tensor([0.0, -torch.inf]))
    assert torch.isfinite(held_out.log_probs[0, [i for i in range(3) if i != row], 0]).all()
    assert clf.predict_proba(["where is it"]).min() > 0


def test_a_class_that_goes_with_its_only_example_is_impossible(model):
    texts, labels = ["where is it", "when", "money back"], ["a", "a", "b"]
    held_out = FewShotClassifier(model, label_names=False).fit(texts, labels)._state.held_out
    [row] = [i for i in range(3) if held_out.truth[i] == 1]
    assert (held_out.log_probs[:, row, 1] == -torch.inf).all() and not held_out.correct[:, row].any()


def test_rounds_draw_other_folds_and_the_order_of_the_examples_does_not_matter(minilm, intents):
    pairs = [(text, label) for label in intents.classes[:8] for text in intents.texts_of[label][:4]]
    held_out = FewShotClassifier(minilm).fit(*zip(*pairs, strict=True))._state.held_out
    assert not torch.equal(held_out.log_probs[0], held_out.log_probs[1])
    backwards = FewShotClassifier(minilm).fit(*zip(*pairs[::-1], strict=True))._state.held_out
    torch.testing.assert_close(held_out.log_probs, backwards.log_probs, rtol=0, atol=1e-4)


def test_the_accuracy_is_that_of_all_rounds(minilm, intents):
    pairs = [(text, label) for label in intents.classes[:8] for text in intents.texts_of[label][:4]]
    held_out = FewShotClassifier(minilm).fit(*zip(*pairs, strict=True))._state.held_out
    found = held_out.log_probs.argmax(-1) == held_out.truth
    assert held_out.accuracy.mean == pytest.approx(found.double().mean().item())
    share = (found.double().mean().item() * len(pairs) + 2) / (len(pairs) + 4)  # Agresti and Coull 1998
    assert held_out.accuracy.half_width == pytest.approx(1.959964 * (share * (1 - share) / (len(pairs) + 4)) ** 0.5)


def test_of_a_large_support_set_a_part_is_asked_and_answers_the_same(minilm, intents, monkeypatch):
    pairs = [(text, label) for label in intents.classes[:8] for text in intents.texts_of[label][:4]]
    clf = FewShotClassifier(minilm).fit(*zip(*pairs, strict=True))
    whole = clf._state.held_out
    assert whole.complete and clf._state.all_held_out is whole
    monkeypatch.setattr(module, "EXAMPLE_ANSWERS", 12 * len(pairs))
    clf = FewShotClassifier(minilm).fit(*zip(*pairs, strict=True))
    part, asked = clf._state.held_out, []
    assert part.log_probs.shape == (ROUNDS, 12, 8) and not part.complete
    for row in part.log_probs[0]:  # in the order of the support set
        [same] = [i for i in range(len(pairs)) if torch.allclose(whole.log_probs[0, i], row, atol=1e-5)]
        asked.append(same)
    assert asked == sorted(set(asked)) and torch.equal(part.truth, whole.truth[asked])
    assert clf._state.all_held_out.complete and clf._state.all_held_out.log_probs.shape == whole.log_probs.shape
    assert len(clf.diagnose().doubtful) == len(pairs) and clf.confidence.n == 12


def test_the_part_that_is_asked_is_like_the_whole(model):
    """Classes of one example, which only their names can answer, are no larger a share of it than of the whole."""
    n, n_rare = 4000, 100
    numbers = torch.cat([torch.arange(n - n_rare) % 4, 4 + torch.arange(n_rare)])
    torch.manual_seed(0)
    memory = Memory.build(model.matcher, torch.randn(n, 32), OneHot(numbers, 4 + n_rare), torch.ones(n))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "EXAMPLE_ANSWERS", 400 * n)
        part = module.leave_one_out(memory, np.arange(n), memory.examples)
    rare = (part.truth >= 4).double().mean().item()
    assert part.log_probs.shape[1] == 400 and rare == pytest.approx(n_rare / n, abs=0.02)


@pytest.mark.parametrize("adaptation", [None, "memory"])
def test_copies_of_an_example_do_not_answer_for_it(minilm, intents, adaptation):
    """Twice the same support set, as it is and in other letters and blanks, promises no more than once."""
    pairs = [(text, label) for label in intents.classes[:6] for text in intents.texts_of[label][:4]]
    pairs = [(text, intents.classes[(i + i % 2) % 6] if i % 3 else label) for i, (text, label) in enumerate(pairs)]
    once = FewShotClassifier(minilm, adaptation=adaptation).fit(*zip(*pairs, strict=True))
    copies = [(f" {text.upper()}  ", label) for text, label in pairs]
    with pytest.warns(UserWarning, match="more than once"):
        thrice = FewShotClassifier(minilm, adaptation=adaptation).fit(*zip(*pairs, *pairs, *copies, strict=True))
    expected, found = once.expected_accuracy, thrice.expected_accuracy
    assert found.mean == pytest.approx(expected.mean, abs=0.1) and expected.mean < 0.8
    assert found.half_width == pytest.approx(expected.half_width, abs=0.02)
    assert thrice.confidence.n == once.confidence.n == len(pairs)
    refused = sum(answer is None for answer in thrice.predict([text for text, _ in pairs], abstain="auto"))
    assert refused <= 0.2 * len(pairs)


@pytest.mark.filterwarnings("ignore:.*more than once", "ignore:.*matched by centering alone")
def test_of_a_large_support_set_no_example_is_asked_that_has_a_copy(minilm, intents):
    pairs = [(text, label) for label in intents.classes[:4] for text in intents.texts_of[label][:5]]
    clf = FewShotClassifier(minilm, large_size=10, search="exact").fit(*zip(*pairs, *pairs[:12], strict=True))
    assert clf.support.is_large and clf.confidence.n == len(pairs) - 12
    assert (
        FewShotClassifier(minilm, large_size=10, search="exact").fit(*zip(*pairs, *pairs, strict=True)).confidence.n
        == 0
    )
