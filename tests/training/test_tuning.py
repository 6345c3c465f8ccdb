import pytest

from fewtext.data.splits import split_classes
from fewtext.models.modeling import MatchingNetwork
from fewtext.training.arguments import EpisodicTrainingArguments
from fewtext.training.trainer import EpisodicTrainer
from fewtext.training.tuning import search

pytest.importorskip("optuna")


@pytest.fixture
def make_trainer(encoder_folder, tmp_path, intents):
    parts = split_classes(intents)

    def make(kernel="cosine", **options):
        args = EpisodicTrainingArguments(
            output_dir=str(tmp_path), n_episodes=2, way=3, query=2, eval_episodes=10, use_cpu=True, save_strategy="no",
            disable_tqdm=True, freeze_encoder=True, **options,
        )  # fmt: skip
        model = MatchingNetwork.from_encoder(encoder_folder, kernel=kernel)
        return EpisodicTrainer(model, args, [parts["train"]], [parts["validation"]])

    return make


def test_a_grid_tries_every_combination_and_puts_the_best_first(make_trainer):
    trials = search(make_trainer, {"kernel": ["cosine", "dot"], "shot": [1, 3]}, method="grid")
    assert sorted((t.settings["kernel"], t.settings["shot"]) for t in trials) == [
        ("cosine", 1), ("cosine", 3), ("dot", 1), ("dot", 3)
    ]  # fmt: skip
    assert [t.score for t in trials] == sorted((t.score for t in trials), reverse=True)


def test_random_draws_follow_the_seed(make_trainer):
    space = {"matching_learning_rate": {"low": 1e-4, "high": 1e-1, "log": True}}
    draws = [
        sorted(t.settings["matching_learning_rate"] for t in search(make_trainer, space, n_trials=2, seed=seed))
        for seed in (0, 0, 1)
    ]
    assert draws[0] == draws[1] != draws[2]
    assert all(1e-4 <= value <= 1e-1 for value in draws[0])


def test_a_bad_search_is_named(make_trainer):
    with pytest.raises(ValueError, match="a grid needs a list"):
        search(make_trainer, {"x": {"low": 0, "high": 1}}, method="grid")
    with pytest.raises(ValueError, match="'grid' or 'random'"):
        search(make_trainer, {"x": [1]}, method="bayes")
    with pytest.raises(ValueError, match="space is empty"):
        search(make_trainer, {})


def test_a_range_of_whole_numbers_and_what_is_no_range(make_trainer):
    trials = search(make_trainer, {"shot": {"low": 1, "high": 3}}, n_trials=2)
    assert all(isinstance(trial.settings["shot"], int) for trial in trials)
    with pytest.raises(ValueError, match="a range has low and high"):
        search(make_trainer, {"shot": {"low": 1}})
    with pytest.raises(ValueError, match="give a list of values"):
        search(make_trainer, {"kernel": "cosine"})
    with pytest.raises(ValueError, match="there is no metric 'eval_acuracy'; there is eval_accuracy, eval_5way"):
        search(make_trainer, {"shot": [1]}, metric="eval_acuracy", n_trials=1)
