import pytest
from tiny import bert_config

from fewtext.models.configuration import MatchingNetworkConfig


def test_it_builds_without_arguments_and_survives_a_round_trip(tmp_path):
    config = MatchingNetworkConfig(kernel="euclidean", context="lstm", context_size=16, class_vote="mean")
    assert config.temperature == 10.0
    config.save_pretrained(tmp_path)
    again = MatchingNetworkConfig.from_pretrained(tmp_path)
    assert again.to_dict() == config.to_dict()
    assert MatchingNetworkConfig().temperature == 20.0


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"kernel": "manhattan"}, "kernel is 'manhattan'; it is one of cosine, euclidean, dot"),
        ({"context": "bilstm"}, "context is"),
        ({"class_vote": "max"}, "class_vote is"),
        ({"pooling": "sum"}, "pooling is"),
        ({"projection": [{"size": 3, "bias": True, "activation": "mish"}]}, "one of identity, tanh, relu, gelu"),
        ({"projection": [{"size": 3}]}, "a layer has a size, a bias"),
        ({"temperature": 0.0}, "temperature is 0"),
        ({"name_weight": -1.0}, "name_weight is -1"),
        ({"context_steps": -1}, "context_steps"),
        ({"context_size": 0}, "context_size"),
        ({"max_length": 1}, "max_length"),
        ({"lower_layer": 0}, "lower_layer is 0; it is a layer below the last"),
        ({"lower_layer": 2, "encoder": bert_config(9).to_dict()}, "which has 2 layers, from 1 on"),
    ],
)
def test_a_bad_choice_is_named(setting, sentence):
    with pytest.raises(ValueError, match=sentence):
        MatchingNetworkConfig(**setting)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"context_size": "64"}, "context_size is '64'; it is a whole number"),
        ({"context_steps": 1.5}, "context_steps is 1.5; it is a whole number"),
        ({"prototype_share": 7.0}, "prototype_share is 7.0; it is a share, from 0 to 1"),
        ({"center_share": -0.1}, "center_share is -0.1; it is a share"),
        ({"lower_share": 1.1}, "lower_share is 1.1; it is a share"),
        ({"lower_layer": "3"}, "lower_layer is '3'; it is a whole number"),
        ({"normalize": "no"}, "normalize is 'no'; it is true or false"),
        ({"temperature": "20"}, "temperature is '20'; it is a number"),
        ({"name_weight": float("nan")}, "name_weight is nan; it is a number"),
        ({"context_steps": True}, "context_steps is True; it is a whole number"),
        ({"query_prompt": 3}, "query_prompt is 3; it is a text"),
        ({"projection": [{"size": "8", "bias": True, "activation": "tanh"}]}, "a layer has a size, a bias"),
    ],
)
def test_numbers_of_another_kind_are_named(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        MatchingNetworkConfig(encoder=bert_config(9).to_dict(), **settings)
