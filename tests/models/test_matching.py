"""Matching on embeddings."""

import pytest
import torch
from tiny import bert_config

from fewtext.models.configuration import CONTEXTS, MatchingNetworkConfig
from fewtext.models.matching import Matcher
from fewtext.models.modeling import MatchingNetwork


@pytest.mark.parametrize("context", CONTEXTS)
def test_one_support_set_equals_an_episode_of_a_batch(context):
    torch.manual_seed(0)
    config = MatchingNetworkConfig(encoder=bert_config(50).to_dict(), context=context, context_gate=0.5)
    matcher = Matcher(config)
    query, support, labels = torch.randn(2, 3, 32), torch.randn(2, 5, 32), torch.eye(5).repeat(2, 1, 1)
    weights = torch.rand(2, 5) + 0.1
    for method in (matcher, matcher.represent, matcher.membership_logits, lambda *a: matcher.attend(*a)[1]):
        together = method(query, support, labels, weights)
        alone = torch.stack([method(query[i], support[i], labels[i], weights[i]) for i in range(2)])
        torch.testing.assert_close(together, alone)
    known = matcher.contextualize(support, weights)
    torch.testing.assert_close(
        matcher(query, support, labels, weights, known), matcher(query, support, labels, weights)
    )
    torch.testing.assert_close(known[1], matcher.contextualize(support[1], weights[1]))


def test_untrained_membership_ranks_by_the_largest_kernel_score(model):
    support, query = torch.randn(6, 32), torch.randn(20, 32)
    logits = model.matcher.membership_logits(query, support, torch.eye(6))
    centered = model.matcher.contextualize(support)
    context, weights = model.matcher.context, torch.ones(1, 6)
    f = context.embed_query(query[None], context.mean(support[None], weights), centered[None], weights)[0]
    largest = torch.nn.functional.cosine_similarity(f[:, None], centered[None], dim=-1).amax(1)
    torch.testing.assert_close(logits, 10 * largest - 5, rtol=1e-4, atol=1e-4)


def test_attention_of_attend_adds_up(model):
    support, query, labels = torch.randn(6, 32), torch.randn(3, 32), torch.eye(3).repeat(2, 1)
    log_probs, shares = model.matcher.attend(query, support, labels)
    torch.testing.assert_close(shares @ labels, log_probs.exp())
    torch.testing.assert_close(
        model.matcher.represent(query, support, labels), shares @ model.matcher.contextualize(support)
    )


def test_a_smoothed_loss_is_that_of_torch_and_passes_over_classes_that_are_not_there(model):
    scores = torch.randn(2, 5, 4)
    scores[1, :, 3] = -torch.inf  # an episode of three classes beside one of four
    log_probs, truth = scores.log_softmax(-1), torch.tensor([[0, 1, 2, 3, -1], [0, 1, 2, -100, -100]])
    losses = [
        torch.nn.functional.cross_entropy(scores[i, :n, :way], truth[i, :n], label_smoothing=0.2)
        for i, n, way in ((0, 4, 4), (1, 3, 3))
    ]
    model.matcher.membership.requires_grad_(False)
    found = model.matcher.episode_loss(log_probs, torch.zeros(2, 5), truth, label_smoothing=0.2)
    torch.testing.assert_close(found, sum(losses) / 2)


def test_new_parameters_start_where_the_configuration_says(encoder_folder):
    model = MatchingNetwork.from_encoder(
        encoder_folder, context="lstm", context_gate=0.25, center_share=0.4, temperature=7.0, prototype_share=0.1
    )
    found = {name: p.item() for name, p in model.named_parameters() if p.numel() == 1}
    assert found == pytest.approx(
        {
            "matcher.log_temperature": 1.9459,
            "matcher.membership.bias": -5.0,
            "matcher.prototype_share": 0.1,
            "matcher.context.center.share": 0.4,
            "matcher.context.support_lstm.gate": 0.25,
            "matcher.context.query_lstm.gate": 0.25,
        },
        abs=1e-4,
    )


def test_the_membership_loss_is_binary_cross_entropy_over_all_queries(encoder_folder):
    from fewtext.models.modeling import MatchingNetwork

    matcher = MatchingNetwork.from_encoder(encoder_folder).matcher
    log_probs = torch.log_softmax(torch.tensor([[[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]]]), -1)
    logits, labels = torch.tensor([[1.5, -0.5, -2.0]]), torch.tensor([[0, 1, -1]])
    nll = -(log_probs[0, 0, 0] + log_probs[0, 1, 1]) / 2
    probability = logits[0].sigmoid()
    entropy = -(probability[0].log() + probability[1].log() + (1 - probability[2]).log()) / 3
    torch.testing.assert_close(matcher.episode_loss(log_probs, logits, labels), nll + entropy)
