import torch
from transformers import AlbertConfig, AlbertModel, T5Config, T5EncoderModel

from fewtext.models.layers import freeze_lower_layers, transformer_layers, weights_sample


def names(model):
    return [type(layer).__name__ for layer in transformer_layers(model)]


def test_the_layers_of_several_families(model):
    assert names(model) == ["BertLayer", "BertLayer"]  # and nothing of the matching
    t5 = T5Config(vocab_size=9, d_model=8, d_kv=4, d_ff=8, num_layers=2, num_heads=2)
    assert names(T5EncoderModel(t5)) == ["T5Block", "T5Block"]
    albert = AlbertConfig(vocab_size=9, embedding_size=8, hidden_size=8, intermediate_size=8, num_attention_heads=2)
    assert "AlbertLayerGroup" in names(AlbertModel(albert))


def test_the_upper_layers_learn(model):
    model.encoder.encoder.layer[1].attention.output.dense.bias.requires_grad_(False)  # the user froze it
    freeze_lower_layers(model.encoder, 0.5)
    learning = {name for name, parameter in model.encoder.named_parameters() if parameter.requires_grad}
    assert learning and all(name.startswith("encoder.layer.1.") for name in learning)
    assert "encoder.layer.1.attention.output.dense.bias" not in learning


def test_the_sample_sums_every_997th_weight_of_each_parameter(model):
    expected = [sum(p.detach().flatten().tolist()[::997]) for p in model.encoder.parameters()]
    torch.testing.assert_close(weights_sample(None, model.encoder), torch.tensor(expected))
    assert torch.equal(weights_sample(None), torch.zeros(0))
