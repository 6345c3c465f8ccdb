"""Tokenizers: checked when they are read, and saved so that they load elsewhere as they did here."""

import json

import pytest
from tiny import make_tokenizer

from fewtext.models.modeling import MatchingNetwork
from fewtext.models.tokenizers import forget_origin, load_tokenizer, lower_cased, saved_tokenizer


@pytest.fixture
def folder(tmp_path):
    make_tokenizer().save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


def test_a_model_may_be_saved_without_one(tmp_path):
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config.json").write_text('{"model_type": "bert"}')
    assert saved_tokenizer(tmp_path / "bare", lower_case=False) is None


def test_one_that_was_cut_off_is_not_taken_for_none(folder):
    file = folder / "tokenizer.json"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match="the tokenizer in .* is damaged or lacks a file"):
        saved_tokenizer(folder, lower_case=False)


def test_its_limit_is_at_least_what_a_repository_asks_for(folder):
    assert load_tokenizer(folder).model_max_length == 64
    assert load_tokenizer(folder, at_least=128).model_max_length == 128


def test_lower_case(folder):
    plain, lowered = load_tokenizer(folder), lower_cased(load_tokenizer(folder))
    assert lowered("WHERE Is IT")["input_ids"] == plain("where is it")["input_ids"]


def test_how_it_was_loaded_is_forgotten(folder):
    file = folder / "tokenizer_config.json"
    settings = json.loads(file.read_text())
    file.write_text(json.dumps({**settings, "local_files_only": True, "is_local": True}))
    forget_origin(folder)
    assert json.loads(file.read_text()) == {
        k: v for k, v in settings.items() if k not in ("is_local", "local_files_only")
    }


def test_weights_that_do_not_fit_the_configuration_are_named(model, tmp_path):
    model.save_pretrained(tmp_path / "model")
    file = tmp_path / "model" / "config.json"
    settings = json.loads(file.read_text())
    settings["encoder"]["hidden_size"] = 64
    file.write_text(json.dumps(settings))
    with pytest.raises(ValueError, match="the weights of .* do not fit its config.json"):
        MatchingNetwork.from_pretrained(tmp_path / "model")
