"""Loading by Hub id: the real huggingface_hub client against a small Hub on 127.0.0.1."""

import json
import os
import shutil

import pytest
from datasets import Dataset
from hub_server import hub
from processes import run_python

from fewtext.inference.classifier import FewShotClassifier
from fewtext.models.modeling import MatchingNetwork


@pytest.fixture
def run(tmp_path):
    """Run code in a process of its own whose Hub is the one served from tmp_path/hub."""
    with hub(tmp_path / "hub") as (address, requests):
        environment = {key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"}
        environment |= {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_XET": "1"}
        environment["HF_HUB_DISABLE_TELEMETRY"] = "1"  # telemetry asks the Hub which agents there are, also offline

        def run(code, **more):
            done = run_python(code, environment={**environment, **more})
            assert done.returncode == 0, done.stderr[-3000:]
            return json.loads(done.stdout.strip().splitlines()[-1]), done.stderr

        run.requests = requests
        yield run


LOAD_DATA = """
import json
from fewtext import load_tasks
[task] = load_tasks("someone/pets", split="train")
print(json.dumps([task.name, task.texts, task.labels]))
"""


def test_a_data_set(run, tmp_path):
    folder = tmp_path / "hub" / "datasets" / "someone" / "pets"
    folder.mkdir(parents=True)
    for split, texts in (("train", ["a dog", "a cat"]), ("test", ["the dog"])):
        rows = Dataset.from_dict({"text": texts, "label_text": [text.split()[1] for text in texts]})
        rows.to_parquet(folder / f"{split}-00000-of-00001.parquet")
    found, _ = run(LOAD_DATA)
    assert found == ["someone/pets", ["a dog", "a cat"], ["dog", "cat"]]


LOAD_MODEL = """
import json
from fewtext import FewShotClassifier
clf = FewShotClassifier.from_pretrained({name})
if clf.support is None:
    clf.fit(["a dog", "a cat"], ["dogs", "cats"])
print(json.dumps([clf.model.config.base_encoder, clf.classes_.tolist(), clf.predict_proba(["some dog"]).tolist()]))
"""


def test_an_encoder_and_the_default_encoder(run, tmp_path, encoder_folder):
    for name in ("someone/tiny", "sentence-transformers/all-MiniLM-L6-v2"):
        shutil.copytree(encoder_folder, tmp_path / "hub" / "models" / name)
    (tmp_path / "hub" / "models" / "someone" / "tiny" / "pytorch_model.bin").write_bytes(b"pickle")
    clf = FewShotClassifier(MatchingNetwork.from_encoder(encoder_folder)).fit(["a dog", "a cat"], ["dogs", "cats"])
    expected = clf.predict_proba(["some dog"]).tolist()
    found, _ = run(LOAD_MODEL.format(name="'someone/tiny'"))
    assert found == ["someone/tiny", ["cats", "dogs"], expected]
    assert not any("pytorch_model.bin" in path for _, path in run.requests)  # nothing that unpickles is fetched
    found, log = run(LOAD_MODEL.format(name=""))
    assert found == ["sentence-transformers/all-MiniLM-L6-v2", ["cats", "dogs"], expected]
    assert "from the Hugging Face Hub" in log
    offline, _ = run(LOAD_MODEL.format(name="'someone/tiny'"), HF_HUB_OFFLINE="1")  # from the cache
    assert offline == ["someone/tiny", ["cats", "dogs"], expected]


def test_a_saved_classifier(run, tmp_path, model):
    clf = FewShotClassifier(model).fit(["a dog", "a cat"], ["dogs", "cats"])
    clf.save_pretrained(tmp_path / "hub" / "models" / "someone" / "bot")
    found, _ = run(LOAD_MODEL.format(name="'someone/bot'"))
    assert found == [None, ["cats", "dogs"], clf.predict_proba(["some dog"]).tolist()]


PIPELINE = """
import json
import fewtext
from transformers import pipeline
print(json.dumps(pipeline("few-shot-text-classification", model="someone/bot", top_k=None{more})(["some dog"])))
"""


def test_a_pipeline(run, tmp_path, model):
    clf = FewShotClassifier(model).fit(["a dog", "a cat"], ["dogs", "cats"])
    clf.save_pretrained(tmp_path / "hub" / "models" / "someone" / "bot")
    expected = clf.top_classes(["some dog"])
    assert run(PIPELINE.format(more=""))[0] == expected
    before = len(run.requests)
    assert run(PIPELINE.format(more=", local_files_only=True"))[0] == expected
    # Where peft is installed, transformers asks for an adapter whatever local_files_only says.
    assert [path for _, path in run.requests[before:] if not path.endswith("/adapter_config.json")] == []
