import torch

from fewtext.inference.embedded import embedded
from fewtext.inference.support import SupportSet


def test_each_text_is_encoded_once_and_none_that_is_known(model, monkeypatch):
    asked = []
    embed = type(model).embed

    def counting(self, texts, **options):
        asked.append(list(texts))
        return embed(self, texts, **options)

    monkeypatch.setattr(type(model), "embed", counting)
    first = embedded(model, SupportSet.create(["one", "two", "one"], ["a", "b", "b"]), True)
    assert sorted(asked.pop()) == ["a", "b", "one", "two"]  # names are texts like any other
    more = SupportSet.create(["two", "three"], ["b", "c"])
    second = embedded(model, more, True, known=first)
    assert sorted(asked.pop()) == ["c", "three"]
    torch.testing.assert_close(second.vectors, embed(model, list(second.texts), support=True), rtol=0, atol=1e-5)
    torch.testing.assert_close(second.class_vectors["c"], embed(model, ["c"], support=True)[0], rtol=0, atol=1e-5)


def test_names_that_do_not_count_are_not_encoded(model):
    support = embedded(model, SupportSet.create(["one", "two"], ["a", "b"]), False)
    assert not support.class_vectors and support.vectors.shape == (2, model.config.embedding_size)
