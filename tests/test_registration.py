"""transformers knows fewtext after `import fewtext`, in whatever order both are imported."""

import json

import pytest
from processes import run_python

from fewtext.inference.classifier import FewShotClassifier

TEXT = "where is the parcel"
CHECK = f"""
import json, sys
assert not any(type(finder).__module__.startswith("fewtext") for finder in sys.meta_path), sys.meta_path
print(json.dumps(pipeline("few-shot-text-classification", model=sys.argv[1])({TEXT!r})))
"""


def run(code, *arguments):
    done = run_python(code, *arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip().splitlines()[-1], done.stderr


@pytest.fixture
def folder(model, tmp_path):
    clf = FewShotClassifier(model).fit([TEXT, "a table please"], ["track", "book"])
    clf.save_pretrained(tmp_path / "bot")
    return tmp_path / "bot"


@pytest.mark.parametrize(
    "imports",
    [
        "import fewtext; from transformers import pipeline",
        "from transformers import pipeline; import fewtext",
        "import fewtext.evaluation.metrics; from transformers import pipeline",  # evaluate imports it
        "from fewtext.models import encoders; from transformers import pipeline",
        "from fewtext import FewShotTextClassificationPipeline, FewShotClassifier; from transformers import pipeline",
    ],
)
def test_the_task_is_known(imports, folder):
    answer, log = run(imports + CHECK, folder)
    assert json.loads(answer)[0]["label"] == "track"
    assert "could not register" not in log and "already registered" not in log


def test_the_model_type_is_known(folder):
    code = """
import fewtext, sys
from transformers import AutoModel
models = AutoModel.from_pretrained(sys.argv[1]), AutoModel.from_config(fewtext.MatchingNetworkConfig())
print(*(type(model).__name__ for model in models))
"""
    assert run(code, folder)[0] == "MatchingNetwork MatchingNetwork"


def test_modules_look_as_if_nothing_had_been_there():
    code = """
import sys, fewtext, importlib.util
from importlib.machinery import SourceFileLoader
spec = importlib.util.find_spec("transformers.pipelines")
assert "transformers.pipelines" not in sys.modules and spec.loader.get_source("transformers.pipelines")
import transformers.pipelines as pipelines
from transformers.models.auto import configuration_auto
for module in (pipelines, configuration_auto):
    assert type(module.__loader__) is type(module.__spec__.loader) is SourceFileLoader
import inspect, pickle
assert pickle.loads(pickle.dumps(pipelines.pipeline)) is pipelines.pipeline
assert inspect.getsource(pipelines.pipeline)
print("fine")
"""
    assert run(code)[0] == "fine"


def test_what_fails_to_import_fails_as_it_would_and_can_be_tried_again():
    code = """
import sys, types, importlib.machinery
class Broken:
    broken = True
    def find_spec(self, name, path, target=None):
        if name == "transformers.pipelines" and self.broken:
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        raise ImportError("not today", name="something")
import fewtext
sys.meta_path.insert(1, Broken())
import transformers
try:
    import transformers.pipelines
except ImportError as error:
    assert error.args == ("not today",) and error.name == "something"
else:
    raise AssertionError
Broken.broken = False
from transformers.pipelines import PIPELINE_REGISTRY
print("few-shot-text-classification" in PIPELINE_REGISTRY.get_supported_tasks())
"""
    assert run(code)[0] == "True"


def test_transformers_works_on_where_registering_fails():
    code = """
import sys, fewtext
sys.modules["fewtext.inference.pipeline"] = None
import transformers.pipelines
print("text-classification" in transformers.pipelines.PIPELINE_REGISTRY.get_supported_tasks())
"""
    answer, log = run(code)
    assert answer == "True" and "fewtext could not register with transformers.pipelines" in log
