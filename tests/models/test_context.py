"""Full-context embeddings against the plain loops of references.py, forward and gradient, every K from 1 to 5."""

import pytest
import references
import torch
from tiny import bert_config

from fewtext.models.configuration import MatchingNetworkConfig
from fewtext.models.context import AttentionLSTM, Center, Context, FullContextEmbedding, mean_direction

DIM = 6


def config(**settings):
    encoder = bert_config(50, hidden_size=DIM).to_dict()
    return MatchingNetworkConfig(encoder=encoder, context="lstm", **settings)


def projection(module):
    return getattr(module.project, "weight", None)


def compare(ours, theirs, parameters):
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)
    got = torch.autograd.grad(ours.square().sum(), parameters)
    want = torch.autograd.grad(theirs.square().sum(), parameters)
    for one, other in zip(got, want, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-8)


@pytest.mark.parametrize("size", [None, 3])
@pytest.mark.parametrize("gate", [1.0, 0.3])
def test_support_lstms_equal_the_paper(size, gate):
    torch.manual_seed(0)
    module = FullContextEmbedding(config(context_size=size, context_gate=gate)).double()
    support = torch.randn(5, DIM, dtype=torch.float64, requires_grad=True)
    ours = module(support[None], torch.ones(1, 5, dtype=torch.float64))[0]
    loops = references.full_context(list(support), module.lstm, module.gate[0], projection(module))
    compare(ours, torch.stack([torch.stack(row) for row in loops]), [support, *module.parameters()])


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("size", [None, 3])
def test_query_lstm_equals_the_paper(steps, size):
    torch.manual_seed(steps)
    module = AttentionLSTM(config(context_size=size, context_gate=1.0, context_steps=steps)).double()
    query = torch.randn(2, DIM, dtype=torch.float64, requires_grad=True)
    support = torch.randn(4, DIM, dtype=torch.float64, requires_grad=True)
    ours = module(query[None], support[None], torch.ones(1, 4, dtype=torch.float64))[0]
    loops = [
        references.attention_lstm(list(x), list(support), steps, module.gates, module.gate[0], projection(module))
        for x in query
    ]
    compare(ours, torch.stack([torch.stack(row) for row in loops]), [query, support, *module.parameters()])


@pytest.mark.parametrize("steps", [1, 3])
def test_what_is_read_first_may_be_known(steps):
    torch.manual_seed(steps)
    context = Context(config(context_size=3, context_gate=1.0, context_steps=steps))
    query, support, weights = torch.randn(1, 2, DIM), torch.randn(1, 4, DIM), torch.tensor([[1.0, 0.0, 0.5, 1.0]])
    first = context.first_read(support, weights)
    read = context.embed_query(query, None, support, weights)
    torch.testing.assert_close(context.embed_query(query, None, support, weights, first), read, rtol=0, atol=0)
    wrong = context.embed_query(query, None, support, weights, first + 1)
    assert not torch.allclose(wrong, read, atol=1e-3)  # it is used


def test_an_example_of_weight_0_is_not_read_and_gets_a_gradient_of_0():
    torch.manual_seed(0)
    module = AttentionLSTM(config(context_size=3, context_gate=1.0, context_steps=2))
    query, support = torch.randn(1, 2, DIM), torch.randn(1, 3, DIM)
    weights = torch.tensor([[1.0, 0.5, 0.0]], requires_grad=True)
    read = module(query, support, weights)
    torch.testing.assert_close(read, module(query, support[:, :2], weights[:, :2]))
    assert torch.isfinite(torch.autograd.grad(read.sum(), weights)[0]).all()


def test_no_steps_leave_the_query_as_it_is():
    context = Context(config(context_steps=0, center_share=0.0))
    query = torch.nn.functional.normalize(torch.randn(1, 2, DIM), dim=-1)
    support = torch.nn.functional.normalize(torch.randn(1, 4, DIM), dim=-1)
    weights = torch.ones(1, 4)
    embedded = context.embed_query(
        query, context.mean(support, weights), context.embed_support(support, weights), weights
    )
    torch.testing.assert_close(embedded, query)


def test_gates_at_0_leave_the_geometry_of_center():
    lstm = Context(config(context_gate=0.0))
    center = Context(MatchingNetworkConfig(encoder=bert_config(50, hidden_size=DIM).to_dict(), context="center"))
    query, support, weights = torch.randn(2, 3, DIM), torch.randn(2, 5, DIM), torch.ones(2, 5)
    for context in (lstm, center):
        context.eval()
    g1, g2 = lstm.embed_support(support, weights), center.embed_support(support, weights)
    torch.testing.assert_close(g1, g2)
    torch.testing.assert_close(
        lstm.embed_query(query, lstm.mean(support, weights), g1, weights),
        center.embed_query(query, center.mean(support, weights), g2, weights),
    )


def test_center_subtracts_the_share_of_the_weighted_mean():
    center = Center(0.7)
    support = torch.randn(1, 3, DIM)
    weights = torch.tensor([[1.0, 1.0, 0.0]])
    unit = support[0] / support[0].norm(dim=-1, keepdim=True)
    expected = unit[2] - 0.7 * unit[:2].mean(0)
    torch.testing.assert_close(center(support, mean_direction(support, weights))[0, 2], expected / expected.norm())


def test_padded_episodes_equal_single_ones():
    torch.manual_seed(0)
    context = Context(config(context_gate=1.0)).eval()
    support, query = torch.randn(2, 5, DIM), torch.randn(2, 3, DIM)
    weights = torch.tensor([[1.0] * 5, [1.0] * 3 + [0.0] * 2])
    g = context.embed_support(support, weights)
    f = context.embed_query(query, context.mean(support, weights), g, weights)
    alone = context.embed_support(support[1:, :3], weights[1:, :3])
    torch.testing.assert_close(g[1:, :3], alone)
    mean = context.mean(support[1:, :3], weights[1:, :3])
    torch.testing.assert_close(f[1:], context.embed_query(query[1:], mean, alone, weights[1:, :3]))


def test_the_lstm_keeps_its_mode():
    module = FullContextEmbedding(config())
    support, weights = torch.randn(1, 5, DIM), torch.ones(1, 5)
    before = module(support, weights)
    module.eval()
    assert module.lstm.training and not module.training  # cuDNN's LSTM has gradients in training alone
    torch.testing.assert_close(module(support, weights), before)
