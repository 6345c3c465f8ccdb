import numpy as np
import pytest
import torch

from fewtext.inference import large
from fewtext.inference.classifier import FewShotClassifier
from fewtext.inference.large import LargeSettings, enlarged
from fewtext.inference.rows import Rows
from fewtext.inference.support import SupportSet
from fewtext.models.modeling import MatchingNetwork


def test_what_is_large():
    one = [{"a": 1.0}] * 3
    assert LargeSettings(size=3).apply_to(one) and not LargeSettings(size=4).apply_to(one)
    for shares in ({"a": 1.0, "b": 1.0}, {"a": 0.5, "b": 0.5}):
        assert not LargeSettings(size=1).apply_to([shares])


def test_settings_are_checked_before_any_work(monkeypatch):
    for name, value in (("search", "fast"), ("precision", "bf16")):
        with pytest.raises(ValueError, match=f"{name} is '{value}'"):
            FewShotClassifier(**{name: value}).fit(["a", "b"], ["x", "y"])
    with pytest.raises(ValueError, match="large_size is 0"):
        LargeSettings(size=0)
    monkeypatch.setattr(large, "faiss_is_installed", lambda: False)
    assert not LargeSettings("auto").by_index
    with pytest.raises(ImportError, match="fewtext\\[faiss\\]"):
        LargeSettings("index")


def test_columns_hold_what_the_tuples_held():
    support = SupportSet.create(["a", "b", "c"], ["x", "y", "x"])
    support = enlarged(torch_embedded(support), "float32")
    assert support.is_large and isinstance(support.vectors, Rows)
    assert support.labels == SupportSet.create(["a", "b", "c"], ["x", "y", "x"]).labels
    less = support.remove("y")
    assert sorted(less.texts) == ["a", "c"] and less.classes == ("x",) and less.rows_of("x") == [0, 1]
    more = less.merge(SupportSet.create(["d"], ["z"]))
    assert list(more.texts) == [*less.texts, "d"] and more.labels == ["x", "x", "z"]
    assert more.rename("z", "w").labels == ["x", "x", "w"]
    assert list(more.select(["x"], ids=more.ids[1:]).ids) == [more.ids[1]]
    with pytest.raises(KeyError, match="no example has the id"):
        more.remove_ids(["nothing"])


def torch_embedded(support):
    from dataclasses import replace

    return replace(support, vectors=torch.arange(float(2 * len(support))).reshape(-1, 2))


def test_only_the_cosine_kernel_and_one_class_an_example(encoder_folder):
    texts, labels = ["a b", "c d", "e f"], ["x", "y", "x"]
    model = MatchingNetwork.from_encoder(encoder_folder, kernel="dot")
    assert not FewShotClassifier(model, large_size=1).fit(texts, labels).support.is_large
    model = MatchingNetwork.from_encoder(encoder_folder)
    assert not FewShotClassifier(model, large_size=1).fit(texts, [["x"], ["y"], ["x", "y"]]).support.is_large
    clf = FewShotClassifier(model, large_size=3).fit(texts, labels)
    assert clf.support.is_large
    for refused in (clf.adapt, clf.diagnose):
        with pytest.raises(ValueError, match="too many: fit a part of them, or set large_size"):
            refused()
    assert np.isfinite(clf.predict_proba(texts)).all()
