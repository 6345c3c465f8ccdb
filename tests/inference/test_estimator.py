"""What scikit-learn asks of an estimator."""

import subprocess
import sys

import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from fewtext.inference.classifier import FewShotClassifier


class Peer(ClassifierMixin, BaseEstimator):
    """An estimator that inherits from scikit-learn's own classes."""

    def __init__(self, abstain=None):
        self.abstain = abstain


def test_tags_are_those_of_a_classifier_of_scikit_learn(model):
    own, peer = get_tags(FewShotClassifier(model)), get_tags(Peer())
    assert own.classifier_tags.multi_label
    peer.classifier_tags.multi_label = True
    assert own == peer


def test_parameters_are_set_and_cloned_as_those_of_a_peer(model):
    clf = FewShotClassifier(model).set_params(abstain=0.25)
    assert clone(clf).get_params() == clf.get_params() and clf.set_params() is clf
    with pytest.raises(ValueError, match="no parameter 'abstian'; the parameters are model, label_names, adaptation"):
        clf.set_params(abstain=0.5, abstian=0.3)
    assert clf.abstain == 0.25  # nothing was set
    nested = Pipeline([("classify", clf)]).set_params(classify__abstain="auto")
    assert nested.get_params()["classify__abstain"] == "auto" and "FewShotClassifier" in nested._repr_html_()


def test_pipelines_that_route_metadata(model):
    with config_context(enable_metadata_routing=True):
        texts, labels = ["a", "b", "a b", "b b"], ["x", "y", "x", "y"]
        pipeline = Pipeline([("same", FunctionTransformer()), ("classify", FewShotClassifier(model))])
        assert pipeline.fit(texts, labels).score(texts, labels) == FewShotClassifier(model).fit(texts, labels).score(
            texts, labels
        )


def test_a_subclass_may_take_what_else_there_is(model):
    class More(FewShotClassifier):
        def __init__(self, model=None, extra=1, **others):
            super().__init__(model, **others)
            self.extra = extra

    assert More(model, extra=2).get_params() == {"model": model, "extra": 2}


def test_scikit_learn_knows_whether_it_is_fitted(model):
    with pytest.raises(NotFittedError):
        check_is_fitted(FewShotClassifier(model))
    check_is_fitted(FewShotClassifier(model).fit(["a", "b"], ["x", "y"]))


def test_a_first_answer_loads_neither_scikit_learn_nor_pandas(model, tmp_path):
    FewShotClassifier(model).fit(["a", "b"], ["x", "y"]).save_pretrained(tmp_path / "bot")
    code = """
import sys
from fewtext import FewShotClassifier
print(FewShotClassifier.from_pretrained(sys.argv[1]).predict(["a"]).tolist())
print(sorted({"sklearn", "pandas", "datasets", "matplotlib", "peft", "scipy.stats"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "bot"], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["['x']", "[]"], done.stderr
