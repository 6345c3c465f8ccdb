"""All that counts as an example."""

from dataclasses import replace

import torch

from fewtext.inference.counted import counted_labels, counted_tensors, counted_texts
from fewtext.inference.support import SupportSet


def test_names_and_descriptions_come_last_with_their_weight():
    support = SupportSet.create(["a", "b", "c"], ["x", "y", "x"], descriptions={"y": "why"})
    vectors = {text: torch.full((2,), float(i)) for i, text in enumerate(("x", "y", "why"))}
    support = replace(support, vectors=torch.zeros(3, 2), class_vectors=vectors)
    examples, labels, weights = counted_tensors(support, True, 0.5)
    assert examples[3:, 0].tolist() == [0, 1, 2]
    assert labels[3:].tolist() == [[1, 0], [0, 1], [0, 1]]
    assert weights.tolist() == [1, 1, 1, 0.5, 0.5, 0.5]
    assert counted_texts(support, True) == [*support.texts, "x", "y", "why"]
    assert counted_texts(support, False) == [*support.texts, "why"]
    assert torch.equal(counted_labels(support, True), labels)
