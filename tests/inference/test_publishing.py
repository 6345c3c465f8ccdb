import re

import yaml
from card_code import run_code_of
from hub_client import LABELS, TEXTS
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results

from fewtext.inference.classifier import FewShotClassifier


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
