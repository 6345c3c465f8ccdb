"""Repositories of sentence-transformers, old and new: the vectors are those of `SentenceTransformer.encode`."""

import json
import shutil

import numpy as np
import pytest
import torch
from huggingface_hub.utils import filter_repo_objects
from safetensors.torch import save_file
from tiny import bert_config, make_tokenizer
from transformers import (
    AutoModel,
    AutoModelForTextEncoding,
    BertModel,
    BertTokenizer,
    DistilBertConfig,
    ModernBertConfig,
    MPNetConfig,
    Qwen3Config,
    T5Config,
)

from fewtext.data.collator import EpisodeCollator, VectorCollator
from fewtext.data.episodes import EpisodeDataset
from fewtext.inference.classifier import FewShotClassifier
from fewtext.models.embedding import text_vectors
from fewtext.models.encoders import MODEL_FILES
from fewtext.models.loading import load_network
from fewtext.models.modeling import MatchingNetwork
from fewtext.models.tokenizers import load_tokenizer

TEXTS = ["where is my parcel", "Hello", "I would like to send these boots back, please tell me how", "refund " * 30]
pytestmark = pytest.mark.filterwarnings("ignore:.*longer than")

TINY = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48, "max_position_embeddings": 70}


def config_of(family, size):
    common = {"vocab_size": size, "hidden_size": 32, "pad_token_id": 0, "initializer_range": 0.2, **TINY}
    special = {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
    return {
        "bert": lambda: bert_config(size, initializer_range=0.2),
        "mpnet": lambda: MPNetConfig(**{**common, "pad_token_id": 1}),
        "distilbert": lambda: DistilBertConfig(
            vocab_size=size, dim=32, n_layers=1, n_heads=2, hidden_dim=48, max_position_embeddings=70, pad_token_id=0
        ),
        "modernbert": lambda: ModernBertConfig(**common, **special),
        "qwen3": lambda: Qwen3Config(**common, num_key_value_heads=1, head_dim=16),
        "t5": lambda: T5Config(vocab_size=size, d_model=32, d_kv=16, d_ff=48, num_layers=1, num_heads=2),
    }[family]()


def write(folder, name, content):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


def old_pooling(on, **more):
    names = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")
    return {"word_embedding_dimension": 32, **{f"pooling_mode_{name}": name in on for name in names}, **more}


def repository(folder, family="bert", kinds=("Pooling", "Normalize"), pooling=("mean_tokens",), path="", length=40):
    """Write a repository as sentence-transformers 0 to 4 did; a Dense module is one with in and out, a dictionary."""
    tokenizer = make_tokenizer()
    torch.manual_seed(3)
    build = AutoModelForTextEncoding if family == "t5" else AutoModel
    build.from_config(config_of(family, len(tokenizer))).save_pretrained(folder / path)
    tokenizer.save_pretrained(folder / path)
    write(folder / path, "sentence_bert_config.json", {"max_seq_length": length, "do_lower_case": False})
    modules = [{"idx": 0, "name": "0", "path": path, "type": "sentence_transformers.models.Transformer"}]
    for i, kind in enumerate(kinds, 1):
        name = kind if isinstance(kind, str) else "Dense"
        modules.append(
            {"idx": i, "name": str(i), "path": f"{i}_{name}", "type": f"sentence_transformers.models.{name}"}
        )
        if name == "Pooling":
            write(folder, f"{i}_Pooling/config.json", old_pooling(pooling))
        if name == "Dense":
            write(folder, f"{i}_Dense/config.json", kind)
            weights = {"linear.weight": torch.randn(kind["out_features"], kind["in_features"])}
            if kind["bias"]:
                weights["linear.bias"] = torch.randn(kind["out_features"])
            save_file(weights, folder / f"{i}_Dense" / "model.safetensors")
    write(folder, "modules.json", modules)
    return folder


def dense(size, out, activation="activation.Tanh", bias=True):
    activation = f"torch.nn.modules.{activation}"
    return {"in_features": size, "out_features": out, "bias": bias, "activation_function": activation}


def check(folder, tmp_path, **settings):
    """The vectors are those of sentence-transformers, and those of the saved model; returns the model."""
    peer = pytest.importorskip("sentence_transformers").SentenceTransformer(str(folder), device="cpu")
    model = MatchingNetwork.from_encoder(folder, **settings)
    vectors = model.embed(TEXTS)
    np.testing.assert_allclose(vectors.numpy(), peer.encode(TEXTS), rtol=0, atol=1e-5)
    assert vectors.shape[1] == model.config.embedding_size
    model.save_pretrained(tmp_path / "saved")
    again = MatchingNetwork.from_pretrained(tmp_path / "saved")
    assert torch.equal(again.embed(TEXTS), vectors)
    assert torch.equal(again.embed(TEXTS, support=True), model.embed(TEXTS, support=True))
    return model


LAYOUTS = {
    "all-MiniLM": {},
    "e5": {"length": 512},
    "bge": {"pooling": ("cls_token",)},
    "gte-modernbert": {"family": "modernbert", "kinds": ("Pooling",), "pooling": ("cls_token",), "length": 8192},
    "all-mpnet": {"family": "mpnet", "length": 60},
    "paraphrase-mpnet": {"family": "mpnet", "kinds": ("Pooling",)},
    "distiluse": {"family": "distilbert", "kinds": ("Pooling", dense(32, 20)), "path": "0_Transformer"},
    "labse": {"kinds": ("Pooling", dense(32, 32), "Normalize"), "pooling": ("cls_token",)},
    "sentence-t5": {
        "family": "t5",
        "kinds": ("Pooling", dense(32, 24, "linear.Identity", bias=False), "Normalize"),
    },
    "embeddinggemma": {
        "kinds": (
            "Pooling",
            dense(32, 64, "linear.Identity", bias=False),
            dense(64, 32, "linear.Identity", bias=False),
            "Normalize",
        )
    },
    "max": {"pooling": ("max_tokens",), "kinds": ("Pooling",)},
    "mean_sqrt_len": {"pooling": ("mean_sqrt_len_tokens",), "kinds": ("Pooling",)},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_old_layouts(tmp_path, layout):
    check(repository(tmp_path / "encoder", **LAYOUTS[layout]), tmp_path)


@pytest.mark.parametrize("family", ["bert", "qwen3"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "lasttoken", "mean_sqrt_len_tokens"])
@pytest.mark.parametrize("more", [(), ("Normalize",), ("Dense", "Normalize")])
def test_what_sentence_transformers_writes_today(tmp_path, family, pooling, more):
    package = pytest.importorskip("sentence_transformers")
    modules = package.sentence_transformer.modules
    repository(tmp_path / "plain", family)
    kinds = {"Normalize": modules.Normalize, "Dense": lambda: modules.Dense(32, 12)}
    parts = [modules.Transformer(str(tmp_path / "plain")), modules.Pooling(32, pooling)]
    peer = package.SentenceTransformer(modules=[*parts, *(kinds[kind]() for kind in more)], device="cpu")
    peer.max_seq_length = 24
    peer.save(str(tmp_path / "encoder"))
    model = check(tmp_path / "encoder", tmp_path)
    assert model.max_length == 24
    assert model.config.normalize is ("Normalize" in more)


def test_the_longer_limit_of_the_two_that_a_repository_names_holds_unless_the_encoder_cannot(tmp_path):
    folder = repository(tmp_path / "encoder", length=60)
    tokenizer = make_tokenizer()
    tokenizer.model_max_length = 16
    tokenizer.save_pretrained(folder)
    assert check(folder, tmp_path).max_length == 60
    assert MatchingNetwork.from_encoder(folder, max_length=20).max_length == 20
    write(folder, "sentence_bert_config.json", {"max_seq_length": 512})
    assert MatchingNetwork.from_encoder(folder).max_length == 64


def test_lower_casing_lasts(tmp_path):
    folder = repository(tmp_path / "encoder")
    words = make_tokenizer().get_vocab()
    BertTokenizer(vocab=words, do_lower_case=False, model_max_length=64).save_pretrained(folder)
    plain = MatchingNetwork.from_encoder(folder)
    assert not torch.equal(plain.embed(["Hello Parcel"]), plain.embed(["hello parcel"]))
    write(folder, "sentence_bert_config.json", {"max_seq_length": 40, "do_lower_case": True})
    model = check(folder, tmp_path)
    again = MatchingNetwork.from_pretrained(tmp_path / "saved")
    assert torch.equal(again.embed(["Hello Parcel"]), plain.embed(["hello parcel"]))
    assert model.config.lower_case


def test_the_default_prompt_and_one_that_is_chosen(tmp_path):
    folder = repository(tmp_path / "encoder")
    prompts = {"query": "question: ", "passage": "send me "}
    write(folder, "config_sentence_transformers.json", {"prompts": prompts, "default_prompt_name": None})
    plain = check(folder, tmp_path)
    write(folder, "config_sentence_transformers.json", {"prompts": prompts, "default_prompt_name": "query"})
    model = check(folder, tmp_path)
    assert (model.config.query_prompt, model.config.support_prompt) == ("question: ", "question: ")
    model, _ = load_network(folder, support_prompt="send me ")
    for support, prompt in ((False, "question: "), (True, "send me ")):
        expected = plain.embed([prompt + text for text in TEXTS])
        assert torch.equal(model.embed(TEXTS, support=support), expected)


@pytest.mark.parametrize("settings", [{}, {"separate_encoders": True}])
def test_prompts_in_training_are_those_of_embed(tmp_path, intents, settings):
    """The loss and log-probabilities of token ids are those of embeddings, also where the prompts differ."""
    folder = repository(tmp_path / "encoder", kinds=("Pooling", dense(32, 12)))
    model = MatchingNetwork.from_encoder(folder, query_prompt="question: ", support_prompt="send me ", **settings)
    episodes = list(EpisodeDataset([intents], length=3, way=3, shot=2, query=2, names=0.5))
    texts = text_vectors(model, [t for e in episodes for t in (*e.support_texts, *e.names, *e.query_texts)])
    assert not torch.equal(texts.queries, texts.examples)
    config = model.config
    collator = EpisodeCollator(
        model.tokenizer, model.max_length, query_prompt=config.query_prompt, support_prompt=config.support_prompt
    )
    outputs = []
    for collate in (collator, VectorCollator(texts.rows, texts.queries, texts.examples)):
        batch = collate(episodes)
        batch.pop("episode_numbers")
        outputs.append(model(**batch))
    torch.testing.assert_close(outputs[0].log_probs, outputs[1].log_probs, rtol=1e-4, atol=1e-4)
    outputs[0].loss.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_a_classifier_on_vectors_that_are_not_normalised(tmp_path):
    folder = repository(tmp_path / "encoder", kinds=("Pooling",))
    clf = FewShotClassifier.from_pretrained(folder, device="cpu").fit(TEXTS, ["a", "a", "b", "b"])
    clf.save_pretrained(tmp_path / "clf")
    again = FewShotClassifier.from_pretrained(tmp_path / "clf", device="cpu")
    assert not clf.model.config.normalize
    probabilities = clf.predict_proba(TEXTS)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert np.array_equal(again.predict_proba(TEXTS), probabilities)


def test_without_modules_json_it_is_a_mean_of_length_one(tmp_path):
    folder = repository(tmp_path / "encoder", pooling=("cls_token",))
    (folder / "modules.json").unlink()
    config = MatchingNetwork.from_encoder(folder).config
    assert (config.pooling, config.normalize, config.max_length) == ("cls", True, 40)
    shutil.rmtree(folder / "1_Pooling")
    config = MatchingNetwork.from_encoder(folder, max_length=9).config
    assert (config.pooling, config.normalize, config.max_length) == ("mean", True, 9)


def transformer(folder, **options):
    write(folder, "sentence_bert_config.json", options)


def module(folder, i, **changes):
    modules = json.loads((folder / "modules.json").read_text())
    modules[i].update(changes)
    write(folder, "modules.json", modules)


REFUSED = {
    "several poolings": (
        lambda f: write(f, "1_Pooling/config.json", old_pooling(("cls_token", "mean_tokens"))),
        r"does not have \(cls_token, mean_tokens\); choose one with pooling=mean, cls",
    ),
    "several poolings, new": (
        lambda f: write(f, "1_Pooling/config.json", {"pooling_mode": ["cls", "max"]}),
        r"\(cls, max\)",
    ),
    "weighted mean": (
        lambda f: write(f, "1_Pooling/config.json", {"pooling_mode_weightedmean_tokens": True}),
        "weightedmean",
    ),
    "no pooling": (lambda f: (f / "1_Pooling" / "config.json").unlink(), "1_Pooling has no config.json"),
    "another module": (lambda f: module(f, 2, type="sentence_transformers.models.WordWeights"), "models.WordWeights;"),
    "custom code": (lambda f: module(f, 0, type="custom_st.Transformer"), "made of custom_st.Transformer, Pooling"),
    "another order": (
        lambda f: module(f, 1, type="sentence_transformers.models.Normalize"),
        "Transformer, Normalize, Dense.*in this order",
    ),
    "outside": (lambda f: module(f, 1, path="../elsewhere"), "outside the folder"),
    "no transformer": (lambda f: module(f, 0, path="0_Transformer"), "0_Transformer has no config.json"),
    "masked language model": (lambda f: transformer(f, transformer_task="fill-mask"), "have: transformer_task"),
    "chat": (
        lambda f: transformer(f, modality_config={"message": {"method": "forward"}}),
        "have: modality_config",
    ),
    "options": (
        lambda f: transformer(
            f, model_args={"dtype": "auto", "is_decoder": True}, processing_kwargs={"text": {"a": 1}}
        ),
        "have: processing_kwargs, model_args.is_decoder",
    ),
    "prompt left out": (
        lambda f: (
            write(f, "1_Pooling/config.json", old_pooling(("mean_tokens",), include_prompt=False)),
            write(f, "config_sentence_transformers.json", {"prompts": {"q": "q: "}, "default_prompt_name": "q"}),
        ),
        'query_prompt="" and support_prompt=""',
    ),
    "activation": (lambda f: write(f, "2_Dense/config.json", dense(32, 12, "activation.Mish")), "activation .*Mish"),
    "own activation": (
        lambda f: write(f, "2_Dense/config.json", {**dense(32, 12), "activation_function": "mine.Tanh"}),
        "activation mine.Tanh",
    ),
    "residual": (lambda f: write(f, "2_Dense/config.json", {**dense(32, 12), "use_residual": True}), "plain layer"),
    "tokens": (
        lambda f: write(f, "2_Dense/config.json", {**dense(32, 12), "module_input_name": "token_embeddings"}),
        "plain layer",
    ),
    "pickle": (
        lambda f: (f / "2_Dense" / "model.safetensors").rename(f / "2_Dense" / "pytorch_model.bin"),
        "2_Dense holds no model.safetensors",
    ),
    "cut off": (lambda f: (f / "2_Dense" / "model.safetensors").write_bytes(b"{"), "damaged or was cut off"),
    "other sizes": (lambda f: write(f, "2_Dense/config.json", dense(32, 13)), "Dense layer 1 do not fit"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_supported_is_refused_by_name(tmp_path, case):
    folder = repository(tmp_path / "encoder", kinds=("Pooling", dense(32, 12)))
    change, sentence = REFUSED[case]
    change(folder)
    with pytest.raises(ValueError, match=sentence):
        MatchingNetwork.from_encoder(folder)


def test_choices_take_the_place_of_what_is_refused(tmp_path):
    folder = repository(tmp_path / "encoder", kinds=("Pooling", dense(32, 12)))
    write(folder, "1_Pooling/config.json", {"pooling_mode": "weightedmean", "include_prompt": False})
    write(folder, "config_sentence_transformers.json", {"prompts": {"q": "q: "}, "default_prompt_name": "q"})
    choices = {"pooling": "mean", "query_prompt": "", "support_prompt": "", "projection": None, "normalize": True}
    vectors = MatchingNetwork.from_encoder(folder, **choices).embed(TEXTS)
    assert vectors.shape == (4, 32)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(4))


def test_code_of_a_repository_is_never_run(tmp_path):
    folder = repository(tmp_path / "encoder")
    expected = MatchingNetwork.from_encoder(folder).embed(TEXTS)
    (folder / "mine.py").write_text("raise SystemExit('the code of the repository was run')")
    stored = json.loads((folder / "config.json").read_text())
    code = {"auto_map": {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}}
    write(folder, "config.json", {**stored, **code})
    model = MatchingNetwork.from_encoder(folder)  # transformers has this architecture itself
    assert torch.equal(model.embed(TEXTS), expected)
    assert "auto_map" not in model.config.encoder.to_dict()
    write(folder, "config.json", {**stored, **code, "model_type": "mine"})
    with pytest.raises(ValueError, match="code of its own .* allowed by name: fewtext.allow_code"):
        MatchingNetwork.from_encoder(folder)
    write(folder, "config.json", {**stored, **code, "num_hidden_layers": 3})  # a bert in name, with other weights
    with pytest.raises(ValueError, match="code of its own"):
        MatchingNetwork.from_encoder(folder)


def test_the_code_of_a_tokenizer_is_never_run(tmp_path):
    folder = tmp_path / "encoder"
    tokenizer = make_tokenizer()
    BertModel(bert_config(len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    stored = json.loads((folder / "config.json").read_text())
    write(folder, "config.json", {**stored, "model_type": "mine"})
    write(folder, "tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["mine.Tokenizer", None]}})
    (folder / "mine.py").write_text("raise SystemExit('the code of the repository was run')")
    with pytest.raises(ValueError, match="code of its own"):
        load_tokenizer(folder)


def test_all_that_is_read_is_fetched(tmp_path):
    folder = repository(tmp_path / "encoder", kinds=("Pooling", dense(32, 12), "Normalize"), path="0_Transformer")
    (folder / "2_Dense" / "pytorch_model.bin").write_bytes(b"pickle")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    fetched = set(filter_repo_objects(files, allow_patterns=list(MODEL_FILES)))
    assert files - fetched == {"2_Dense/pytorch_model.bin"}
