import warnings

import pytest
import torch

from fewtext.data.tokenization import TokenCache, pad_ids, tokenize
from fewtext.models.modeling import MatchingNetwork


def test_ids_are_those_of_the_tokenizer_and_cut_texts_are_counted(model):
    texts = ["where is my parcel", "a " * 30, "hello", "a " * 8]
    ids, n_cut = tokenize(model.tokenizer, texts, 10)
    assert ids == model.tokenizer(texts, truncation=True, max_length=10)["input_ids"]
    assert n_cut == 1  # the last has ten tokens with its ends, just enough
    assert len(ids[3]) == 10


def test_padding_is_on_the_right():
    ids, mask = pad_ids([[7, 8, 9], [5]], pad_id=1)
    assert torch.equal(ids, torch.tensor([[7, 8, 9], [5, 1, 1]]))
    assert torch.equal(mask, torch.tensor([[1, 1, 1], [1, 0, 0]]))


def test_the_cache_warns_once_and_counts_on(model):
    cache = TokenCache(model.tokenizer, 8)
    with pytest.warns(UserWarning, match=r"1 text\(s\) are longer than 8 tokens"):
        first = cache(["word " * 20, "hello"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cache(["hello", "word " * 20]) == first[::-1]
        cache(["other " * 20])
    assert cache.n_truncated == 2


def test_texts_of_which_nothing_is_known_are_told_once(minilm):
    network = MatchingNetwork(minilm.config, minilm.encoder)
    network.tokenizer = minilm.tokenizer
    with pytest.warns(UserWarning, match=r"knows no part of 2 text\(s\), such as '😀'"):
        network.embed(["😀", "hello 😀", "🦖 🦖"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network.embed(["🎉"])
