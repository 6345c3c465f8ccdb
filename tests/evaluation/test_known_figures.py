"""Untrained MiniLM on BANKING77, as DESIGN.md measured it: 84.2 / 95.3 / 91.4 (needs the development data)."""

import pytest

from fewtext.data.tasks import load_tasks
from fewtext.evaluation.episodic import EpisodeSetting, evaluate_episodes


def test_banking77_without_training(minilm, shared_data):
    tasks = load_tasks(shared_data / "banking77" / "few_shot" / "01", split="test")
    settings = [EpisodeSetting(5, 1, 5), EpisodeSetting(5, 5, 5), EpisodeSetting(5, 1, 5, names=True)]
    # 6,000 draws instead of 600: the interval of 600 at 1 shot is ± 0.8, nearly the tolerance itself.
    one, five, named = evaluate_episodes(minilm, tasks, settings, n_episodes=6000)
    assert 100 * one.accuracy.mean == pytest.approx(84.2, abs=1)
    assert 100 * five.accuracy.mean == pytest.approx(95.3, abs=1)
    assert 100 * named.accuracy.mean == pytest.approx(91.4, abs=1)
