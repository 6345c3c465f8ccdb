"""EpisodicTrainer in one process; exactness over processes is in test_exactness.py."""

import json
import shutil
from functools import partial

import pytest
import torch

from fewtext.data.episodes import EpisodeDataset
from fewtext.data.splits import split_classes
from fewtext.data.tasks import Task
from fewtext.models.modeling import MatchingNetwork
from fewtext.training.arguments import EpisodicTrainingArguments
from fewtext.training.freezing import learning
from fewtext.training.likeness import class_likeness
from fewtext.training.trainer import EpisodicTrainer


@pytest.fixture
def parts(intents):
    return split_classes(intents)


def make(encoder_folder, tmp_path, parts, model=None, **options):
    settings = {"n_episodes": 8, "way": 4, "query": 2, "eval_episodes": 30, "disable_tqdm": True, "use_cpu": True}
    settings |= {"learning_rate": 1e-3, "save_strategy": "no"}
    args = EpisodicTrainingArguments(output_dir=str(tmp_path), **{**settings, **options})
    torch.manual_seed(0)
    model = model or MatchingNetwork.from_encoder(encoder_folder, context="lstm", context_size=8)
    return EpisodicTrainer(model, args, [parts["train"]], [parts["validation"]])


def weights_of(trainer):
    return {name: p.detach().clone() for name, p in trainer.model.named_parameters()}


def test_training_moves_what_it_should(encoder_folder, tmp_path, parts):
    trainer = make(encoder_folder, tmp_path, parts, shot=2)
    before = weights_of(trainer)
    trainer.train()
    after = weights_of(trainer)
    unmoved = {name for name in before if torch.equal(before[name], after[name])}
    assert "encoder.embeddings.word_embeddings.weight" not in unmoved
    rows_of_absent_words = {name for name in unmoved if "position_embeddings" in name}
    assert unmoved - rows_of_absent_words == {
        "matcher.membership.weight",
        "matcher.membership.bias",
    }  # no unknown queries


def test_labels_are_smoothed_in_training_and_not_in_evaluation(encoder_folder, tmp_path, parts):
    sharp, smooth = (make(encoder_folder, tmp_path, parts, label_smoothing_factor=share) for share in (0.0, 0.5))
    assert sharp.evaluate()["eval_loss"] == smooth.evaluate()["eval_loss"]
    batch = sharp.data_collator([sharp.train_dataset[0]])
    del batch["episode_numbers"]
    losses = {}
    for name, trainer in (("sharp", sharp), ("smooth", smooth)):
        trainer.model.matcher.membership.requires_grad_(False)
        for training in (True, False):
            torch.manual_seed(0)  # the same dropout
            losses[name, training] = trainer.model.train(training)(**batch)
    assert losses["smooth", False].loss == losses["sharp", False].loss
    found = losses["sharp", True]
    torch.testing.assert_close(losses["smooth", True].loss, 0.5 * (found.loss - found.log_probs.mean()))


def test_activation_checkpointing_gives_the_same_weights(encoder_folder, tmp_path, parts, monkeypatch):
    plain = make(encoder_folder, tmp_path, parts, seed=3)
    plain.train()
    passes = []
    encode = MatchingNetwork.encode
    monkeypatch.setattr(MatchingNetwork, "encode", lambda self, *a, **k: passes.append(1) or encode(self, *a, **k))
    layers = []
    checkpointed = make(encoder_folder, tmp_path, parts, seed=3, gradient_checkpointing=True)
    layer = checkpointed.model.encoder.encoder.layer[0].intermediate
    layer.register_forward_hook(lambda *_: layers.append(1))
    checkpointed.train()
    for name, weight in weights_of(plain).items():
        torch.testing.assert_close(weights_of(checkpointed)[name], weight, atol=1e-6, rtol=0)
    assert len(layers) > len(passes)  # computed again in the backward pass


def test_unknown_queries_train_the_membership_head(encoder_folder, tmp_path, parts):
    trainer = make(encoder_folder, tmp_path, parts, n_unknown=2)
    before = weights_of(trainer)
    trainer.train()
    assert not torch.equal(before["matcher.membership.weight"], weights_of(trainer)["matcher.membership.weight"])


def test_a_frozen_encoder_stays_and_the_rest_learns_on_cached_vectors(encoder_folder, tmp_path, parts):
    trainer = make(encoder_folder, tmp_path, parts, freeze_encoder=True, n_episodes=40, names=0.5)
    before = weights_of(trainer)
    trainer.train()
    after = weights_of(trainer)
    for name in before:
        if name.startswith("encoder."):
            assert torch.equal(before[name], after[name])
    assert not torch.equal(before["matcher.context.support_lstm.gate"], after["matcher.context.support_lstm.gate"])
    fresh = make(encoder_folder, tmp_path, parts, model=trainer.model)  # evaluated through the encoder
    frozen, unfrozen = trainer.evaluate(), fresh.evaluate()
    assert frozen["eval_accuracy"] == pytest.approx(unfrozen["eval_accuracy"], abs=0.02)


def test_learning_rates_and_decay_of_the_groups(encoder_folder, tmp_path, parts):
    trainer = make(encoder_folder, tmp_path, parts, matching_learning_rate=7e-3, weight_decay=0.1)
    with learning(trainer.model, freeze_encoder=False, trains_membership=False):
        optimizer = trainer.create_optimizer()
    found = {id(p): (g["lr"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]}
    named = {name: found[id(p)] for name, p in trainer.model.named_parameters() if id(p) in found}
    assert named["encoder.encoder.layer.0.attention.self.query.weight"] == (1e-3, 0.1)
    assert named["encoder.encoder.layer.0.attention.self.query.bias"] == (1e-3, 0.0)
    assert named["matcher.context.query_lstm.gates.weight"] == (7e-3, 0.1)
    for scalar in (
        "matcher.log_temperature",
        "matcher.prototype_share",
        "matcher.context.center.share",
        "matcher.context.support_lstm.gate",
    ):
        assert named[scalar] == (7e-3, 0.0)
    assert "matcher.membership.weight" not in named


def test_the_same_seed_gives_the_same_weights(encoder_folder, tmp_path, parts):
    runs = []
    for seed in (1, 1, 2):
        trainer = make(encoder_folder, tmp_path, parts, seed=seed)
        trainer.train()
        runs.append(weights_of(trainer))
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])
    assert not all(torch.equal(runs[0][name], runs[2][name]) for name in runs[0])


def test_global_random_state_is_left_alone_by_a_step(encoder_folder, tmp_path, parts):
    trainer = make(encoder_folder, tmp_path, parts)
    batch = trainer.data_collator([trainer.train_dataset[0]])
    trainer.create_optimizer()
    trainer.current_gradient_accumulation_steps = 1  # as train() sets it
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    trainer.training_step(trainer.model, batch)
    assert torch.equal(torch.rand(3), expected)


def test_evaluation_reports_each_setting_and_stops_early(encoder_folder, tmp_path, parts):
    trainer = make(
        encoder_folder, tmp_path, parts, n_episodes=60, eval_strategy="steps", eval_steps=2, save_strategy="steps",
        save_steps=2, early_stopping_patience=2, eval_shots=(1, 2), learning_rate=0.3, matching_learning_rate=0.3,
    )  # fmt: skip
    trainer.train()
    assert trainer.state.global_step < 60  # such a learning rate ruins the encoder
    best = max(entry["eval_accuracy"] for entry in trainer.state.log_history if "eval_accuracy" in entry)
    metrics = trainer.evaluate()
    assert metrics["eval_accuracy"] == pytest.approx(best, abs=1e-6)  # the best model was loaded again
    assert metrics["eval_accuracy"] == pytest.approx(
        (metrics["eval_5way_1shot_accuracy"] + metrics["eval_5way_2shot_accuracy"]) / 2
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"way": 40}, "way is 40 but task 'intents/train' has 25 classes"),
        ({"shot": 30}, "too few: "),
        ({"eval_way": 30, "eval_strategy": "epoch"}, "way is 30 but task 'intents/validation'"),
    ],
)
def test_what_cannot_work_is_said_before_training(encoder_folder, tmp_path, parts, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(encoder_folder, tmp_path, parts, **options)


def test_a_model_without_a_tokenizer_is_refused(encoder_folder, tmp_path, parts):
    model = MatchingNetwork.from_encoder(encoder_folder)
    model.tokenizer = None
    with pytest.raises(TypeError, match="no tokenizer"):
        make(encoder_folder, tmp_path, parts, model=model)


def test_processes_that_did_not_find_each_other_are_an_error(encoder_folder, tmp_path, parts, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    model = MatchingNetwork.from_encoder(encoder_folder)
    monkeypatch.setattr(EpisodicTrainingArguments, "world_size", 1)
    args = object.__new__(EpisodicTrainingArguments)
    with pytest.raises(ValueError, match="2 processes were started but 1 found each other"):
        EpisodicTrainer(model, args, [parts["train"]])


def test_what_the_user_froze_stays_frozen(encoder_folder, tmp_path, parts):
    model = MatchingNetwork.from_encoder(encoder_folder)
    model.encoder.embeddings.requires_grad_(False)
    before = model.encoder.embeddings.word_embeddings.weight.clone()
    make(encoder_folder, tmp_path, parts, model=model).train()
    assert torch.equal(model.encoder.embeddings.word_embeddings.weight, before)


def test_what_was_frozen_for_one_training_learns_in_the_next(encoder_folder, tmp_path, parts):
    trainer = make(encoder_folder, tmp_path, parts, freeze_encoder=True)
    trainer.train()
    model = trainer.model
    before = model.encoder.embeddings.word_embeddings.weight.clone()
    make(encoder_folder, tmp_path, parts, model=model).train()
    assert not torch.equal(model.encoder.embeddings.word_embeddings.weight, before)


def test_evaluation_that_never_happens_needs_no_classes(encoder_folder, tmp_path, parts):
    few = {part: task.select(task.classes[:4]) for part, task in parts.items()}
    make(encoder_folder, tmp_path, few, eval_way=5).train()
    with pytest.raises(ValueError, match=r"evaluation \(eval_way, eval_shots, eval_query\): way is 5 but task"):
        make(encoder_folder, tmp_path, few, eval_way=5, eval_strategy="steps", eval_steps=2)


def test_going_on_with_other_episodes_is_refused(encoder_folder, tmp_path, parts):
    make(encoder_folder, tmp_path, parts, save_strategy="steps", save_steps=4).train()
    with pytest.raises(ValueError, match="other settings .*shot was 1 and is 2"):
        make(encoder_folder, tmp_path, parts, shot=2).train(resume_from_checkpoint="true")
    again = make(encoder_folder, tmp_path, parts)
    again.train(resume_from_checkpoint="true")
    assert again.state.global_step == 8
    anew = make(encoder_folder, tmp_path / "new", parts)
    anew.train(resume_from_checkpoint="false")
    assert anew.state.global_step == 8


def test_episodes_are_what_the_arguments_say(encoder_folder, tmp_path, parts):
    model = MatchingNetwork.from_encoder(encoder_folder, name_weight=0.5)
    options = {"names": 1.0, "hard": 1.0, "turns": 2, "n_unknown": 1}
    trainer = make(encoder_folder, tmp_path, parts, model, **options)
    expected = EpisodeDataset(
        [parts["train"]], length=8, way=4, shot=1, query=2, n_unknown=1, names=1.0, hard=1.0,
        seed=trainer.args.seed,
        likeness=partial(class_likeness, model, torch.device("cpu")),
    )  # fmt: skip
    assert [trainer.train_dataset[i] for i in range(8)] == [expected[i] for i in range(8)]
    random = EpisodeDataset(
        [parts["train"]], length=8, way=4, shot=1, query=2, n_unknown=1, names=1.0, seed=trainer.args.seed
    )
    assert [e.classes for e in expected] != [e.classes for e in random]
    batch = trainer.data_collator([trainer.train_dataset[0]])
    assert batch["support"].shape == (2, 8) and batch["query"].shape == (2, 9)
    assert batch["support_weights"].tolist() == [[1.0] * 4 + [0.5] * 4] * 2


def test_another_data_set_and_names_that_are_no_words_are_refused(encoder_folder, tmp_path, parts):
    trainer = make(encoder_folder, tmp_path, parts, eval_strategy="steps")
    with pytest.raises(ValueError, match="takes no other eval_dataset"):
        trainer.evaluate([])
    wordless = Task("numbers", [str(i) for i in range(60)], [str(i % 6) for i in range(60)])
    with pytest.raises(ValueError, match="evaluation .* class names of the task 'numbers' are no words"):
        make(
            encoder_folder,
            tmp_path,
            {**parts, "validation": wordless},
            eval_strategy="steps",
            eval_names=True,
            eval_way=4,
        )


def test_seconds_are_those_of_all_starts(encoder_folder, tmp_path, parts):
    make(encoder_folder, tmp_path, parts, save_strategy="steps", save_steps=4).train()
    marker = tmp_path / "checkpoint-4" / "complete"
    known = json.loads(marker.read_text())
    marker.write_text(json.dumps({**known, "seconds": 1000.0}))
    shutil.rmtree(tmp_path / "checkpoint-8")
    trainer = make(encoder_folder, tmp_path, parts, save_strategy="steps", save_steps=4)
    trainer.train(resume_from_checkpoint=True)
    assert 1000 < trainer.seconds < 1100 and known["seconds"] < 100
