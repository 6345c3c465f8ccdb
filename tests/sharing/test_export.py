"""Exported classifiers: whole folders, the same answers in float32, nearly the same in int8."""

import numpy as np
import pytest
import torch
from transformers import BertModel

from fewtext.inference.classifier import FewShotClassifier
from fewtext.models.onnx import OnnxEncoder, OnnxNetwork
from fewtext.sharing import export

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

TEXTS, LABELS = ["where is it", "not here yet", "money back", "a return"], ["track", "track", "refund", "refund"]

FIRST, REST = slice(5), slice(5, 13)


@pytest.fixture
def clf(model):
    return FewShotClassifier(model).fit(TEXTS, LABELS)


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_the_last_export_replaces_the_one_before(clf, model, tmp_path):
    folder = tmp_path / "bot"
    clf.save_pretrained(folder)
    saved = names(folder)
    (folder / "mine.txt").write_text("kept")
    clf.export("onnx", folder)
    assert names(folder) == saved | {"mine.txt", "model.onnx"}
    clf.export("onnx", folder, quantize="int8", include_texts=False)
    assert names(folder) == saved - {"support.jsonl"} | {"mine.txt", "model_int8.onnx"}
    clf.save_pretrained(folder)  # the same weights: the encoder's files stay
    assert "model_int8.onnx" in names(folder)
    model.matcher.log_temperature.data += 0.5
    clf.save_pretrained(folder)
    assert "model_int8.onnx" not in names(folder)


def test_the_model_is_as_it_was(clf, model, tmp_path):
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.encoder.set_attn_implementation("sdpa")
    export.write_onnx(model.train(), tmp_path)
    assert model.training and model.encoder.config._attn_implementation == "sdpa"
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_an_export_that_computes_something_else_is_not_written(clf, tmp_path, monkeypatch):
    monkeypatch.setattr(OnnxEncoder, "forward", lambda self, ids, mask: torch.zeros(len(ids), 32))
    with pytest.raises(ValueError, match="computes something else than the model"):
        clf.export("onnx", tmp_path / "bot")
    assert names(tmp_path) <= {".bot.lock"}


@pytest.mark.parametrize("quantize", [None, "int8"])
def test_large_weights_are_in_a_file_of_their_own(clf, model, quantize, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "LARGE", 0)
    clf.export("onnx", tmp_path / "bot", quantize=quantize)
    name = "model_int8.onnx" if quantize else "model.onnx"
    assert {name, f"{name}.data"} <= names(tmp_path / "bot")
    vectors = OnnxNetwork.from_pretrained(tmp_path / "bot").embed(TEXTS)
    assert (vectors * model.embed(TEXTS)).sum(-1).min() > (0.95 if quantize else 0.99999)


def test_int8_weights_are_in_seven_bits_a_scale_a_column(model, tmp_path):
    export.write_onnx(model, tmp_path, "int8")
    stored = onnx.load(tmp_path / "model_int8.onnx").graph
    products = [node for node in stored.node if node.op_type == "MatMulInteger"]
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in stored.initializer}
    linear = sum(isinstance(module, torch.nn.Linear) for module in model.encoder.modules())
    assert len(products) == linear == 12
    for node in products:
        table = weights[node.input[1]]
        assert table.dtype == np.int8 and np.abs(table).max() <= 64
        assert weights[node.input[1].replace("_quantized", "_scale")].shape == table.shape[1:]


def test_bad_arguments(clf, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="format is 'gguf'; it is 'onnx'"):
        clf.export("gguf", tmp_path / "bot")
    with pytest.raises(ValueError, match="quantize is 'int4'; it is None or 'int8'"):
        clf.export("onnx", tmp_path / "bot", quantize="int4")
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        clf.export("onnx", tmp_path)
    monkeypatch.setattr("fewtext.models.onnx.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs onnx, onnxruntime, onnxscript: pip install 'fewtext\[onnx\]'"):
        clf.export("onnx", tmp_path / "bot")
    assert not (tmp_path / "bot").exists()


def test_half_precision_is_exported_in_full(encoder_folder, model, tmp_path):
    assert isinstance(model.encoder, BertModel)
    expected = model.embed(TEXTS)
    export.write_onnx(model.to(torch.bfloat16), tmp_path)
    ids = torch.tensor([[2, 9, 3]])
    assert OnnxEncoder(tmp_path / "model.onnx")(ids, torch.ones_like(ids)).dtype == torch.float32
    assert expected.dtype == torch.float32


def test_minilm_on_the_sample_intents(minilm, intents, tmp_path):
    rows = intents.texts_of
    shots, tests = ([(text, label) for label in rows for text in rows[label][part]] for part in (FIRST, REST))
    clf = FewShotClassifier(minilm).fit(*zip(*shots, strict=True))
    texts, truth = zip(*tests, strict=True)
    truth = np.array(truth)
    expected = clf.predict_proba(texts)
    accuracy = {"torch": (clf.classes_[expected.argmax(1)] == truth).mean()}
    for quantize in (None, "int8"):
        clf.export("onnx", tmp_path / "bot", quantize=quantize)
        again = FewShotClassifier.from_pretrained(tmp_path / "bot", backend="onnx")
        found = again.predict_proba(texts)
        accuracy[quantize or "onnx"] = (again.classes_[found.argmax(1)] == truth).mean()
        if quantize is None:
            np.testing.assert_allclose(found, expected, atol=1e-4)
            torch.testing.assert_close(again.network.embed(TEXTS), minilm.embed(TEXTS), atol=1e-4, rtol=0)
        else:
            similarity = (again.network.embed(TEXTS) * minilm.embed(TEXTS)).sum(-1)
            assert 0.97 < similarity.min() < 0.9999
    print(accuracy)
    assert accuracy["torch"] > 0.5 and accuracy["onnx"] == accuracy["torch"]
    assert abs(accuracy["int8"] - accuracy["torch"]) <= 0.03
