"""Which classes are alike."""

import numpy as np
import torch

from fewtext.data.tasks import Task
from fewtext.training.likeness import TEXTS_OF_A_CLASS, class_likeness


def test_it_is_the_cosine_of_the_means(model):
    texts = [f"{word} number {i}" for word in ("parcel", "refund", "table") for i in range(TEXTS_OF_A_CLASS + 2)]
    labels = [label for label in "abc" for _ in range(TEXTS_OF_A_CLASS + 2)]
    found = class_likeness(model, torch.device("cpu"), Task("t", texts, labels))
    vectors = model.embed(texts).numpy().reshape(3, TEXTS_OF_A_CLASS + 2, -1)
    means = [own[:TEXTS_OF_A_CLASS].mean(0) for own in vectors]  # a part of a class tells enough
    for i, one in enumerate(means):
        for j, other in enumerate(means):
            expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
            np.testing.assert_allclose(found[i, j], expected, atol=1e-5)
