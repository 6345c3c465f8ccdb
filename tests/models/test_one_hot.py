"""Class numbers give what the table of labels gives."""

import pytest
import torch

from fewtext.inference.memory import Memory
from fewtext.models.attention import attention, class_scores, prototypes, vote
from fewtext.models.configuration import CLASS_VOTES, KERNELS
from fewtext.models.modeling import MatchingNetwork
from fewtext.models.one_hot import OneHot, class_sizes, classes_present, label_table, largest_share

LABELS = OneHot(torch.tensor([2, 0, 2, 1, 0]), 4)  # no example of the last class
WEIGHTS = torch.tensor([1.0, 0.5, 2.0, 0.0, 1.0])  # none that counts of the second


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_a_table_is_as_it_was_given():
    table = label_table(LABELS)
    assert table.argmax(1).tolist() == [2, 0, 2, 1, 0] and table.shape == LABELS.shape
    assert label_table(table) is table and torch.equal(largest_share(table), largest_share(LABELS))
    assert label_table(LABELS[torch.tensor([True, False, False, True, False])]).tolist() == [
        [0, 0, 1, 0],
        [0, 1, 0, 0],
    ]


@pytest.mark.parametrize("weights", [WEIGHTS, torch.ones(5)], ids=["weights", "ones"])
def test_sums_over_classes(weights):
    scores, support, table = torch.randn(3, 5), torch.randn(5, 6), label_table(LABELS)
    torch.testing.assert_close(class_scores(scores, LABELS, weights), class_scores(scores, table, weights))
    torch.testing.assert_close(prototypes(support, LABELS, weights), prototypes(support, table, weights))
    torch.testing.assert_close(class_sizes(LABELS, weights), class_sizes(table, weights))
    assert torch.equal(classes_present(LABELS, weights), classes_present(table, weights))
    log_probs = torch.log_softmax(torch.randn(3, 4), -1)
    torch.testing.assert_close(
        attention(scores, LABELS, weights, log_probs), attention(scores, table, weights, log_probs)
    )


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("class_vote", CLASS_VOTES)
def test_votes(kernel, class_vote):
    options = {"temperature": 3.0, "prototype_share": 0.7, "kernel": kernel, "class_vote": class_vote}
    query, support = torch.randn(3, 6), torch.randn(5, 6)
    expected = vote(query, support, label_table(LABELS), WEIGHTS, **options)
    torch.testing.assert_close(vote(query, support, LABELS, WEIGHTS, **options), expected)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("class_vote", CLASS_VOTES)
@pytest.mark.parametrize("context", ["none", "center", "lstm"])
def test_a_memory_answers_as_the_matcher_does(encoder_folder, kernel, class_vote, context):
    gates = {"context_gate": 0.3, "context_size": 8} if context == "lstm" else {}
    model = MatchingNetwork.from_encoder(
        encoder_folder, kernel=kernel, class_vote=class_vote, context=context, **gates
    )
    query, support, table = torch.randn(7, 32), torch.randn(5, 32), label_table(LABELS)[:, :3]
    weights = torch.tensor([1.0, 0.5, 2.0, 1.0, 1.0])
    memory = Memory.build(model.matcher, support, OneHot(LABELS.numbers, 3), weights)
    answers = memory.answer(query)
    with torch.no_grad():
        log_probs, shares = model.matcher.attend(query, support, table, weights)
        torch.testing.assert_close(answers.log_probs, log_probs)
        torch.testing.assert_close(memory.attention(query, log_probs), shares)
        torch.testing.assert_close(memory.represent(query), model.matcher.represent(query, support, table, weights))
        untrained = answers.familiarity
        torch.nn.init.normal_(model.matcher.membership.weight)
        expected = model.matcher.membership_logits(query, support, table, weights)
        torch.testing.assert_close(memory.answer(query).familiarity, expected, atol=1e-4, rtol=1e-4)
    from_table = Memory.build(model.matcher, support, table, weights)
    torch.nn.init.zeros_(model.matcher.membership.weight[:, :-1].data)
    torch.testing.assert_close(from_table.answer(query).familiarity, untrained)
