import numpy as np
import pytest

from fewtext.evaluation.plots import plot_attention, plot_learning_curve

image = pytest.importorskip("matplotlib.image")


def test_pictures_are_drawn(tmp_path):
    history = [{"step": 1, "loss": "1.5"}, {"step": 2, "loss": 1.0, "x": 1}, {"step": 2, "eval_accuracy": 0.7}]
    curve = plot_learning_curve(history, tmp_path / "curve.png")
    weights = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    heat = plot_attention(["q one", "q " * 60], ["a", "b", "c" * 90], ["x", "y", "x"], weights, tmp_path / "heat.png")
    for file in (curve, heat):
        pixels = image.imread(file)
        assert pixels.shape[0] > 200 and pixels.shape[1] > 300
        assert pixels[..., :3].std() > 0.01  # not an empty sheet
    dark = image.imread(heat)[..., :3].min()
    assert dark < 0.4


def test_an_empty_history_still_draws(tmp_path):
    assert plot_learning_curve([], tmp_path / "curve.png").is_file()
