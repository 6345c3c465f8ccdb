"""The sample corpora keep what the README of the folder says of them."""

import re
from collections import Counter

import pytest
from datasets import load_dataset

from fewtext.data.names import names_are_words
from fewtext.data.sources import find_corpora
from fewtext.data.tasks import load_tasks


@pytest.mark.parametrize("corpus", ["intents", "sentiment"])
def test_no_text_occurs_twice(corpus):
    texts = [text for task in load_tasks(f"fewtext/{corpus}") for text in task.texts]
    plain = Counter(re.sub(r"\W+", " ", text.lower()).strip() for text in texts)
    assert [text for text, count in plain.items() if count > 1] == []


def test_intents_are_large_enough():
    [task] = load_tasks("fewtext/intents")
    assert len(task.classes) >= 48
    assert min(task.count(label) for label in task.classes) >= 24
    assert names_are_words(task.classes)
    path = find_corpora("fewtext/intents")["intents"]["train"]
    rows = load_dataset("csv", data_files=str(path), split="train")
    assert len(set(rows["domain"])) >= 8


def test_sentiment_is_large_enough():
    tasks = load_tasks("fewtext/sentiment")
    assert len(tasks) >= 8
    for task in tasks:
        assert task.classes == ("negative", "positive")
        assert min(task.count(label) for label in task.classes) >= 30


@pytest.mark.parametrize("corpus", ["intents", "sentiment"])
def test_texts_are_not_filled_in_templates(corpus):
    """Few texts of a class begin with the same three words, and lengths vary."""
    for task in load_tasks(f"fewtext/{corpus}"):
        for label, texts in task.texts_of.items():
            starts = Counter(" ".join(text.lower().split()[:3]) for text in texts)
            assert max(starts.values()) <= 3, (label, starts.most_common(1))
            lengths = [len(text.split()) for text in texts]
            assert min(lengths) <= 5 and max(lengths) >= 20, label
