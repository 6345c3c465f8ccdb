"""What users do, on a GPU: `FEWTEXT_TEST_GPU=1 pytest tests/test_gpu.py`. All other tests run on the CPU."""

import numpy as np
import pytest
import torch
from transformers import pipeline, set_seed

from fewtext import EpisodicTrainer, EpisodicTrainingArguments, FewShotClassifier, MatchingNetwork, split_classes
from fewtext.models.devices import default_device
from fewtext.models.embedding import encode_for_training

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU, and FEWTEXT_TEST_GPU=1")

CLOSE = {"atol": 0.02, "rtol": 0}
"""What half precision leaves of probabilities."""


def examples(task, n_way=6, shot=4):
    return [(text, label) for label in task.classes[:n_way] for text in task.texts_of[label][:shot]]


@pytest.fixture
def data(intents):
    return tuple(zip(*examples(intents), strict=True))


@pytest.fixture
def queries(intents):
    return [text for label in intents.classes[:6] for text in intents.texts_of[label][4:12]]


def test_texts_have_the_vectors_that_they_have_on_a_cpu(minilm, intents):
    texts = list(intents.texts)
    there = MatchingNetwork.from_encoder(context="none", class_vote="sum").to("cuda")
    found, expected = there.embed(texts, batch_tokens=4096), minilm.embed(texts)
    assert found.is_cuda
    torch.testing.assert_close(found.cpu(), expected, atol=5e-3, rtol=0)


@pytest.mark.parametrize("adaptation", [None, "memory", "encoder"])
@pytest.mark.parametrize("context", ["none", "lstm"])
def test_a_classifier_answers_as_on_a_cpu(encoder_folder, data, queries, adaptation, context, tmp_path):
    set_seed(0)
    model = MatchingNetwork.from_encoder(encoder_folder, context=context, context_gate=0.1)
    clf = FewShotClassifier(model.to("cuda"), adaptation=adaptation).fit(*data)
    assert clf.network.device.type == "cuda"
    clf.save_pretrained(tmp_path)
    there, here = (FewShotClassifier.from_pretrained(tmp_path, device=device) for device in ("cuda", "cpu"))
    np.testing.assert_allclose(there.predict_proba(queries), clf.predict_proba(queries), **CLOSE)
    np.testing.assert_allclose(here.predict_proba(queries), clf.predict_proba(queries), **CLOSE)
    assert clf.explain(queries[0]).label == clf.predict(queries[:1])[0]


def test_a_class_with_one_example_is_adapted_to(encoder_folder, data):
    clf = FewShotClassifier(MatchingNetwork.from_encoder(encoder_folder, context="lstm").to("cuda"), label_names=False)
    clf.fit([*data[0], "one text alone"], [*data[1], "alone"]).adapt("encoder", rounds=1)
    assert np.isfinite(clf.predict_proba(["one text alone"])).all()


def test_a_model_that_nobody_placed_is_on_the_gpu(encoder_folder, data):
    assert default_device().type == "cuda"
    for clf in (FewShotClassifier(str(encoder_folder)), FewShotClassifier.from_pretrained(encoder_folder)):
        assert clf.fit(*data).network.device.type == "cuda"
    assert FewShotClassifier.from_pretrained(encoder_folder, device="cpu").fit(*data).network.device.type == "cpu"


def test_a_pipeline_takes_the_number_of_a_gpu(encoder_folder, data):
    support = {
        label: [text for text, own in zip(*data, strict=True) if own == label] for label in dict.fromkeys(data[1])
    }
    model = MatchingNetwork.from_encoder(encoder_folder)
    pipe = pipeline("few-shot-text-classification", model=model, support=support, device=0)
    assert pipe.device.type == "cuda"
    assert pipe(data[0][0])[0]["label"] in support


@pytest.mark.parametrize(
    "settings", [{"bf16": True}, {"gradient_cache": True}, {"freeze_encoder": True}, {"gradient_checkpointing": True}]
)
def test_training_lowers_the_loss_and_repeats_itself(encoder_folder, intents, settings, tmp_path):
    parts = split_classes(intents)
    weights, losses = [], []
    for run in range(2):
        set_seed(0)
        model = MatchingNetwork.from_encoder(encoder_folder, context="lstm", context_size=8)
        args = EpisodicTrainingArguments(
            str(tmp_path / str(run)), n_episodes=60, way=5, query=3, names=0.5, learning_rate=1e-3, save_strategy="no",
            eval_strategy="no", logging_steps=20, disable_tqdm=True, **settings,
        )  # fmt: skip
        trainer = EpisodicTrainer(model, args, [parts["train"]])
        trainer.train()
        losses.append([row["loss"] for row in trainer.state.log_history if "loss" in row])
        weights.append(torch.cat([p.detach().float().flatten().cpu() for p in trainer.whole_model().parameters()]))
    assert args.device.type == "cuda" and losses[0][-1] < losses[0][0]
    torch.testing.assert_close(weights[0], weights[1], atol=2e-3, rtol=0)  # sums on a GPU come in any order


def test_full_context_has_gradients_while_nothing_drops_out(encoder_folder):
    model = MatchingNetwork.from_encoder(encoder_folder, context="lstm").to("cuda").eval()
    support = torch.randn(4, 32, device="cuda", requires_grad=True)
    model.matcher(torch.randn(3, 32, device="cuda"), support, torch.eye(4, device="cuda")).sum().backward()
    assert support.grad.abs().sum() > 0


def test_one_pass_and_several_have_the_same_gradients(minilm, intents):
    model = MatchingNetwork.from_encoder(context="none").to("cuda").eval()
    batch = model.tokenizer(list(intents.texts[:200]), padding=True, return_tensors="pt").to("cuda")
    gradients = []
    for tokens in (None, 512):
        model.training_tokens = tokens
        model.zero_grad()
        encode_for_training(model, batch["input_ids"], batch["attention_mask"]).square()[:, :100].sum().backward()
        gradients.append(model.encoder.get_input_embeddings().weight.grad.clone())
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-4, rtol=1e-3)
