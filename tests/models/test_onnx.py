"""The encoder in onnxruntime: the same vectors, the same answers, and clear errors where it cannot help."""

import copy
import pickle
import shutil

import numpy as np
import pytest
import torch
from tiny import bert_config, make_tokenizer
from transformers import BertModel, T5Config, T5EncoderModel

from fewtext.inference.classifier import FewShotClassifier
from fewtext.models import onnx
from fewtext.models.loading import load_network
from fewtext.models.modeling import MatchingNetwork
from fewtext.models.onnx import OnnxNetwork

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

TEXTS, LABELS = ["where is it", "not here yet", "money back", "a return"], ["track", "track", "refund", "refund"]
QUERIES = ["hello", "a return", "where is my parcel, it has not been here yet"]


def network(tokenizer, family="bert", **settings):
    torch.manual_seed(3)
    if family == "t5":
        t5 = T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=16, d_ff=48, num_layers=2, num_heads=2)
        return MatchingNetwork.from_encoder(T5EncoderModel(t5), tokenizer=tokenizer, **settings)
    encoder = BertModel(bert_config(len(tokenizer), initializer_range=0.2))
    return MatchingNetwork.from_encoder(encoder, tokenizer=tokenizer, **settings)


def exported(model, folder, **options):
    FewShotClassifier(model).export("onnx", folder, **options)
    return OnnxNetwork.from_pretrained(folder)


@pytest.fixture(scope="module")
def bot(encoder_folder, tmp_path_factory):
    """A fitted classifier that was exported."""
    torch.manual_seed(0)
    clf = FewShotClassifier(MatchingNetwork.from_encoder(encoder_folder), adaptation="memory").fit(TEXTS, LABELS)
    folder = tmp_path_factory.mktemp("onnx") / "bot"
    clf.export("onnx", folder)
    return clf, folder


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("bert", {}),
        ("bert", {"pooling": "cls", "normalize": False}),
        ("bert", {"pooling": "lasttoken", "projection": [{"size": 8, "bias": True, "activation": "tanh"}]}),
        ("t5", {"pooling": "mean_sqrt_len"}),
        ("bert", {"lower_layer": 1, "lower_share": 0.4}),
    ],
)
def test_vectors_are_those_of_torch(family, settings, tmp_path):
    model = network(make_tokenizer(), family, **settings)
    again = exported(model, tmp_path / "bot")
    assert not any(key.startswith("encoder") for key in again.state_dict())
    ids = torch.randint(5, 200, (4, 30), generator=torch.Generator().manual_seed(1))
    mask = (torch.arange(30) < torch.tensor([30, 1, 17, 29])[:, None]).long()
    with torch.no_grad():
        for rows, length in ((4, 30), (1, 1), (2, 3)):
            batch = ids[:rows, :length], mask[:rows, :length]
            torch.testing.assert_close(again.encode(*batch), model.encode(*batch), atol=1e-4, rtol=0)
        torch.testing.assert_close(again.encode(ids, None), model.encode(ids, None), atol=1e-4, rtol=0)
    torch.testing.assert_close(again.embed(QUERIES), model.embed(QUERIES), atol=1e-4, rtol=0)


def test_separate_encoders_are_two_files(tmp_path):
    model = network(make_tokenizer(), separate_encoders=True)
    model.support_encoder.get_input_embeddings().weight.data *= -1
    again = exported(model, tmp_path / "bot")
    assert {f.name for f in tmp_path.glob("bot/*.onnx")} == {"model.onnx", "support_model.onnx"}
    assert (model.embed(QUERIES) - model.embed(QUERIES, support=True)).abs().max() > 0.1
    for support in (False, True):
        expected = model.embed(QUERIES, support=support)
        torch.testing.assert_close(again.embed(QUERIES, support=support), expected, atol=1e-4, rtol=0)
    (tmp_path / "bot" / "support_model.onnx").unlink()
    with pytest.raises(ValueError, match="model.onnx and support_model.onnx .* clf.export"):
        OnnxNetwork.from_pretrained(tmp_path / "bot")


def test_an_onnx_classifier_does_what_a_classifier_does(bot):
    clf, folder = bot
    again = FewShotClassifier.from_pretrained(folder, backend="onnx")
    assert isinstance(again.network, OnnxNetwork) and again.network.device.type == "cpu"
    np.testing.assert_allclose(again.predict_proba(QUERIES), clf.predict_proba(QUERIES), atol=1e-4)
    mine, other = again.explain("a return"), clf.explain("a return")
    assert mine.label == other.label
    np.testing.assert_allclose(again.represent(QUERIES), clf.represent(QUERIES), atol=1e-4)
    fresh = [FewShotClassifier(c.network).fit(TEXTS, LABELS).add(["hello", "hi"], "greeting") for c in (again, clf)]
    np.testing.assert_allclose(*(c.predict_proba(QUERIES) for c in fresh), atol=1e-4)
    assert fresh[0](QUERIES[0])[0]["label"] == "greeting"


def test_copies_open_the_file_again(bot):
    again = FewShotClassifier.from_pretrained(bot[1], backend="onnx")
    expected = again.predict_proba(QUERIES)
    for other in (copy.deepcopy(again), pickle.loads(pickle.dumps(again))):
        np.testing.assert_array_equal(other.predict_proba(QUERIES), expected)


def test_copies_do_not_open_another_model_of_the_same_place(bot, tmp_path):
    shutil.copytree(bot[1], tmp_path / "bot")
    clf = FewShotClassifier.from_pretrained(tmp_path / "bot", backend="onnx")
    kept = pickle.dumps(clf)
    file = tmp_path / "bot" / "model.onnx"
    file.write_bytes(file.read_bytes())  # as another export would
    for copied in (lambda: copy.deepcopy(clf), lambda: pickle.loads(kept)):
        with pytest.raises(ValueError, match="was changed or removed after this model was loaded"):
            copied()


def test_saving_writes_the_support_files_alone_or_copies_the_model(bot, tmp_path):
    shutil.copytree(bot[1], tmp_path / "bot")
    clf = FewShotClassifier.from_pretrained(tmp_path / "bot", backend="onnx")
    before = {path.name: path.stat().st_ino for path in (tmp_path / "bot").iterdir()}
    clf.add(["hello"], "greeting").save_pretrained(tmp_path / "bot")
    after = {path.name: path.stat().st_ino for path in (tmp_path / "bot").iterdir()}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"support.jsonl", "support.safetensors", "confidence.json"} and set(after) == set(before)
    clf.save_pretrained(tmp_path / "other")
    for backend in ("onnx", "torch"):
        again = FewShotClassifier.from_pretrained(tmp_path / "other", backend=backend)
        np.testing.assert_allclose(again.predict_proba(QUERIES), clf.predict_proba(QUERIES), atol=1e-4)


def test_a_folder_that_changed_is_not_mixed_with_what_was_loaded(bot, tmp_path):
    shutil.copytree(bot[1], tmp_path / "bot")
    clf = FewShotClassifier.from_pretrained(tmp_path / "bot", backend="onnx")
    bot[0].export("onnx", tmp_path / "bot")
    for folder in ("bot", "other"):
        with pytest.raises(ValueError, match="was changed or removed after this model was loaded"):
            clf.save_pretrained(tmp_path / folder)
    assert not (tmp_path / "other").exists()


def test_an_onnx_encoder_cannot_be_trained_or_exported(bot, tmp_path):
    clf = FewShotClassifier.from_pretrained(bot[1], backend="onnx")
    with pytest.raises(RuntimeError, match="cannot be trained or adapted; load it with backend='torch'"):
        clf.network.train()
    with pytest.raises(NotImplementedError, match="no token embeddings"):
        clf.network.get_input_embeddings()
    with pytest.raises(ValueError, match="runs on ONNX already"):
        clf.export("onnx", tmp_path / "bot")


def test_bad_arguments_and_folders(bot, encoder_folder, tmp_path, monkeypatch):
    clf, folder = bot
    with pytest.raises(ValueError, match="backend is 'tf'; it is 'torch' or 'onnx'"):
        load_network(folder, backend="tf")
    clf.save_pretrained(tmp_path / "plain")
    with pytest.raises(ValueError, match=r"holds no model.onnx .* clf.export\('onnx', folder\)"):
        FewShotClassifier.from_pretrained(tmp_path / "plain", backend="onnx")
    for name in (encoder_folder, None):
        with pytest.raises(ValueError, match=r"needs a folder that clf.export\('onnx', folder\) wrote"):
            load_network(name, backend="onnx")
    with pytest.raises(TypeError, match="drop pooling"):
        load_network(folder, backend="onnx", pooling="cls")
    shutil.copytree(folder, tmp_path / "cut")
    (tmp_path / "cut" / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:-100])
    with pytest.raises(ValueError, match="model.onnx is damaged or was cut off"):
        load_network(tmp_path / "cut", backend="onnx")
    monkeypatch.setattr(onnx, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs onnxruntime: pip install 'fewtext\[onnx\]'"):
        load_network(folder, backend="onnx")
