"""The Matching Network as a whole."""

import pytest
import torch
from transformers import AutoModel

from fewtext.data.collator import EpisodeCollator, VectorCollator
from fewtext.data.episodes import EpisodeDataset
from fewtext.models.configuration import CLASS_VOTES, CONTEXTS, KERNELS
from fewtext.models.embedding import text_vectors
from fewtext.models.modeling import MatchingNetwork


@pytest.fixture
def episodes(intents):
    dataset = EpisodeDataset([intents], length=4, way=(2, 5), shot=(1, 3), query=2, n_unknown=(0, 2), names=0.5)
    return list(dataset)


def batch_of(model, episodes):
    batch = EpisodeCollator(model.tokenizer, model.max_length)(episodes)
    batch.pop("episode_numbers")
    return batch


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("class_vote", CLASS_VOTES)
def test_a_batch_equals_its_episodes_alone(encoder_folder, episodes, context, class_vote):
    model = MatchingNetwork.from_encoder(encoder_folder, context=context, class_vote=class_vote, context_gate=0.5)
    whole = model(**batch_of(model, episodes))
    losses = []
    for i, episode in enumerate(episodes):
        alone = model(**batch_of(model, [episode]))
        queries, classes = alone.log_probs.shape[1:]
        torch.testing.assert_close(whole.log_probs[i, :queries, :classes], alone.log_probs[0], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(whole.membership[i, :queries], alone.membership[0], rtol=1e-4, atol=1e-4)
        losses.append(alone.loss)
    torch.testing.assert_close(whole.loss, torch.stack(losses).mean(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("separate", [False, True])
def test_every_parameter_gets_a_gradient(encoder_folder, episodes, kernel, separate):
    """A parameter without one stops DistributedDataParallel."""
    model = MatchingNetwork.from_encoder(
        encoder_folder, context="lstm", context_size=8, kernel=kernel, separate_encoders=separate
    )
    model(**batch_of(model, episodes)).loss.backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert without == []


def test_token_ids_and_cached_vectors_give_the_same(model, episodes):
    texts = text_vectors(model, [t for e in episodes for t in (*e.support_texts, *e.names, *e.query_texts)])
    batch = VectorCollator(texts.rows, texts.queries, texts.examples)(episodes)
    batch.pop("episode_numbers")
    torch.testing.assert_close(
        model(**batch).log_probs, model(**batch_of(model, episodes)).log_probs, rtol=1e-4, atol=1e-4
    )


def test_the_loss_is_the_mean_over_episodes_of_the_queries_nll(encoder_folder, episodes):
    model = MatchingNetwork.from_encoder(encoder_folder)
    model.matcher.membership.requires_grad_(False)
    batch = batch_of(model, episodes)
    out = model(**batch)
    expected = []
    for log_probs, labels in zip(out.log_probs, batch["query_labels"], strict=True):
        expected.append(torch.stack([-log_probs[q, y] for q, y in enumerate(labels) if y >= 0]).mean())
    torch.testing.assert_close(out.loss, torch.stack(expected).mean())


@pytest.mark.parametrize(
    "settings", [{"context": "none", "class_vote": "sum"}, {"context": "lstm", "context_size": 8}]
)
def test_saved_and_loaded_gives_bitwise_the_same(encoder_folder, tmp_path, episodes, settings):
    model = MatchingNetwork.from_encoder(encoder_folder, **settings)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    model.save_pretrained(tmp_path)
    assert not list(tmp_path.glob("*.bin")) and not list(tmp_path.glob("*.pt"))
    batch = batch_of(model, episodes)
    for loaded in (MatchingNetwork.from_pretrained(tmp_path), AutoModel.from_pretrained(tmp_path)):
        assert isinstance(loaded, MatchingNetwork)
        assert torch.equal(loaded(**batch).log_probs, model(**batch).log_probs)
        assert torch.equal(loaded.embed(["hello there"]), model.embed(["hello there"]))


def test_the_saved_configuration_names_no_path_of_this_machine(model, tmp_path, encoder_folder):
    model.save_pretrained(tmp_path)
    for file in tmp_path.glob("*.json"):
        assert str(encoder_folder) not in file.read_text(encoding="utf-8"), file


def test_forward_without_texts_says_what_it_needs(model):
    index = torch.zeros(1, 1, dtype=torch.long)
    with pytest.raises(ValueError, match="input_ids and attention_mask, or text_vectors"):
        model(support=index, support_labels=torch.ones(1, 1, 1), support_weights=torch.ones(1, 1), query=index)


def test_separate_encoders_read_their_own_texts(separate, episodes):
    embedded = text_vectors(
        separate, [text for e in episodes for text in (*e.support_texts, *e.names, *e.query_texts)]
    )
    assert not torch.allclose(embedded.queries, embedded.examples, atol=0.01)
    vectors = VectorCollator(embedded.rows, embedded.queries, embedded.examples)(episodes)
    del vectors["episode_numbers"]
    found, expected = separate(**batch_of(separate, episodes)).log_probs, separate(**vectors).log_probs
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
