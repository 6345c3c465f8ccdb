from dataclasses import replace

import pytest
import torch

from fewtext.inference.memory import Memory
from fewtext.models.modeling import MatchingNetwork


@pytest.fixture
def memory(model):
    torch.manual_seed(1)
    return Memory.build(model.matcher, torch.randn(9, 32), torch.eye(3).repeat(3, 1), torch.ones(9))


def test_answers_are_those_of_the_matcher_whatever_the_block(memory, model, monkeypatch):
    queries = torch.randn(7, 32)
    with torch.no_grad():
        expected = model.matcher(queries, memory.examples, memory.labels, memory.weights)
    answers = memory.answer(queries)
    torch.testing.assert_close(answers.log_probs, expected)
    monkeypatch.setattr("fewtext.models.matching.SCORES", 18)  # two queries of nine examples
    again = memory.answer(queries)
    torch.testing.assert_close(again.log_probs, expected)
    torch.testing.assert_close(again.familiarity, answers.familiarity)
    assert memory.answer(queries[:0]).log_probs.shape == (0, 3)


def test_an_example_is_more_familiar_than_anything_else(memory):
    near, far = memory.answer(memory.examples).familiarity, memory.answer(torch.randn(50, 32)).familiarity
    assert near.min() > far.max()


def test_an_adapted_memory_knows_its_examples(memory):
    adapted = memory.adapted(memory.examples)
    assert memory.keys is None and adapted.keys.vectors.shape == (3, 32)
    assert adapted.answer(memory.examples).log_probs.argmax(1).tolist() == [0, 1, 2] * 3
    torch.testing.assert_close(adapted.answer(memory.examples).log_probs.exp().sum(1), torch.ones(9))


def test_keys_vote_prototypes_and_spelling_count_by_their_shares_whatever_the_block(memory, monkeypatch):
    keyed, queries, spelled = memory.adapted(memory.examples), torch.randn(5, 32), torch.rand(5, 3)
    f = torch.nn.functional.normalize(keyed._query_in_context(queries), dim=-1)
    logits = keyed.keys.logits(f)
    torch.testing.assert_close(keyed.answer(queries, spelled).log_probs, torch.log_softmax(logits, -1))
    likeness = f @ torch.nn.functional.normalize(memory.in_context, dim=-1).T
    vote = torch.softmax(memory.matcher.temperature * likeness, -1) @ memory.labels  # equation 1, summed by class
    means = memory.labels.T @ torch.nn.functional.normalize(memory.in_context, dim=-1)
    prototypes = f @ torch.nn.functional.normalize(means, dim=-1).T
    expected = logits / 2 + 0.7 * 10 / memory.matcher.temperature * vote.log() + 0.2 * 10 * prototypes + 3 * spelled
    monkeypatch.setattr("fewtext.models.matching.SCORES", 18)  # two queries of nine examples
    found = replace(keyed, shares=(0.5, 0.7, 0.2, 0.3)).answer(queries, spelled)
    torch.testing.assert_close(found.log_probs, torch.log_softmax(expected, -1))
    torch.testing.assert_close(found.familiarity, keyed.answer(queries).familiarity)


def test_attention_adds_up_to_the_answer(memory):
    for one in (memory, memory.adapted(memory.examples)):
        queries = torch.randn(4, 32)
        log_probs = one.answer(queries).log_probs
        torch.testing.assert_close(one.attention(queries, log_probs) @ one.labels, log_probs.exp())


def test_h_is_the_sum_of_what_was_attended_to(memory, model):
    queries = torch.randn(4, 32)
    with torch.no_grad():
        expected = model.matcher.represent(queries, memory.examples, memory.labels, memory.weights)
    torch.testing.assert_close(memory.represent(queries), expected)


def test_a_trained_membership_head_is_used(encoder_folder):
    model = MatchingNetwork.from_encoder(encoder_folder)
    support, labels, queries = torch.randn(4, 32), torch.eye(2).repeat(2, 1), torch.randn(3, 32)
    assert not model.matcher.membership_is_trained
    torch.nn.init.normal_(model.matcher.membership.weight)
    memory = Memory.build(model.matcher, support, labels, torch.ones(4))
    with torch.no_grad():
        expected = model.matcher.membership_logits(queries, support, labels)
    torch.testing.assert_close(memory.answer(queries).familiarity, expected)
