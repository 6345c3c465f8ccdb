from pathlib import Path

import pytest
import torch

from fewtext.inference.adaptation_files import adaptation_tensors, read_adaptation
from fewtext.inference.classifier import FewShotClassifier

TEXTS, LABELS = ["where is it", "track it", "money back", "refund me"], ["track", "track", "refund", "refund"]


def test_what_was_found_is_read_again(model):
    fitted = FewShotClassifier(model).fit(TEXTS, LABELS)._state
    assert adaptation_tensors(fitted) == {} and read_adaptation(fitted, {}, Path("x")) is fitted
    adapted = fitted.adapted()
    again = read_adaptation(fitted, adaptation_tensors(adapted), Path("x"))
    assert again.shares == pytest.approx(adapted.shares)
    for one, other in ((again.keys, adapted.keys), (again.spelling, adapted.spelling)):
        assert all(
            torch.equal(torch.as_tensor(vars(one)[name]), torch.as_tensor(vars(other)[name])) for name in vars(one)
        )


def test_half_of_it_is_refused(model):
    fitted = FewShotClassifier(model).fit(TEXTS, LABELS)._state
    tensors = adaptation_tensors(fitted.adapted())
    for name in tensors.keys() - {"key_vectors", "shares"}:
        with pytest.raises(ValueError, match="x is damaged: its class keys do not fit the 2 classes"):
            read_adaptation(fitted, {key: value for key, value in tensors.items() if key != name}, Path("x"))


def test_keys_of_an_earlier_version_count_alone(model):
    fitted = FewShotClassifier(model).fit(TEXTS, LABELS)._state
    tensors = adaptation_tensors(fitted.adapted())
    old = read_adaptation(fitted, {name: tensors[name] for name in ("key_vectors", "key_offsets")}, Path("x"))
    assert old.shares == (1.0, 0.0, 0.0, 0.0) and old.spelling is None and old.is_adapted
