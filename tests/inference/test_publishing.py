import re
import runpy

import pytest
import yaml
from card_code import run_code_of
from hub_client import LABELS, TEXTS
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results

from fewtext.inference.classifier import FewShotClassifier
from fewtext.models.publishing import remember
from fewtext.sharing.hub import TEMPLATES
from fewtext.sharing.model_card import CardFacts, Result


def test_the_card_of_a_classifier(minilm, tmp_path):
    clf = FewShotClassifier(minilm).fit(TEXTS, LABELS)
    clf.save_pretrained(tmp_path / "bot")
    card = clf.model_card("me/bot", license="mit")
    metadata = yaml.safe_load(re.match(r"---\n(.*?)\n---", str(card), re.DOTALL).group(1))
    assert metadata["library_name"] == "fewtext" and metadata["pipeline_tag"] == "text-classification"
    assert metadata["base_model"] == "sentence-transformers/all-MiniLM-L6-v2" and metadata["license"] == "mit"
    name, [result] = model_index_to_eval_results(metadata["model-index"])
    accuracy = clf.diagnose().accuracy
    assert name == "bot" and result.metric_value == round(100 * accuracy.mean, 2)
    assert f"± {100 * accuracy.half_width:.2f}" in result.metric_name
    assert "4 examples of 2 classes" in card.text and "`refund`, `track`" in card.text
    assert "'label': 'refund'" in run_code_of(card, tmp_path / "bot")
    assert ModelCard(str(card)).data.to_dict() == card.data.to_dict()  # it can be read again


def test_the_card_says_where_a_part_of_the_examples_was_asked(model, monkeypatch):
    monkeypatch.setattr("fewtext.inference.held_out.EXAMPLE_ANSWERS", 3 * len(TEXTS))
    clf = FewShotClassifier(model).fit(TEXTS, LABELS)
    assert "2 classes, leave-one-out over 3 of 4 examples" in clf.model_card("me/bot").text


def test_the_card_keeps_what_the_model_was_trained_on(model, tmp_path):
    facts = CardFacts(
        "me/model", data={"me/intents": "cc-by-4.0"}, training=["20 episodes"],
        results=[Result("me/intents", "5-way 1-shot", 0.9, 0.01)],
    )  # fmt: skip
    remember(facts, model.config)
    model.save_pretrained(tmp_path / "model")
    clf = FewShotClassifier.from_pretrained(tmp_path / "model").fit(TEXTS, LABELS)
    clf.save_pretrained(tmp_path / "bot")
    card = FewShotClassifier.from_pretrained(tmp_path / "bot").model_card("me/bot")
    assert "| me/intents | cc-by-4.0 |" in card.text and "20 episodes" in card.text
    assert card.data.datasets == ["me/intents"]
    assert card.data.eval_results[0].metric_value == 90
    clf.network.fine_tuned_on = frozenset(clf.support.ids)  # measured before the encoder changed
    adapted = clf.model_card("me/bot")
    assert "then the encoder was adapted" in adapted.text and "5-way 1-shot" not in str(adapted)


def test_the_handler_of_inference_endpoints_answers(model, tmp_path):
    clf = FewShotClassifier(model).fit(TEXTS, LABELS)
    clf.save_pretrained(tmp_path)
    script = tmp_path / "handler.py"
    script.write_text((TEMPLATES / "handler.txt").read_text())
    handler = runpy.run_path(str(script))["EndpointHandler"](str(tmp_path))
    assert handler({"inputs": TEXTS, "parameters": {"top_k": 2}}) == clf(TEXTS, top_k=2)
    with pytest.raises(ValueError, match="unknown parameters topk; there are top_k and abstain"):
        handler({"inputs": "a", "parameters": {"topk": 2}})
