"""Code of a repository runs only after it was allowed by name."""

import json
import os

import pytest
import torch
from processes import run_python
from safetensors.torch import save_file
from tiny import make_tokenizer
from transformers import AutoTokenizer

from fewtext import allow_code

MODULE = """
import torch
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput


class BagConfig(PreTrainedConfig):
    model_type = "{model_type}"

    def __init__(self, vocab_size=100, hidden_size=8, **kwargs):
        super().__init__(**kwargs)
        self.vocab_size, self.hidden_size = vocab_size, hidden_size


class BagModel(PreTrainedModel):
    config_class = BagConfig

    def __init__(self, config):
        super().__init__(config)
        self.embeddings = torch.nn.Embedding(config.vocab_size, config.hidden_size)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, **kwargs):
        return BaseModelOutput(last_hidden_state=self.embeddings(input_ids))
"""


def repository(folder, model_type="bag-of-words", auto_map=None):
    """The repository of an encoder whose architecture is code of its own, and the weights that it was given."""
    folder.mkdir()
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(folder)
    (folder / "bag.py").write_text(MODULE.format(model_type=model_type))
    auto_map = auto_map or {"AutoConfig": "bag.BagConfig", "AutoModel": "bag.BagModel"}
    stored = {"model_type": model_type, "vocab_size": len(tokenizer), "hidden_size": 8, "auto_map": auto_map}
    (folder / "config.json").write_text(json.dumps(stored))
    weights = torch.randn(len(tokenizer), 8, generator=torch.Generator().manual_seed(0))
    save_file({"embeddings.weight": weights}, folder / "model.safetensors", metadata={"format": "pt"})
    return weights


ALLOWED = """
import json, sys
from fewtext import FewShotClassifier, allow_code
encoder, name = sys.argv[1:]
try:
    FewShotClassifier.from_pretrained(name)
except ValueError as error:
    print(json.dumps(str(error)))
allow_code(encoder)
allow_code(encoder)  # a second time, as a notebook does, changes nothing
clf = FewShotClassifier.from_pretrained(name)
if name == encoder:
    clf.fit(["red wine", "white wine", "a fast car", "a slow car"], ["wine", "wine", "car", "car"])
    clf.save_pretrained(encoder + "-classifier")
print(json.dumps([clf.model.embed(["red car"])[0].tolist(), clf.predict_proba(["red car"]).tolist()]))
"""


def test_code_that_is_allowed_runs_in_this_process_and_in_the_next_that_allows_it(tmp_path):
    folder = tmp_path / "bag"
    weights = repository(folder)
    environment = {**os.environ, "HF_MODULES_CACHE": str(tmp_path / "modules")}

    def run(name):
        done = run_python(ALLOWED, folder, name, environment=environment)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    error, [vector, scores] = run(str(folder))
    assert "fewtext.allow_code" in error
    tokens = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)(["red car"])["input_ids"][0]
    expected = torch.nn.functional.normalize(weights[tokens].mean(0), dim=0)
    torch.testing.assert_close(torch.tensor(vector), expected)
    error, again = run(f"{folder}-classifier")
    assert "fewtext.allow_code" in error and "bag-of-words" in error
    assert again == [vector, scores]


def test_only_what_was_named_runs(tmp_path):
    elsewhere = {"AutoConfig": "other/code--bag.BagConfig", "AutoModel": "other/code--bag.BagModel"}
    repository(tmp_path / "elsewhere", auto_map=elsewhere)
    with pytest.raises(ValueError, match=r"is in other/code; if you trust that too, pass code_of=\."):
        allow_code(tmp_path / "elsewhere")
    repository(tmp_path / "taken", model_type="bert")
    with pytest.raises(ValueError, match="model_type 'bert' of .* is known already"):
        allow_code(tmp_path / "taken")
    repository(tmp_path / "half", auto_map={"AutoModel": "bag.BagModel"})
    with pytest.raises(ValueError, match="needs AutoConfig and AutoModel"):
        allow_code(tmp_path / "half")
    with pytest.raises(OSError):
        allow_code(tmp_path / "nowhere")
