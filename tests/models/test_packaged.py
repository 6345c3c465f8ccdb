"""Models that travel with the package: whole, small, on the checked encoder, and without a Hub."""

import logging

import numpy as np
import pytest
import torch

from fewtext.commands.arguments import ModelArguments
from fewtext.commands.evaluate import load_model
from fewtext.data.tasks import load_tasks
from fewtext.inference.classifier import FewShotClassifier
from fewtext.models.adapters import add_adapter, merge_adapter
from fewtext.models.loading import load_network
from fewtext.models.modeling import MatchingNetwork
from fewtext.models.packaged import (
    DEFAULT_MODEL,
    PACKAGED,
    is_packaged,
    load_packaged,
    packaged_names,
    read_packaged,
    write_packaged,
)
from fewtext.sharing.hub import CARD_FILE

TEXTS = ["where is my parcel", "I want my money back", "the screen is broken"]


def test_what_is_written_is_read_again_on_the_same_encoder(encoder_folder, tmp_path):
    torch.manual_seed(0)
    network = MatchingNetwork.from_encoder(encoder_folder, context="lstm", context_size=4)
    before = network.embed(TEXTS)
    add_adapter(network, 2)
    with torch.no_grad():  # as training would: an adapter starts as nothing
        for name, parameter in network.named_parameters():
            if "lora_" in name or "gate" in name or "log_temperature" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
    merge_adapter(network, tmp_path / "adapter")
    network.eval()
    write_packaged(network, tmp_path / "adapter", tmp_path / "packaged")
    again = read_packaged(tmp_path / "packaged", encoder_folder)
    assert (network.embed(TEXTS) - before).abs().max() > 1e-2
    torch.testing.assert_close(again.embed(TEXTS), network.embed(TEXTS), atol=2e-3, rtol=0)
    assert again.matcher.temperature.item() == network.matcher.temperature.item()
    labels, queries = torch.eye(3), network.embed(["a parcel", "broken"])
    expected = network.matcher(queries, network.embed(TEXTS), labels)
    torch.testing.assert_close(again.matcher(queries, network.embed(TEXTS), labels), expected, atol=2e-3, rtol=0)
    assert not again.training


def test_a_packaged_model_is_small_and_has_its_card():
    assert DEFAULT_MODEL in packaged_names()
    for name in packaged_names():
        folder = PACKAGED / name.partition("/")[2]
        assert sum(file.stat().st_size for file in folder.glob("*.safetensors")) <= 3_000_000
        card = (folder / CARD_FILE).read_text(encoding="utf-8")
        for said in ("clinc150", "cc-by-3.0", "cc-by-4.0", "episodes", "seed"):
            assert said in card


def test_without_a_name_the_classifier_is_the_meta_trained_model(minilm):
    classifier = FewShotClassifier.from_pretrained()
    network = classifier.model
    assert network.config.base_encoder == "sentence-transformers/all-MiniLM-L6-v2"
    assert network.config.trained_on["data"] and network.config.context == "lstm"
    assert (network.embed(TEXTS) * minilm.embed(TEXTS)).sum(-1).max() < 0.999
    torch.testing.assert_close(network.embed(TEXTS), load_packaged().embed(TEXTS))
    untrained, _ = load_network("sentence-transformers/all-MiniLM-L6-v2")  # the id, found without the Hub
    torch.testing.assert_close(untrained.embed(TEXTS), minilm.embed(TEXTS))
    assert load_network(context="none")[0].config.trained_on is None
    assert load_model(ModelArguments()).config.trained_on is None  # a recipe starts from the encoder as it comes
    assert load_model(ModelArguments(model=DEFAULT_MODEL)).config.trained_on is not None


def test_wrong_names_and_settings_are_named(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"there is no model fewtext/maxilm; the package has fewtext/minilm"):
        load_network("fewtext/maxilm")
    with pytest.raises(TypeError, match="settings of its own; drop context"):
        load_network("fewtext/minilm", context="none")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fewtext" / "minilm").mkdir(parents=True)
    assert not is_packaged("fewtext/minilm")  # a folder of that name is the user's


def test_another_encoder_is_used_as_it_is_and_that_is_said(encoder_folder, monkeypatch, caplog):
    monkeypatch.setenv("FEWTEXT_ENCODER", str(encoder_folder))
    with caplog.at_level(logging.WARNING):
        network = load_packaged()
    assert "is not the encoder that fewtext/minilm was trained on; used as it is" in caplog.text
    torch.testing.assert_close(network.embed(TEXTS), MatchingNetwork.from_encoder(encoder_folder).embed(TEXTS))


def test_reviews_of_products_from_eight_examples(minilm, shared_data):
    """The untrained encoder has 69 on these; nothing of CR was learned from."""
    [train], [test] = (load_tasks(str(shared_data / "cr"), split=split) for split in ("train", "test"))
    texts, truth = list(test.texts[:300]), np.asarray(test.labels[:300])
    network = load_packaged()
    found = []
    for draw in range(5):
        random = np.random.default_rng(draw)
        pairs = [(t, c) for c in train.classes for t in random.choice(train.texts_of[c], 8, replace=False).tolist()]
        classifier = FewShotClassifier(network).fit([text for text, _ in pairs], [label for _, label in pairs])
        found.append((classifier.predict(texts) == truth).mean())
    assert np.mean(found) >= 0.78


def test_its_encoder_can_learn(minilm):
    assert all(parameter.requires_grad for parameter in load_packaged().parameters())
    texts = [*TEXTS, "has my order been sent", "a refund please", "it came in pieces"]
    clf = FewShotClassifier.from_pretrained(device="cpu").fit(texts, ["track", "refund", "damage"] * 2)
    before = clf.network.embed(TEXTS)
    clf.adapt("encoder", rounds=1)
    assert (clf.network.embed(TEXTS) - before).abs().max() > 1e-3
    assert clf.predict(["it was broken when it came"]).tolist() == ["damage"]
