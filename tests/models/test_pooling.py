"""From hidden states to embeddings."""

import pytest
import torch
from torch.nn.functional import cosine_similarity, normalize

from fewtext.inference.classifier import FewShotClassifier
from fewtext.models.modeling import MatchingNetwork
from fewtext.models.pooling import joined_layers, pool

TEXTS = ["where is my parcel", "it has not arrived", "i want my money back", "how do i return this thing"]
LABELS = ["tracking", "tracking", "refund", "refund"]


def test_pooling():
    hidden = torch.tensor([[[1.0, -5.0], [3.0, -1.0], [100.0, 100.0]]])
    mask = torch.tensor([[1, 1, 0]])
    assert pool(hidden, mask, "mean").tolist() == [[2.0, -3.0]]
    assert pool(hidden, mask, "max").tolist() == [[3.0, -1.0]]
    assert pool(hidden, mask, "cls").tolist() == [[1.0, -5.0]]
    assert pool(hidden, mask, "lasttoken").tolist() == [[3.0, -1.0]]
    assert pool(hidden, mask.flip(1), "lasttoken").tolist() == [[100.0, 100.0]]
    torch.testing.assert_close(pool(hidden, mask, "mean_sqrt_len"), torch.tensor([[4.0, -6.0]]) / 2**0.5)


def test_cosines_of_joined_layers_are_weighed():
    random = torch.Generator().manual_seed(0)
    last, lower = torch.randn(2, 8, generator=random), torch.randn(2, 5, generator=random)
    one, other = joined_layers(last, lower, 0.3)
    expected = 0.7 * cosine_similarity(*last, dim=0) + 0.3 * cosine_similarity(*lower, dim=0)
    torch.testing.assert_close(one @ other, expected)
    torch.testing.assert_close(one.norm(), torch.tensor(1.0))


def test_a_lower_layer_stands_beside_the_last(encoder_folder):
    torch.manual_seed(0)
    model = MatchingNetwork.from_encoder(encoder_folder, lower_layer=1, lower_share=0.4)
    assert model.config.embedding_size == 2 * model.config.encoder_config.hidden_size
    for text in TEXTS:
        ids = model.tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            states = model.encoder(**ids, output_hidden_states=True)
        last, lower = (normalize(one.mean(1), dim=-1) for one in (states.last_hidden_state, states.hidden_states[1]))
        expected = torch.cat([0.6**0.5 * last, 0.4**0.5 * lower], -1)
        torch.testing.assert_close(model.embed([text]), expected, rtol=1e-4, atol=1e-5)


def test_a_projection_is_of_the_last_layer_alone(encoder_folder):
    layers = [{"size": 8, "bias": True, "activation": "tanh"}]
    model = MatchingNetwork.from_encoder(encoder_folder, lower_layer=1, projection=layers)
    plain = MatchingNetwork.from_encoder(encoder_folder, lower_layer=1)
    lower = plain.config.encoder_config.hidden_size
    assert model.config.embedding_size == 8 + lower
    torch.testing.assert_close(model.embed(TEXTS)[:, 8:], plain.embed(TEXTS)[:, lower:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("context", ["center", "lstm"])
def test_a_classifier_of_two_layers_is_saved_and_adapted(encoder_folder, tmp_path, context):
    torch.manual_seed(0)
    model = MatchingNetwork.from_encoder(encoder_folder, lower_layer=1, context=context)
    clf = FewShotClassifier(model).fit(TEXTS, LABELS).adapt("encoder", rounds=1).add(["hello there"], "greeting")
    clf.save_pretrained(tmp_path / "bot")
    again = FewShotClassifier.from_pretrained(tmp_path / "bot")
    assert again.network.config.lower_layer == 1 and again.support.classes == ("greeting", "refund", "tracking")
    queries = ["has it arrived", "give me my money", "hello"]
    torch.testing.assert_close(
        torch.from_numpy(again.predict_proba(queries)),
        torch.from_numpy(clf.predict_proba(queries)),
        rtol=1e-4,
        atol=1e-5,
    )
