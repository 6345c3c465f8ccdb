import pytest

from fewtext.training.arguments import EpisodicTrainingArguments


def make(tmp_path, **options):
    return EpisodicTrainingArguments(output_dir=str(tmp_path), use_cpu=True, **options)


def test_defaults_are_right_for_episodes(tmp_path):
    args = make(tmp_path)
    assert args.remove_unused_columns is False
    assert args.train_sampling_strategy == "sequential"
    assert args.logging_nan_inf_filter is False
    assert args.ddp_find_unused_parameters is False
    assert args.restore_callback_states_from_checkpoint is True
    assert args.accelerator_config.dispatch_batches is False
    assert args.per_device_train_batch_size == 1


def test_episodes_that_cannot_be_shared_evenly(tmp_path):
    with pytest.raises(
        ValueError, match=r"n_episodes is 10; 1 process\(es\) × 4 accumulated × 2 a device take 8 a step: use 8 or 16"
    ):
        make(tmp_path, n_episodes=10, gradient_accumulation_steps=4, per_device_train_batch_size=2)
    with pytest.raises(ValueError, match="use 8"):
        make(tmp_path, n_episodes=3, gradient_accumulation_steps=8)
    assert make(tmp_path, n_episodes=16, gradient_accumulation_steps=8).episodes_per_step == 8


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"auto_find_batch_size": True}, "auto_find_batch_size"),
        ({"max_steps": 10}, "length of training is n_episodes"),
        ({"num_train_epochs": 3}, "length of training is n_episodes"),
        ({"train_sampling_strategy": "random"}, "must stay 'sequential'"),
        ({"turns": 0, "query": 2}, "turns is 0; it is from 1 to the least shot \\+ query, which is 3"),
        ({"turns": 5, "shot": [1, 4], "query": [3, 5]}, "turns is 5; .* which is 4"),
        ({"shot": []}, r"shot is \[\]; it is a whole number, or a range \[low, high\] of them"),
        ({"gradient_cache": True, "freeze_encoder": True}, "gradient_cache does nothing beside freeze_encoder"),
    ],
)
def test_options_that_go_wrong_with_episodes_are_refused(tmp_path, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(tmp_path, **options)


def test_early_stopping_keeps_the_best(tmp_path):
    args = make(tmp_path, early_stopping_patience=3, eval_strategy="steps", eval_steps=5, save_steps=5)
    assert args.load_best_model_at_end and args.metric_for_best_model == "eval_accuracy"
