"""The classifier as scikit-learn uses it."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone, is_classifier
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from fewtext.inference.classifier import FewShotClassifier

EXAMPLES = (
    ["where is it", "not here yet", "money back", "a return"],
    ["track", "track", "refund", "refund"],
)


@pytest.fixture
def data(intents):
    pairs = [(text, label) for label in intents.classes[:3] for text in intents.texts_of[label][:4]]
    return [text for text, _ in pairs], [label for _, label in pairs]


def test_parameters_and_clones(model, data):
    clf = FewShotClassifier(model, abstain="auto", label_names=False).fit(*data)
    assert is_classifier(clf)
    copy = clone(clf)
    assert copy.model is model and copy.support is None
    assert copy.get_params() == clf.get_params()
    assert set(clf.get_params()) == {
        "model", "label_names", "adaptation", "abstain", "abstain_by", "cache_size",
        "large_size", "search", "precision",
    }  # fmt: skip
    assert copy.set_params(abstain=0.2).abstain == 0.2 and clf.abstain == "auto"
    with pytest.raises(ValueError, match="abstain is 7"):
        clf.set_params(abstain=7).fit(*data)


def test_cross_validation_search_and_pipelines(minilm, data):
    texts, labels = data
    clf = FewShotClassifier(minilm)
    scores = cross_val_score(clf, np.array(texts), np.array(labels), cv=4)
    assert scores.mean() > 0.8
    search = GridSearchCV(clf, {"label_names": [True, False], "adaptation": [None, "memory"]}, cv=2)
    search.fit(pd.Series(texts), pd.Series(labels))
    assert search.best_score_ > 0.7 and len(search.cv_results_["params"]) == 4
    lower = FunctionTransformer(lambda rows: [row.lower() for row in rows])
    pipeline = Pipeline([("lower", lower), ("classify", FewShotClassifier(minilm))]).fit(texts, labels)
    assert pipeline.score(texts, labels) == 1.0
    probabilities = cross_val_predict(clf, texts, labels, cv=2, method="predict_proba")
    assert probabilities.shape == (12, 3)


@pytest.mark.parametrize("kind", [int, str, float, lambda i: ("group", i), lambda i: i % 2 == 0, np.int64])
def test_labels_of_any_type_come_back(model, data, kind):
    texts, names = data
    labels = [kind(sorted(set(names)).index(name)) for name in names]
    clf = FewShotClassifier(model, adaptation="memory").fit(texts, labels)
    assert list(clf.classes_) == sorted(set(labels))
    predicted = clf.predict(texts)
    assert all(label in set(labels) for label in predicted) and clf.score(texts, labels) > 0.9
    assert clf.predict_proba(texts).argmax(1).tolist() == [list(clf.classes_).index(label) for label in predicted]


def test_decision_function(model, data):
    clf = FewShotClassifier(model).fit(*data)
    scores, probabilities = clf.decision_function(data[0]), clf.predict_proba(data[0])
    np.testing.assert_allclose(np.exp(scores), probabilities, atol=1e-6)
    np.testing.assert_array_equal(clf.predict_log_proba(data[0]), scores)
    two = FewShotClassifier(model).fit(data[0][:8], data[1][:8])
    second = two.predict(data[0][:8]) == two.classes_[1]
    assert two.decision_function(data[0][:8]).shape == (8,)
    assert ((two.decision_function(data[0][:8]) > 0) == second).all()


def test_partial_fit_adds(model, data):
    whole = FewShotClassifier(model).fit(*data)
    parts = FewShotClassifier(model)
    for start in (0, 6):
        parts.partial_fit(data[0][start : start + 6], data[1][start : start + 6], classes=whole.classes_)
    np.testing.assert_allclose(parts.predict_proba(["hi"]), whole.predict_proba(["hi"]), atol=1e-5)


def test_several_labels_a_text(minilm):
    texts = ["the food was great", "delicious pizza", "the waiter was rude", "slow and unfriendly service",
             "great food but rude waiter", "tasty meal, slow service"]  # fmt: skip
    labels = [["food"], ["food"], ["service"], ["service"], ["food", "service"], ["service", "food"]]
    clf = FewShotClassifier(minilm).fit(texts, labels)
    matrix = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [1, 1], [1, 1]])
    assert clf.classes_.tolist() == ["food", "service"]
    found = clf.predict(["lovely pasta", "the waiter ignored us", "good pasta, the waiter ignored us"])
    assert found.sum(1).min() >= 1 and found[0, 0] == 1 and found[1, 1] == 1
    by_matrix = FewShotClassifier(minilm, label_names=False).fit(texts, matrix)
    by_lists = FewShotClassifier(minilm, label_names=False).fit(texts, labels)
    np.testing.assert_array_equal(by_matrix.predict_proba(texts).argmax(1), by_lists.predict_proba(texts).argmax(1))
    assert by_matrix.score(texts, matrix) == np.mean((by_matrix.predict(texts) == matrix).all(1))
    assert f1_score(matrix, clf.predict(texts), average="micro") > 0.7


def test_a_model_by_name_is_loaded_when_it_is_needed(encoder_folder, data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf = FewShotClassifier(str(encoder_folder)).fit(*data)
    assert clf.get_params()["model"] == str(encoder_folder)
    assert clf.predict(data[0][:1]).tolist() == [data[1][0]]
    assert "12 examples of 3 classes" in repr(clf)
    assert repr(FewShotClassifier()) == "FewShotClassifier(fewtext/minilm, no examples)"


def test_an_indicator_matrix_is_scored_and_cross_validated(minilm):
    texts = [
        f"{a} {b}" for a in ("red wine", "white wine", "fast car", "slow car") for b in ("today", "now", "please")
    ]
    matrix = np.array([[1, 0, 1]] * 3 + [[1, 0, 0]] * 3 + [[0, 1, 1]] * 3 + [[0, 1, 0]] * 3)
    clf = FewShotClassifier(minilm).fit(texts, matrix)
    right = np.array(clf.predict(texts) == matrix).all(1).mean()
    assert clf.score(texts, matrix) == pytest.approx(right)
    assert clf.score(texts[3:6], matrix[3:6]) == pytest.approx((clf.predict(texts[3:6]) == matrix[3:6]).all(1).mean())
    assert clf.score(texts[:1], np.zeros((1, 3), dtype=int)) == 0.0  # a text of no class is named by at least one
    assert clf.score(texts, csr_matrix(matrix)) == pytest.approx(right)
    assert np.isfinite(cross_val_score(FewShotClassifier(minilm), texts, matrix, cv=6)).all()
    with pytest.raises(ValueError, match=r"labels has the shape \(1, 2\); \(1, 3\) was expected"):
        clf.score(texts[:1], np.zeros((1, 2)))


def test_thresholds_learn_from_unknown_texts_alone_where_nothing_can_be_left_out(minilm):
    unknown = ["how tall is the tower", "play some jazz", "what is seven times eight", "who won the match"]
    given = ["where is my parcel", "i want my money back"]
    clf = FewShotClassifier(minilm, label_names=False).fit(given, ["tracking", "refund"], unknown=unknown)
    assert clf.predict(["has my parcel arrived", "how high is the tower"], abstain="auto").tolist() == [
        "tracking",
        None,
    ]
    bare = FewShotClassifier(minilm, label_names=False).fit(given, ["tracking", "refund"])
    with pytest.warns(UserWarning, match="no example can be left out here"):
        assert bare.predict(["how high is the tower"], abstain="auto").tolist() != [None]


def test_a_threshold_of_numpy(minilm, data):
    clf = FewShotClassifier(minilm, abstain=np.float32(0.5)).fit(*data)
    assert len(clf.predict(data[0], abstain=np.float64(0.5))) == len(data[0])


def test_a_long_explanation_says_what_it_leaves_out(minilm, data):
    shown = str(FewShotClassifier(minilm).fit(*data).explain(data[0][0])).splitlines()
    assert len(shown) == 12 and shown[-1].endswith("% more".replace("%", str(len(data[0]) + 3 - 10)))


def test_one_class_that_is_left_can_be_asked_for(minilm):
    clf = FewShotClassifier(minilm).fit(["a", "b"], ["x", "y"]).remove("x")
    assert clf.classes_.tolist() == ["y"]
    with pytest.raises(ValueError, match="knows only the class 'y'"):
        clf.predict(["a"])


def test_a_description_is_told_from_a_name(minilm, data):
    clf = FewShotClassifier(minilm).fit(*data)
    label = clf.classes_[0]
    clf.describe(label, "a sentence about it")
    [described] = [item for item in clf.explain("hello").evidence if item.is_description]
    assert (described.text, described.label, described.is_name) == ("a sentence about it", label, True)
    assert "a sentence about it (description)" in str(clf.explain("a sentence about it"))


@pytest.mark.parametrize(
    "change",
    [
        lambda clf: clf.set_params(abstain="auto"),
        lambda clf: clf.set_params(abstain_by="margin"),
        lambda clf: clf.fit(*EXAMPLES, unknown=["what is the weather like", "play some jazz"]),
        lambda clf: clf.network.matcher.log_temperature.data.add_(1e-3),
        lambda clf: clf.describe("refund", "money comes back"),
        lambda clf: clf.set_params(large_size=1, search="exact", precision="float32").fit(*EXAMPLES),
    ],
)
def test_the_fingerprint_tells_all_that_answers_depend_on(model, change):
    clf = FewShotClassifier(model).fit(*EXAMPLES)
    told = clf.fingerprint
    change(clf)
    assert clf.fingerprint != told


@pytest.mark.parametrize(
    ("setting", "value"),
    [("pooling", "cls"), ("lower_share", 0.4), ("max_length", 5), ("query_prompt", "query: "), ("context_steps", 1)],
)
def test_the_fingerprint_tells_how_a_model_reads(model, setting, value):
    """The weights, the examples and what was fitted to them are the same."""
    clf = FewShotClassifier(model).fit(*EXAMPLES)
    told = clf.fingerprint
    setattr(model.config, setting, value)
    assert clf.fingerprint != told


def test_the_fingerprint_tells_how_a_large_support_set_is_kept(model):
    def told(**settings):
        return FewShotClassifier(model, large_size=1, **settings).fit(*EXAMPLES).fingerprint

    assert len({told(search="exact", precision=kind) for kind in ("float32", "float16", "int8")}) == 3


def test_the_fingerprint_does_not_depend_on_what_came_first(model, tmp_path):
    clf = FewShotClassifier(model).fit(*EXAMPLES).rename("track", "a parcel").describe("refund", "money comes back")
    clf.save_pretrained(tmp_path)
    assert FewShotClassifier.from_pretrained(tmp_path).fingerprint == clf.fingerprint


def test_few_examples_cannot_tell_what_fits_no_class(minilm):
    clf = FewShotClassifier(minilm).fit(["where is my parcel", "i want my money back"], ["track order", "refund"])
    with pytest.warns(UserWarning, match="only 2 different examples tell which texts fit no class"):
        clf.predict(["quantum physics lecture"], abstain="auto")
