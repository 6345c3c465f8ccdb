"""Any encoder that AutoModel loads, and where the default one comes from."""

import json
import logging
import shutil

import pytest
import sentencepiece
import torch
from tiny import bert_config, make_tokenizer
from torch import nn
from transformers import (
    CONFIG_MAPPING,
    AlbertConfig,
    AutoConfig,
    AutoModel,
    BertModel,
    DebertaV2Config,
    ModernBertConfig,
    PreTrainedConfig,
    PreTrainedModel,
    RobertaConfig,
    T5Config,
    T5EncoderModel,
    XLMRobertaConfig,
    XLMRobertaTokenizer,
)
from transformers.modeling_outputs import BaseModelOutput

from fewtext.models import encoders
from fewtext.models.encoders import check_sha256, default_encoder, text_limit
from fewtext.models.modeling import MatchingNetwork

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
TEXTS = ["where is my parcel", "hello", "I would like to send these boots back, please tell me how"]


def configs(size):
    common = {"vocab_size": size, "max_position_embeddings": 70, "pad_token_id": 0, **SMALL}
    return {
        "bert": bert_config(size),
        "roberta": RobertaConfig(**common),
        "deberta-v2": DebertaV2Config(**common, relative_attention=True, pos_att_type=["c2p", "p2c"]),
        "albert": AlbertConfig(**common, embedding_size=16),
        "modernbert": ModernBertConfig(
            **common, cls_token_id=2, sep_token_id=3, bos_token_id=2, eos_token_id=3, global_attn_every_n_layers=2
        ),
        "t5": T5Config(
            vocab_size=size,
            d_model=32,
            d_kv=16,
            d_ff=64,
            num_layers=2,
            num_heads=2,
            pad_token_id=0,
            decoder_start_token_id=0,
        ),
    }


@pytest.mark.parametrize("family", ["bert", "roberta", "deberta-v2", "albert", "modernbert", "t5"])
@pytest.mark.parametrize("separate", [False, True])
def test_every_family_embeds_and_survives_saving(family, separate, tmp_path):
    tokenizer = make_tokenizer()
    config = configs(len(tokenizer))[family]
    torch.manual_seed(0)
    encoder = T5EncoderModel(config) if family == "t5" else AutoModel.from_config(config)
    encoder.save_pretrained(tmp_path / "encoder")
    tokenizer.save_pretrained(tmp_path / "encoder")
    model = MatchingNetwork.from_encoder(tmp_path / "encoder", context="lstm", separate_encoders=separate)
    check_round_trip(model, tmp_path)


def check_round_trip(model, tmp_path):
    vectors = model.embed(TEXTS)
    assert vectors.shape == (3, 32)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(3))
    model.save_pretrained(tmp_path / "model")
    assert {f.suffix for f in (tmp_path / "model").iterdir()} <= {".json", ".safetensors", ".model", ".txt"}
    again = MatchingNetwork.from_pretrained(tmp_path / "model")
    assert torch.equal(again.embed(TEXTS), vectors)
    assert torch.equal(again.embed(TEXTS, support=True), model.embed(TEXTS, support=True))
    support, labels = model.embed(TEXTS, support=True), torch.eye(3)
    assert torch.equal(again.matcher(vectors, support, labels), model.matcher(vectors, support, labels))


def test_xlm_roberta_with_a_sentencepiece_tokenizer(tmp_path, intents):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(intents.texts), encoding="utf-8")
    folder = tmp_path / "encoder"
    folder.mkdir()
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(folder / "sentencepiece.bpe"), vocab_size=400, minloglevel=2
    )
    tokenizer = XLMRobertaTokenizer.from_pretrained(folder)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=70, pad_token_id=tokenizer.pad_token_id, **SMALL
    )
    AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    model = MatchingNetwork.from_encoder(folder)
    assert model.max_length == 68  # XLM-R counts positions from the padding id (1) on
    pieces = model.tokenizer.tokenize("where is my parcel")
    assert len(pieces) > 1 and all(piece in model.tokenizer.get_vocab() for piece in pieces)
    check_round_trip(model, tmp_path)


class RecurrentConfig(PreTrainedConfig):
    model_type = "fewtext-test-recurrent"
    vocab_size: int = 100
    hidden_size: int = 32


class RecurrentEncoder(PreTrainedModel):
    """A user's own encoder: all that is asked of it is `last_hidden_state`."""

    config_class = RecurrentConfig

    def __init__(self, config):
        super().__init__(config)
        self.words = nn.Embedding(config.vocab_size, config.hidden_size)
        self.lstm = nn.LSTM(config.hidden_size, config.hidden_size, batch_first=True)
        self.post_init()

    def forward(self, input_ids, attention_mask=None):
        return BaseModelOutput(last_hidden_state=self.lstm(self.words(input_ids))[0])


AutoConfig.register("fewtext-test-recurrent", RecurrentConfig)
AutoModel.register(RecurrentConfig, RecurrentEncoder)


def test_a_users_own_encoder(tmp_path):
    tokenizer = make_tokenizer()
    encoder = RecurrentEncoder(RecurrentConfig(vocab_size=len(tokenizer)))
    check_round_trip(MatchingNetwork.from_encoder(encoder, tokenizer=tokenizer), tmp_path)


def test_the_limit_of_a_text():
    config = bert_config(10, max_position_embeddings=64)
    assert text_limit(config, None, None) == 64
    assert text_limit(config, None, 20) == 20


@pytest.mark.parametrize(
    "family", ["roberta", "mpnet", "data2vec-text", "longformer", "ibert", "luke", "markuplm", "bert"]
)
def test_a_text_of_the_limit_is_read_and_a_longer_one_is_not(family):
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    options = {"attention_window": [4]} if family == "longformer" else {}
    config = CONFIG_MAPPING[family](vocab_size=40, max_position_embeddings=20, pad_token_id=1, **sizes, **options)
    encoder, limit = AutoModel.from_config(config).eval(), text_limit(config, None, None)
    longest = torch.full((1, limit), 5)
    assert encoder(input_ids=longest, attention_mask=torch.ones_like(longest)).last_hidden_state.isfinite().all()
    longer = torch.full((1, limit + 1), 5)
    with pytest.raises((IndexError, RuntimeError)):
        encoder(input_ids=longer, attention_mask=torch.ones_like(longer))


def test_the_pooler_is_taken_out(tmp_path):
    tokenizer = make_tokenizer()
    model = MatchingNetwork.from_encoder(BertModel(bert_config(len(tokenizer))), tokenizer=tokenizer)
    assert not any("pooler" in name for name, _ in model.named_parameters())


def test_default_encoder_from_a_folder(encoder_folder, monkeypatch, caplog):
    monkeypatch.setenv("FEWTEXT_ENCODER", str(encoder_folder))
    with caplog.at_level(logging.WARNING):
        assert default_encoder() == encoder_folder
    assert "from the local folder" in caplog.text
    monkeypatch.setenv("FEWTEXT_ENCODER", str(encoder_folder / "nowhere"))
    with pytest.raises(OSError, match="not a folder"):
        default_encoder()


def test_default_encoder_from_the_offline_package(minilm, caplog):
    with caplog.at_level(logging.WARNING):
        folder = default_encoder()
    assert "offline package (sha256 checked)" in caplog.text
    assert (folder / "model.safetensors").is_file()


def test_no_encoder_says_three_ways_to_get_one(monkeypatch):
    monkeypatch.setattr(encoders, "find_spec", lambda name: None)
    with pytest.raises(OSError) as error:
        default_encoder()
    for way in ("connect to the Hugging Face Hub", "pip install 'fewtext[offline]'", "FEWTEXT_ENCODER"):
        assert way in str(error.value)


def test_a_changed_file_is_refused(tmp_path):
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"not it")
    with pytest.raises(ValueError, match="is not the official file"):
        check_sha256(file, encoders.DEFAULT_SHA256)


def test_wrong_encoders_are_named(tmp_path, model):
    with pytest.raises(OSError, match="neither a folder nor a model"):
        MatchingNetwork.from_encoder("nobody/nothing-of-the-kind")
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="load it with from_pretrained"):
        MatchingNetwork.from_encoder(tmp_path)
    with pytest.raises(TypeError, match="no setting kernal of a Matching Network. Did you mean kernel?"):
        MatchingNetwork.from_encoder(tmp_path, kernal="dot")


def test_encoders_without_whole_safetensors_are_refused(tmp_path, encoder_folder):
    folder = tmp_path / "encoder"
    shutil.copytree(encoder_folder, folder)
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(ValueError, match="damaged or was cut off"):
        MatchingNetwork.from_encoder(folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match="can execute code and are not read"):
        MatchingNetwork.from_encoder(folder)


def test_weights_that_lack_a_layer_are_refused(encoder_folder, tmp_path):
    folder = tmp_path / "encoder"
    shutil.copytree(encoder_folder, folder)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "num_hidden_layers": 3}))
    with pytest.raises(ValueError, match="lacks weights of its own configuration: encoder.layer.2"):
        MatchingNetwork.from_encoder(folder)


def test_a_folder_is_no_name_of_an_encoder(encoder_folder, tmp_path, monkeypatch):
    assert MatchingNetwork.from_encoder(encoder_folder).config.base_encoder is None
    monkeypatch.setenv("HOME", str(encoder_folder.parent))
    assert MatchingNetwork.from_encoder(f"~/{encoder_folder.name}").config.base_encoder is None
    monkeypatch.setenv("FEWTEXT_ENCODER", str(encoder_folder))
    assert MatchingNetwork.from_encoder().config.base_encoder is None
    assert encoders.origin("me/encoder", encoder_folder) == "me/encoder"


def test_a_second_network_on_an_encoder_leaves_its_projection(encoder_folder):
    torch.manual_seed(0)
    layer = {"size": 5, "bias": True, "activation": "tanh"}
    first = MatchingNetwork.from_encoder(encoder_folder, projection=[layer])
    before = first.embed(["hello"])
    second = MatchingNetwork(first.config, first.encoder)
    assert second.encoder.projection is first.encoder.projection
    torch.testing.assert_close(first.embed(["hello"]), before, rtol=0, atol=0)
