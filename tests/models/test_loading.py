import pytest

from fewtext.models.loading import load_network
from fewtext.models.modeling import MatchingNetwork


def test_an_encoder_and_a_saved_model(encoder_folder, model, tmp_path):
    network, folder = load_network(encoder_folder, kernel="dot")
    assert network.config.kernel == "dot" and folder is None
    model.save_pretrained(tmp_path / "m")
    network, folder = load_network(tmp_path / "m")
    assert isinstance(network, MatchingNetwork) and folder == tmp_path / "m"
    with pytest.raises(TypeError, match="settings of its own; drop kernel"):
        load_network(tmp_path / "m", kernel="dot")


def test_what_is_no_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        load_network(tmp_path / "nothing")
    with pytest.raises(ValueError, match="it has no config.json"):
        load_network(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="is a file"):
        load_network(tmp_path / "file")
    (tmp_path / "support.safetensors").write_text("")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="was cut off"):
        load_network(tmp_path)


def test_a_model_of_the_package_is_not_looked_for_on_the_hub_for_onnx():
    with pytest.raises(ValueError, match="fewtext/minilm is a model for torch"):
        load_network("fewtext/minilm", backend="onnx")
