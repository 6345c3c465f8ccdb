import numpy as np
import pytest
import torch

from fewtext.data.tasks import Task
from fewtext.evaluation.fixed import evaluate_support
from fewtext.inference.classifier import FewShotClassifier
from fewtext.models.modeling import MatchingNetwork


@pytest.mark.parametrize("names", [False, True])
def test_it_equals_the_classifier(model, intents, names):
    labels = intents.classes[:6]
    support = Task("s", [t for y in labels for t in intents.texts_of[y][:4]], [y for y in labels for _ in range(4)])
    query = Task("q", [t for y in labels for t in intents.texts_of[y][4:20]], [y for y in labels for _ in range(16)])
    scores = evaluate_support(model, support, query, names=names)
    classifier = FewShotClassifier(model, label_names=names).fit(support.texts, support.labels)
    expected = np.mean(np.array(classifier.predict(query.texts)) == np.array(query.labels))
    assert scores.accuracy == scores.balanced_accuracy == pytest.approx(expected)
    assert (scores.n_support, scores.n_query) == (24, 96)


def test_always_the_same_answer_is_half_right_in_balance(model):
    support = Task("s", ["good", "bad"], ["a", "b"])
    query = Task("q", ["good", "good!", "good !!", "good"], ["a", "a", "a", "b"])
    scores = evaluate_support(model, support, query)  # every query is answered "a"
    assert (scores.accuracy, scores.balanced_accuracy) == (0.75, 0.5)


def test_bad_tasks_are_named(model):
    with pytest.raises(ValueError, match="it needs two"):
        evaluate_support(model, Task("s", ["a"], ["x"]), Task("q", ["b"], ["x"]))
    with pytest.raises(ValueError, match="no example of 'z'"):
        evaluate_support(model, Task("s", ["a", "b"], ["x", "y"]), Task("q", ["b"], ["z"]))


def test_names_that_are_no_words_are_refused(model):
    task = Task("numbers", ["a", "b", "c", "d"], ["0", "1", "0", "1"])
    with pytest.raises(ValueError, match="the class names of task 'numbers' are no words"):
        evaluate_support(model, task, task, names=True)


def test_the_order_of_the_examples_does_not_matter(encoder_folder, intents):
    torch.manual_seed(0)
    model = MatchingNetwork.from_encoder(encoder_folder, context="lstm", context_gate=0.5, name_weight=0.5)
    labels = intents.classes[:6]
    pairs = [(text, label) for label in labels for text in intents.texts_of[label][:4]]
    query = Task("q", [t for y in labels for t in intents.texts_of[y][4:20]], [y for y in labels for _ in range(16)])
    classifier = FewShotClassifier(model, label_names=True).fit(*zip(*pairs, strict=True))
    for seed in range(3):
        shuffled = [pairs[i] for i in np.random.default_rng(seed).permutation(len(pairs))]
        texts, names = zip(*shuffled, strict=True)
        scores = evaluate_support(model, Task("s", texts, names), query, names=True)
        assert scores.accuracy == pytest.approx(classifier.score(query.texts, query.labels))
