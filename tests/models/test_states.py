"""The states of a lower layer."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from tiny import bert_config, make_tokenizer
from transformers import (
    AlbertConfig,
    AlbertModel,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    T5Config,
    T5EncoderModel,
)

from fewtext.inference.classifier import FewShotClassifier
from fewtext.models.modeling import MatchingNetwork
from fewtext.models.states import hidden_states

TEXTS = ["where is my parcel", "it has not arrived", "i want my money back", "how do i return this thing"]
LABELS = ["tracking", "tracking", "refund", "refund"]


def network(encoder_folder, **settings):
    torch.manual_seed(0)
    return MatchingNetwork.from_encoder(encoder_folder, lower_layer=1, **settings)


def test_they_are_those_of_transformers(encoder_folder):
    model = network(encoder_folder)
    batch = model.tokenizer(TEXTS, padding=True, return_tensors="pt")
    ids, mask = batch["input_ids"], batch["attention_mask"]
    with torch.no_grad():
        last, lower = hidden_states(model.encoder, ids, mask, 1)
        expected = model.encoder(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    torch.testing.assert_close(last, expected.last_hidden_state)
    torch.testing.assert_close(lower, expected.hidden_states[1])


def test_a_classifier_is_pickled_and_copied(encoder_folder):
    clf = FewShotClassifier(network(encoder_folder)).fit(TEXTS, LABELS)
    expected = clf.predict_proba(["has it arrived"])
    for again in (pickle.loads(pickle.dumps(clf)), copy.deepcopy(clf)):
        assert (again.predict_proba(["has it arrived"]) == expected).all()
        assert (again.network.embed(["another text"]) == clf.network.embed(["another text"])).all()


def test_threads_read_their_own(encoder_folder):
    model = network(encoder_folder)
    texts = [f"{text} {i}" for i in range(10) for text in TEXTS]
    expected = [model.embed([text]) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: model.embed([text]), texts))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_two_networks_of_one_encoder_read_their_own_layer(encoder_folder):
    one = network(encoder_folder)
    other = MatchingNetwork(one.config, one.encoder).eval()
    plain_config = copy.deepcopy(one.config)
    plain_config.lower_layer = None
    plain = MatchingNetwork(plain_config, one.encoder).eval()
    other.tokenizer = plain.tokenizer = one.tokenizer
    assert (other.embed(TEXTS) == one.embed(TEXTS)).all() and plain.embed(TEXTS).shape[1] == 32


def test_two_networks_of_one_encoder_read_different_layers():
    tokenizer = make_tokenizer()
    encoder = BertModel(bert_config(len(tokenizer), num_hidden_layers=3), add_pooling_layer=False)
    networks = [MatchingNetwork.from_encoder(encoder, tokenizer=tokenizer, lower_layer=layer) for layer in (1, 2)]
    batch = tokenizer(TEXTS[:1], return_tensors="pt")["input_ids"]
    with torch.no_grad():
        expected = encoder(batch, output_hidden_states=True).hidden_states
        for layer, model in enumerate(networks, 1):
            torch.testing.assert_close(hidden_states(model.encoder, batch, None, layer)[1], expected[layer])


def test_separate_encoders_read_their_own(encoder_folder):
    model = network(encoder_folder, separate_encoders=True)
    with torch.no_grad():
        model.support_encoder.get_input_embeddings().weight.neg_()
    size = model.config.encoder_config.hidden_size
    of_queries, of_examples = model.embed(TEXTS), model.embed(TEXTS, support=True)
    assert not torch.allclose(of_queries[:, size:], of_examples[:, size:], atol=1e-3)


@pytest.mark.parametrize("checkpointing", [None, {"use_reentrant": False}, {"use_reentrant": True}])
def test_the_lower_layer_learns(encoder_folder, checkpointing):
    model = network(encoder_folder, lower_share=1.0)
    if checkpointing is not None:
        model.gradient_checkpointing_enable(checkpointing)
    model.train()
    batch = model.tokenizer(TEXTS, padding=True, return_tensors="pt")
    vectors = model.encode(batch["input_ids"], batch["attention_mask"])
    (vectors @ vectors.T)[0, 1].backward()
    first, second = (model.encoder.encoder.layer[i].output.dense.weight.grad for i in (0, 1))
    assert first.abs().sum() > 0 and (second is None or second.abs().sum() == 0)  # the last layer counts nothing


def test_a_layer_that_was_not_asked_to_tell_is_named(model):
    ids = torch.tensor([[5, 6, 7]])
    with pytest.raises(ValueError, match="lower_layer is 1, but that layer of BertModel tells nothing"):
        hidden_states(model.encoder, ids, None, 1)


def test_layers_that_cannot_be_told_apart_are_named():
    tokenizer = make_tokenizer()
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = AlbertConfig(vocab_size=len(tokenizer), embedding_size=16, **sizes)
    with pytest.raises(ValueError, match="AlbertModel has 0 layers that can be told apart"):
        MatchingNetwork.from_encoder(AlbertModel(config), tokenizer=tokenizer, lower_layer=1)


def test_other_families():
    tokenizer = make_tokenizer()
    t5 = T5EncoderModel(T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2))
    distil = DistilBertModel(DistilBertConfig(vocab_size=len(tokenizer), dim=32, hidden_dim=64, n_layers=2, n_heads=2))
    for encoder in (t5, distil):
        model = MatchingNetwork.from_encoder(encoder, tokenizer=tokenizer, lower_layer=1)
        ids = torch.tensor([[5, 6, 7]])
        with torch.no_grad():
            _, lower = hidden_states(model.encoder, ids, torch.ones_like(ids), 1)
            expected = model.encoder(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True)
        torch.testing.assert_close(lower, expected.hidden_states[1])
        assert model.embed(["where is it"]).shape == (1, 64)
