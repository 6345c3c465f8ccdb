"""All that counts as an example."""

from dataclasses import replace

import torch

from fewtext.inference.counted import counted_labels, counted_tensors, counted_texts
from fewtext.inference.support import SupportSet
from fewtext.models.one_hot import OneHot, label_table


def test_names_and_descriptions_come_last_with_their_weight():
    support = SupportSet.create(["a", "b", "c"], ["x", "y", "x"], descriptions={"y": "why"})
    vectors = {text: torch.full((2,), float(i)) for i, text in enumerate(("x", "y", "why"))}
    support = replace(support, vectors=torch.zeros(3, 2), class_vectors=vectors)
    examples, labels, weights = counted_tensors(support, True, 0.5)
    assert examples[3:, 0].tolist() == [0, 1, 2]
    assert label_table(labels)[3:].tolist() == [[1, 0], [0, 1], [0, 1]]
    assert weights.tolist() == [1, 1, 1, 0.5, 0.5, 0.5]
    assert counted_texts(support, True) == [*support.texts, "x", "y", "why"]
    assert counted_texts(support, False) == [*support.texts, "why"]
    assert torch.equal(label_table(counted_labels(support, True)), label_table(labels))


def test_several_labels_and_distributions_are_a_table():
    for labels in ([["x", "y"], ["y"]], [{"x": 0.25, "y": 0.75}, {"y": 1.0}]):
        support = SupportSet.create(["a", "b"], labels)
        [row] = [i for i in range(2) if support.texts[i] == "a"]
        assert counted_labels(support, False)[row].tolist() == ([1, 1] if support.several else [0.25, 0.75])
    assert isinstance(counted_labels(SupportSet.create(["a", "b"], ["x", "y"]), False), OneHot)
