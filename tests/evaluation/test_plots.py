import numpy as np
import pytest

from fewtext.evaluation.plots import _short, plot_attention, plot_learning_curve, plot_matrix

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


def test_long_labels_are_cut_at_a_space_or_where_there_is_none(tmp_path):
    labels = ["one word and then many more words than there is any room for", "snake_case_" * 6, "short"]
    file = plot_matrix(np.eye(3), labels, tmp_path / "matrix.png", "across", "down", "share")
    assert image.imread(file)[..., :3].std() > 0.01
    cut = ["one word and then many more words than there…", ("snake_case_" * 5)[:45] + "…", "short"]
    assert [_short(label) for label in labels] == cut


def test_an_empty_history_still_draws(tmp_path):
    assert plot_learning_curve([], tmp_path / "curve.png").is_file()
