"""Answers of a large support set, against the memory of a small one and plain loops."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from scipy.stats import norm

from fewtext.inference import large_memory as module
from fewtext.inference.classifier import FewShotClassifier
from fewtext.inference.large_memory import LargeMemory
from fewtext.models.modeling import MatchingNetwork

SEARCHES = ["exact", pytest.param("index", marks=pytest.mark.skipif(find_spec("faiss") is None, reason="extra faiss"))]


@pytest.fixture
def data(intents):
    chosen = intents.classes[:8]
    pairs = [(text, label) for label in chosen for text in intents.texts_of[label]]
    return [text for text, _ in pairs], [label for _, label in pairs]


@pytest.fixture
def queries(intents):
    return [intents.texts_of[label][0] for label in intents.classes[:20]]


def classifiers(encoder_folder, data, search, precision="float32", **settings):
    model = MatchingNetwork.from_encoder(encoder_folder, **settings)
    small = FewShotClassifier(model).fit(*data)
    return small, FewShotClassifier(model, large_size=1, search=search, precision=precision).fit(*data)


@pytest.mark.parametrize("class_vote", ["sum", "mean", "prototype", "mixed"])
@pytest.mark.parametrize("context", ["none", "center"])
def test_all_examples_in_blocks_give_the_vote(encoder_folder, data, queries, class_vote, context, monkeypatch):
    monkeypatch.setattr("fewtext.inference.large_memory.BLOCK", 50)
    monkeypatch.setattr("fewtext.inference.large_memory.NEAREST", 1000)
    small, large = classifiers(encoder_folder, data, "exact", class_vote=class_vote, context=context)
    vectors = small.network.embed(queries)
    expected, found = small.memory.answer(vectors), large.memory.answer(vectors)
    torch.testing.assert_close(found.log_probs, expected.log_probs, atol=2e-4, rtol=1e-5)
    torch.testing.assert_close(found.familiarity, expected.familiarity, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(large.memory.represent(vectors), small.memory.represent(vectors), atol=1e-4, rtol=1e-4)


@pytest.mark.skipif(find_spec("faiss") is None, reason="extra faiss")
def test_the_nearest_and_the_means_of_the_others_come_near_the_vote(encoder_folder, data, queries, monkeypatch):
    monkeypatch.setattr("fewtext.inference.large_memory.NEAREST", 30)
    monkeypatch.setattr("fewtext.inference.index.LISTS_READ", 100)
    small, large = classifiers(encoder_folder, data, "index")
    vectors = small.network.embed(queries)
    expected, found = small.memory.answer(vectors).log_probs, large.memory.answer(vectors).log_probs
    assert (found.argmax(-1) == expected.argmax(-1)).float().mean() >= 0.95
    assert (found.exp() - expected.exp()).abs().max() < 0.1
    torch.testing.assert_close(large.memory.exact().answer(vectors).log_probs, expected, atol=2e-4, rtol=1e-5)


def test_what_is_not_among_the_nearest_counts_by_mean_and_variance(encoder_folder, data, monkeypatch):
    monkeypatch.setattr("fewtext.inference.large_memory.NEAREST", 5)
    _, large = classifiers(encoder_folder, data, "exact", context="none")
    memory = large.memory
    f = memory.directions(large.network.embed(["where is my card"]))
    found = memory.found(f)
    near, numbers = found.scores[:, :5], found.numbers[:, :5]
    counts, totals = memory._counts[None], f @ memory.sums.T
    sums = memory._completed(f, near, memory.numbers[numbers], memory._term(near), counts, totals)[0]
    tau = memory.matcher.temperature.item()
    g = torch.cat([directions for _, directions in memory.blocks()])
    means = torch.stack([g[memory.numbers == c].mean(0) for c in range(len(memory.classes))])
    covariance = sum(torch.outer(one, one) for one in g - means[memory.numbers]) / len(g)
    widths = [1 - mean.square().sum().item() for mean in means]
    for c in range(len(memory.classes)):  # in plain loops
        own = [i for i in range(len(g)) if int(memory.numbers[i]) == c]
        there = [i for i in own if i in numbers[0].tolist()]
        rest = [float(f[0] @ g[i]) for i in own if i not in there]
        expected = sum(np.exp(tau * (float(f[0] @ g[i]) - 1)) for i in there)
        variance = (f[0] @ covariance @ f[0]).item() * widths[c] / np.average(widths, weights=counts[0])
        cosines = norm(np.mean(rest), variance**0.5)  # cut off above the fifth nearest
        below = cosines.expect(lambda s: np.exp(tau * (s - 1)), ub=near[0, -1].item(), conditional=True)
        expected += len(rest) * below
        assert sums[c].item() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("search", SEARCHES)
def test_an_example_is_left_out_of_its_own_answer(encoder_folder, data, search, monkeypatch):
    monkeypatch.setattr("fewtext.inference.index.LISTS_READ", 100)
    monkeypatch.setattr("fewtext.inference.large_memory.NEAREST", 1000)
    _, large = classifiers(encoder_folder, data, search, context="none")
    [row] = large.support.rows_of_ids([large.support.ids[3]])
    less = large.support.remove_ids([large.support.ids[row]])
    without = FewShotClassifier(large.model, large_size=1, search=search, precision="float32")
    without.fit(list(less.texts), less.labels)
    query = large.network.embed([large.support.texts[row]])
    expected = without.memory.answer(query)
    found = large.memory.answer(query, np.array([row]))
    torch.testing.assert_close(found.log_probs, expected.log_probs, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(found.familiarity, expected.familiarity, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("search", SEARCHES)
def test_evidence_names_the_nearest(encoder_folder, data, search, monkeypatch):
    monkeypatch.setattr("fewtext.inference.index.LISTS_READ", 100)
    small, large = classifiers(encoder_folder, data, search, context="none")
    text = data[0][5]
    expected, found = small.explain(text, top_k=4), large.explain(text, top_k=4)
    assert [e.text for e in found.evidence] == [e.text for e in expected.evidence]
    assert found.evidence[0].text == text and found.evidence[0].id in large.support.ids
    assert large.explain([]) == small.explain([]) == []
    every = large.explain(text)
    assert sum(e.attention for e in every.evidence) <= 1 + 1e-5


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_precision_costs_little(encoder_folder, data, queries, precision):
    small, large = classifiers(encoder_folder, data, "exact", precision)
    vectors = small.network.embed(queries)
    apart = (large.memory.answer(vectors).log_probs.exp() - small.memory.answer(vectors).log_probs.exp()).abs().max()
    assert apart < {"float16": 0.005, "int8": 0.05}[precision]


def test_half_of_the_examples_away_are_as_if_they_had_never_come(encoder_folder, data, queries):
    _, large = classifiers(encoder_folder, data, "exact", context="none")
    memory = large.memory
    kept = np.arange(0, len(large.support), 2)
    less = large.support._rows(kept)
    again = FewShotClassifier(large.model, large_size=1, search="exact", precision="float32").fit(
        list(less.texts), less.labels
    )
    sums = torch.zeros_like(memory.sums)
    half = replace(memory, vectors=less.vectors)
    for numbers, directions in half.blocks():
        sums.index_add_(0, memory.numbers[torch.from_numpy(numbers)], directions)
    vectors = large.network.embed(queries)
    found = replace(half, sums=sums).answer(vectors).log_probs
    torch.testing.assert_close(found, again.memory.answer(vectors).log_probs, atol=1e-3, rtol=1e-4)


def test_reading_all_takes_bounded_tables(encoder_folder, data, queries, monkeypatch):
    _, large = classifiers(encoder_folder, data, "exact")
    vectors = large.network.embed(queries)
    expected = large.memory.answer(vectors).log_probs
    monkeypatch.setattr(module, "NEAREST", 10)
    monkeypatch.setattr(module, "SCORES", 600)
    sizes = []
    terms = LargeMemory._term
    monkeypatch.setattr(LargeMemory, "_term", lambda self, scores: sizes.append(scores.numel()) or terms(self, scores))
    torch.testing.assert_close(large.memory.answer(vectors).log_probs, expected)
    assert max(sizes) <= 600 and len(sizes) > 10
