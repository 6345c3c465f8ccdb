"""Which classes are alike: what makes an episode hard."""

from __future__ import annotations

import numpy as np
import torch

from fewtext.data.tasks import Task
from fewtext.models.modeling import MatchingNetwork

TEXTS_OF_A_CLASS = 10
"""Texts by which it is judged which classes are alike."""


def class_likeness(model: MatchingNetwork, device: torch.device, task: Task) -> np.ndarray:
    """Return the cosine between the mean embeddings of the classes of a task, `(n_classes, n_classes)`."""
    model.to(device)  # type: ignore[arg-type]
    texts = [text for name in task.classes for text in task.texts_of[name][:TEXTS_OF_A_CLASS]]
    sizes = [min(TEXTS_OF_A_CLASS, task.count(name)) for name in task.classes]
    means = torch.stack([vectors.mean(0) for vectors in model.embed(texts).split(sizes)])
    means = torch.nn.functional.normalize(means, dim=-1)
    return (means @ means.T).float().cpu().numpy()
