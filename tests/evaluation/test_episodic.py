"""Episodic evaluation against a plain loop over single episodes."""

import numpy as np
import pytest
import torch

from fewtext.data.collator import EpisodeCollator
from fewtext.data.tasks import Task
from fewtext.evaluation import episodic
from fewtext.evaluation.episodic import EpisodeSetting, draw_episodes, evaluate_episodes
from fewtext.models.embedding import text_vectors
from fewtext.models.modeling import MatchingNetwork

SETTINGS = [EpisodeSetting(4, shot, 3, names) for shot in (1, 2) for names in (False, True)]


@pytest.fixture
def network(encoder_folder):
    torch.manual_seed(0)
    return MatchingNetwork.from_encoder(encoder_folder, context="lstm", context_gate=0.5, name_weight=0.5)


def loop(network, task, setting, n_episodes, seed):
    accuracies, losses = [], []
    for episode in draw_episodes([task], setting, n_episodes, seed):
        support = network.embed([*episode.support_texts, *episode.names], support=True)
        labels = torch.eye(setting.way)[[*episode.support_labels, *range(len(episode.names))]]
        weights = torch.tensor([1.0] * len(episode.support_texts) + [network.config.name_weight] * len(episode.names))
        log_probs = network.matcher(network.embed(episode.query_texts), support, labels, weights)
        truth = torch.tensor(episode.query_labels)
        accuracies.append((log_probs.argmax(-1) == truth).double().mean().item())
        losses.append(-log_probs[range(len(truth)), truth].mean().item())
    return np.array(accuracies), np.array(losses)


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_it_equals_the_loop(network, intents, setting):
    [scores] = evaluate_episodes(network, [intents], [setting], n_episodes=20, seed=3)
    accuracies, losses = loop(network, intents, setting, 20, 3)
    np.testing.assert_allclose(scores.accuracies, accuracies, atol=1e-9)
    np.testing.assert_allclose(scores.losses, losses, rtol=1e-3)
    assert scores.accuracy.mean == pytest.approx(accuracies.mean())


def test_settings_together_equal_settings_alone_with_one_pass_of_the_encoder(network, intents, encoded):
    together = evaluate_episodes(network, [intents], SETTINGS, n_episodes=15)
    assert len(encoded) == len(set(encoded))
    for setting, scores in zip(SETTINGS, together, strict=True):
        [alone] = evaluate_episodes(network, [intents], [setting], n_episodes=15)
        np.testing.assert_array_equal(scores.accuracies, alone.accuracies)
        assert scores.setting == setting


def test_processes_share_the_episodes_without_changing_them(network, intents):
    [whole] = evaluate_episodes(network, [intents], SETTINGS[:1], n_episodes=11)
    parts = [
        evaluate_episodes(network, [intents], SETTINGS[:1], n_episodes=11, episodes=range(rank, 11, 3))[0]
        for rank in range(3)
    ]
    for rank, part in enumerate(parts):
        np.testing.assert_array_equal(part.accuracies, whole.accuracies[rank::3])


def test_batches_of_episodes_change_nothing(network, intents, monkeypatch):
    [whole] = evaluate_episodes(network, [intents], SETTINGS[1:2], n_episodes=10)
    monkeypatch.setattr(episodic, "BATCH", 3)
    [parts] = evaluate_episodes(network, [intents], SETTINGS[1:2], n_episodes=10)
    np.testing.assert_array_equal(whole.accuracies, parts.accuracies)


def test_given_vectors_are_used(network, intents):
    vectors = text_vectors(network, [*intents.texts, *intents.classes])
    network.tokenizer = None  # nothing can be encoded any more
    [scores] = evaluate_episodes(network, [intents], SETTINGS[3:], n_episodes=5, vectors=vectors)
    assert scores.accuracies.shape == (5,)


def test_separate_encoders_are_both_used(separate, intents):
    [scores] = evaluate_episodes(separate, [intents], [SETTINGS[1]], n_episodes=10, seed=3)
    accuracies, _ = loop(separate, intents, SETTINGS[1], 10, 3)
    np.testing.assert_allclose(scores.accuracies, accuracies, atol=1e-9)


def test_what_cannot_be_drawn_is_named(network, intents):
    with pytest.raises(ValueError, match="too few"):
        evaluate_episodes(network, [intents], [EpisodeSetting(5, 30, 5)])


def test_names_that_are_no_words_and_no_settings_are_refused(model):
    task = Task("numbers", [f"text {i}" for i in range(24)], [str(i % 4) for i in range(24)])
    with pytest.raises(ValueError, match="are no words"):
        evaluate_episodes(model, [task], [EpisodeSetting(2, 1, 2, names=True)], n_episodes=2)
    with pytest.raises(ValueError, match="no settings were given"):
        evaluate_episodes(model, [task], [], n_episodes=2)


def test_names_of_every_task_must_be_words(model, intents):
    wordless = Task("numbers", [str(i) for i in range(40)], [str(i % 4) for i in range(40)])
    with pytest.raises(ValueError, match="class names of the task 'numbers' are no words"):
        evaluate_episodes(model, [intents, wordless], [EpisodeSetting(3, 1, 2, names=True)], n_episodes=2)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("context", ["center", "lstm"])
def test_models_in_half_precision_are_evaluated_and_learn(encoder_folder, intents, kind, context):
    torch.manual_seed(0)
    model = MatchingNetwork.from_encoder(encoder_folder, context=context, context_gate=0.5, context_size=8)
    setting = EpisodeSetting(4, 1, 3)
    [exact] = evaluate_episodes(model, [intents], [setting], n_episodes=20)
    episode = draw_episodes([intents], setting, 1, 0)[0]
    batch = EpisodeCollator(model.tokenizer, model.max_length)([episode])
    del batch["episode_numbers"]
    loss = model(**batch).loss
    half = model.to(kind)
    [scores] = evaluate_episodes(half, [intents], [setting], n_episodes=20)
    assert scores.accuracy.mean == pytest.approx(exact.accuracy.mean, abs=0.1)
    found = half(**batch).loss
    found.backward()
    assert found.item() == pytest.approx(loss.item(), abs=0.15)
