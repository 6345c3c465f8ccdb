from itertools import pairwise

import numpy as np
import pytest
import torch

from fewtext.inference.adaptation import EncoderAdaptation, _draw, _drop_tokens, _loss, adapt_encoder
from fewtext.inference.classifier import FewShotClassifier
from fewtext.inference.support import SupportSet
from fewtext.models.modeling import MatchingNetwork

TEXTS, LABELS = ["where is it", "not here yet", "money back", "a return"], ["track", "track", "refund", "refund"]


@pytest.fixture
def data(intents):
    pairs = [(text, label) for label in intents.classes[:4] for text in intents.texts_of[label][:3]]
    return [text for text, _ in pairs], [label for _, label in pairs]


def plain_loss(model, queries, examples, labels, smoothing=0.0):
    """In plain loops: each text asked of all the others, a share of the target being that of all classes."""
    loss = 0.0
    for i in range(len(queries)):
        others = [j for j in range(len(queries)) if j != i]
        log_probs = model.matcher(queries[[i]], examples[others], labels[others])
        loss -= (1 - smoothing) * log_probs[0, labels[i].argmax()] / len(queries)
        loss -= smoothing * sum(log_probs[0]) / len(log_probs[0]) / len(queries)
    return loss


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("context", ["none", "center", "lstm"])
def test_the_loss_is_that_of_each_text_asked_of_the_others(encoder_folder, context, smoothing):
    torch.manual_seed(0)
    model = MatchingNetwork.from_encoder(encoder_folder, context=context, context_gate=0.4, context_size=8)
    ids = [model.tokenizer(text)["input_ids"] for text in TEXTS]
    labels = torch.eye(2)[[0, 0, 1, 1]]
    with torch.no_grad():
        found = _loss(model, ids, ids, labels, 0, smoothing)
        vectors = model.embed(TEXTS)
        expected = plain_loss(model, vectors, vectors, labels, smoothing)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_texts_are_read_with_their_prompts(encoder_folder, monkeypatch):
    prompts = "where could this be: ", "a case: "
    model = MatchingNetwork.from_encoder(encoder_folder, query_prompt=prompts[0], support_prompt=prompts[1])
    read = []

    def loss(model, *read_now):
        read.append(read_now)
        return _loss(model, *read_now)

    monkeypatch.setattr("fewtext.inference.adaptation._loss", loss)
    support = SupportSet.create(TEXTS, LABELS)
    adapt_encoder(model, support, False, EncoderAdaptation(rounds=1, token_dropout=0.0))
    for ids, prompt in zip(read[0][:2], prompts, strict=True):
        prompted = {tuple(model.tokenizer(prompt + text)["input_ids"]) for text in TEXTS}
        assert set(map(tuple, ids)) == prompted
    with torch.no_grad():
        ids = [[model.tokenizer(prompt + text)["input_ids"] for text in TEXTS] for prompt in prompts]
        labels = torch.eye(2)[[0, 0, 1, 1]]
        expected = plain_loss(model, model.embed(TEXTS), model.embed(TEXTS, support=True), labels)
        torch.testing.assert_close(_loss(model, *ids, labels, 0), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("shot", "named", "smoothed"), [(9, False, 0.0), (9, True, 0.1), (10, False, 0.1)])
def test_labels_are_smoothed_where_classes_have_many_texts(model, intents, monkeypatch, shot, named, smoothed):
    rows = [(text, label) for label in intents.classes[:3] for text in intents.texts_of[label][:shot]]
    given = []

    def loss(*arguments):
        given.append(arguments[-1])
        return _loss(*arguments)

    monkeypatch.setattr("fewtext.inference.adaptation._loss", loss)
    support = SupportSet.create([text for text, _ in rows], [label for _, label in rows])
    adapt_encoder(model, support, named, EncoderAdaptation(rounds=1))
    assert set(given) == {smoothed}


def test_the_loss_falls_and_the_model_stays_as_it_was(model, data):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    support = SupportSet.create(*data)
    ids = [model.tokenizer(text)["input_ids"] for text in support.texts]
    labels = torch.eye(4)[[support.classes.index(label) for label in support.labels]]
    adapted = adapt_encoder(model, support, False, EncoderAdaptation(rounds=10, learning_rate=1e-3, token_dropout=0.0))
    with torch.no_grad():
        assert _loss(adapted, ids, ids, labels, 0) < 0.2 * _loss(model, ids, ids, labels, 0)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    frozen = adapted.encoder.embeddings.word_embeddings.weight
    assert torch.equal(frozen, model.encoder.embeddings.word_embeddings.weight)
    assert all(parameter.requires_grad for parameter in adapted.encoder.parameters())


def test_the_same_seed_gives_the_same_encoder(model, data):
    def weights(seed):
        settings = EncoderAdaptation(rounds=2, learning_rate=1e-3, seed=seed, episode_texts=8)
        return adapt_encoder(model, SupportSet.create(*data), False, settings).encoder.encoder.layer[1].state_dict()

    one, same, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(("sizes", "most"), [([3] * 10, 12), ([1, 5, 30], 16), ([200, 200], 50), ([2, 2], 132)])
def test_episodes_are_bounded_and_show_every_class(sizes, most):
    starts = np.cumsum([0, *sizes])
    groups = [np.arange(a, b) for a, b in pairwise(starts)]
    drawn = _draw(groups, most, np.random.default_rng(0))
    seen = set()
    for _ in range(40):
        rows = next(drawn)
        assert len(rows) == len(set(rows)) <= most
        classes = {next(c for c, group in enumerate(groups) if row in group) for row in rows}
        assert len(classes) >= 2
        seen |= classes
    assert seen == set(range(len(sizes)))


def test_many_classes_fill_an_episode_before_many_texts_of_each():
    groups = [np.arange(11 * c, 11 * c + 11) for c in range(77)]
    rows = next(_draw(groups, 132, np.random.default_rng(0)))
    assert np.unique(np.array(rows) // 11, return_counts=True)[1].tolist() == [6] * 22
    assert len(next(_draw(groups[:2], 132, np.random.default_rng(0)))) == 22  # all there are


def test_one_example_a_class_is_met_by_a_second_view(model):
    clf = FewShotClassifier(model, label_names=False).fit(TEXTS[1:3], LABELS[1:3])
    clf.adapt("encoder", rounds=1)
    assert clf.network is not model and clf.predict(TEXTS[1:3]).tolist() == LABELS[1:3]


@pytest.mark.parametrize("labels", [[["a"], ["a", "b"], ["b"], ["c"]], [{"a": 0.5, "b": 0.5}, "a", "b", "b"]])
def test_several_labels_and_distributions(model, labels):
    clf = FewShotClassifier(model).fit(TEXTS, labels).adapt("encoder", rounds=1)
    assert np.isfinite(clf.predict_proba(TEXTS)).all()


def test_a_share_of_the_tokens_is_left_out_but_no_special_one_and_never_all():
    random, text = np.random.default_rng(0), [2, *range(10, 110), 3]
    assert _drop_tokens(text, frozenset({2, 3}), 0.0, random) == text
    read = [_drop_tokens(text, frozenset({2, 3}), 0.25, random) for _ in range(50)]
    assert all(one[0] == 2 and one[-1] == 3 and one == [*sorted(one[:-1]), 3] and len(one) < 102 for one in read)
    assert np.mean([len(one) - 2 for one in read]) == pytest.approx(75, abs=2.5)
    assert all(len(_drop_tokens([2, 10, 3], frozenset({2, 3}), 0.9, random)) == 3 for _ in range(20))


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_that_cannot_be_is_refused(share):
    with pytest.raises(ValueError, match="a share from 0 to below 1"):
        EncoderAdaptation(token_dropout=share)
