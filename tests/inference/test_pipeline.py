"""The pipeline: the form of TextClassificationPipeline, the answers of FewShotClassifier."""

import copy
import json
from types import GeneratorType

import numpy as np
import pytest
import torch
from datasets import Dataset
from tiny import bert_config, make_tokenizer
from transformers import AutoModel, BertForSequenceClassification, pipeline
from transformers.pipelines.pt_utils import KeyDataset

from fewtext.inference.classifier import FewShotClassifier
from fewtext.inference.pipeline import TASK, FewShotTextClassificationPipeline, as_support
from fewtext.inference.support import SupportSet
from fewtext.models.modeling import MatchingNetwork

EXAMPLES = {
    "track": ["where is my parcel", "has it been shipped"],
    "refund": ["i want my money back", "refund the order please"],
    "book": ["book a table for two", "reserve a seat"],
}
PAIRS = [(text, label) for label, texts in EXAMPLES.items() for text in texts]
TEXTS = ["where is the parcel i ordered", "money back", "a table", "is it shipped, and when will it be here?", "seat"]


@pytest.fixture
def classifier(model):
    return FewShotClassifier(model).fit([text for text, _ in PAIRS], [label for _, label in PAIRS])


@pytest.fixture
def folder(classifier, tmp_path):
    classifier.save_pretrained(tmp_path / "bot")
    return tmp_path / "bot"


@pytest.fixture
def plain():
    """A TextClassificationPipeline of three classes."""
    tokenizer = make_tokenizer()
    network = BertForSequenceClassification(bert_config(len(tokenizer), num_labels=3))
    return pipeline("text-classification", model=network, tokenizer=tokenizer, device="cpu")


def form(answers):
    """What answers are made of, without the answers."""
    if isinstance(answers, dict):
        return {key: type(value) for key, value in answers.items()}
    return [form(answer) for answer in answers]


def same(answers, expected):
    assert form(answers) == form(expected)
    if isinstance(answers, dict):
        assert answers["label"] == expected["label"] and answers["score"] == pytest.approx(expected["score"], abs=1e-5)
    else:
        for answer, right in zip(answers, expected, strict=True):
            same(answer, right)


INPUTS = {
    "text": lambda: TEXTS[0],
    "list": lambda: list(TEXTS),
    "list of one": lambda: TEXTS[:1],
    "mapping": lambda: {"text": TEXTS[0]},
    "list of mappings": lambda: [{"text": text} for text in TEXTS],
    "generator": lambda: (text for text in TEXTS),
    "key dataset": lambda: KeyDataset(Dataset.from_dict({"body": TEXTS}), "body"),
}


@pytest.mark.parametrize("given", INPUTS)
@pytest.mark.parametrize("options", [{}, {"top_k": 1}, {"top_k": 2}, {"top_k": None}, {"batch_size": 2}], ids=str)
def test_the_form_is_that_of_text_classification(given, options, folder, plain, classifier):
    pipe = pipeline(TASK, model=folder, device="cpu")
    ours, theirs = pipe(INPUTS[given](), **options), plain(INPUTS[given](), **options)
    assert type(ours) is type(theirs)
    if given in ("generator", "key dataset"):
        ours, theirs = list(ours), list(theirs)
    assert form(ours) == form(theirs)
    ranked = classifier.top_classes(TEXTS, options.get("top_k", 1))
    expected = ranked if "top_k" in options else [row[0] for row in ranked]
    if given in ("text", "mapping"):
        expected = expected[0] if "top_k" in options or given == "mapping" else expected[:1]
    same(ours, expected[:1] if given == "list of one" else expected)


def test_top_k_at_the_start_has_the_form_it_has_there(folder, classifier):
    plain_tokenizer = make_tokenizer()
    network = BertForSequenceClassification(bert_config(len(plain_tokenizer), num_labels=3))
    theirs = pipeline("text-classification", model=network, tokenizer=plain_tokenizer, device="cpu", top_k=2)
    ours = pipeline(TASK, model=folder, device="cpu", top_k=2, batch_size=3)
    for given in (TEXTS[0], TEXTS):
        assert form(ours(given)) == form(theirs(given))
    same(ours(TEXTS), classifier.top_classes(TEXTS, 2))


def test_other_things_with_texts(folder, classifier):
    pipe = pipeline(TASK, model=folder)
    rows = Dataset.from_dict({"text": TEXTS, "n": list(range(5))})
    expected = classifier(TEXTS)
    for texts in (rows["text"], tuple(TEXTS), np.array(TEXTS), rows):
        answers = pipe(texts)
        assert isinstance(answers, list)
        same(answers, expected)
    same(list(pipe(iter(TEXTS))), expected)
    assert pipe([]) == [] and pipe(rows.select([])["text"]) == []


def test_streams_are_read_as_far_as_they_are_asked_for(folder):
    read = []

    def texts():
        for text in TEXTS:
            read.append(text)
            yield text

    pipe = pipeline(TASK, model=folder)
    answers = iter(pipe(texts()))
    assert len(read) <= 1
    next(answers)
    assert len(read) <= 2
    assert not isinstance(pipe(texts()), list | GeneratorType)


def test_lists_are_encoded_together(folder, encoded, monkeypatch):
    calls = []
    top_classes = FewShotClassifier.top_classes

    def counting(self, texts, *more):
        calls.append(len(texts))
        return top_classes(self, texts, *more)

    monkeypatch.setattr(FewShotClassifier, "top_classes", counting)
    pipe = pipeline(TASK, model=folder)
    assert encoded == []  # the support set came with its embeddings
    pipe(TEXTS)
    pipe(TEXTS, batch_size=2)
    list(pipe(iter(TEXTS)))
    pipeline(TASK, model=folder, batch_size=4)(TEXTS)
    assert calls == [5, 2, 2, 1, 1, 1, 1, 1, 1, 4, 1]


@pytest.mark.parametrize("kind", ["pairs", "dictionary", "support set", "data set"])
def test_support(kind, encoder_folder, classifier):
    texts, labels = [text for text, _ in PAIRS], [label for _, label in PAIRS]
    support = {
        "pairs": PAIRS,
        "dictionary": EXAMPLES,
        "support set": SupportSet.create(texts, labels),
        "data set": Dataset.from_dict({"utterance": texts, "intent": labels}),
    }[kind]
    pipe = pipeline(TASK, model=encoder_folder, support=support)
    same(pipe(TEXTS, top_k=None), classifier.top_classes(TEXTS))


def test_support_takes_the_place_of_the_saved_one(folder, model):
    pipe = pipeline(TASK, model=folder, support={"yes": "gladly", "no": "never"}, label_names=False)
    clf = FewShotClassifier(model, label_names=False).fit(["gladly", "never"], ["yes", "no"])
    same(pipe(TEXTS, top_k=None), clf.top_classes(TEXTS))
    assert len(FewShotClassifier.from_pretrained(folder).support) == len(PAIRS)


def test_support_that_is_none():
    with pytest.raises(TypeError, match="row 1 is 'b'; every row is a .text, label. pair"):
        as_support([("a", "x"), "b"])
    with pytest.raises(TypeError, match="support is a str"):
        as_support("a")
    with pytest.raises(ValueError, match="no text of the class 'x'"):
        as_support({"y": ["a"], "x": []})


def test_a_model_without_examples(encoder_folder, model, tmp_path):
    model.save_pretrained(tmp_path / "model")
    for name in (encoder_folder, tmp_path / "model"):
        with pytest.raises(ValueError, match=r"pass support= .* or call fit"):
            pipeline(TASK, model=name)
    same(
        pipeline(TASK, model=tmp_path / "model", support=PAIRS)(TEXTS),
        pipeline(TASK, model=model, support=PAIRS)(TEXTS),
    )


def test_models_that_are_loaded_already(model, classifier, encoder_folder):
    expected = classifier(TEXTS)
    tokenizer, model.tokenizer = model.tokenizer, None
    with pytest.raises(ValueError, match="pass tokenizer="):
        pipeline(TASK, model=model, support=PAIRS)
    same(pipeline(TASK, model=model, tokenizer=tokenizer, support=PAIRS)(TEXTS), expected)
    same(pipeline(TASK, model=model, tokenizer=str(encoder_folder), support=PAIRS)(TEXTS), expected)
    same(pipeline(TASK, model=classifier)(TEXTS), expected)
    another = copy.deepcopy(tokenizer)
    another.add_tokens(["quite", "another"])
    with pytest.raises(ValueError, match="the model has another tokenizer"):
        pipeline(TASK, model=classifier, tokenizer=another)
    assert classifier.network.tokenizer is not another
    other = pipeline(TASK, model=classifier, support=[("gladly", "yes"), ("never", "no")])
    assert other("never")[0]["label"] == "no" and "yes" not in classifier.classes_
    bare = AutoModel.from_pretrained(encoder_folder)
    same(pipeline(TASK, model=bare, tokenizer=tokenizer, support=PAIRS)(TEXTS), expected)
    for wrong in ({"label_names": False}, {"device": "meta"}):
        with pytest.raises(ValueError, match="where it is made"):
            pipeline(TASK, model=classifier, **wrong)
    with pytest.raises(TypeError, match="model is a int"):
        FewShotTextClassificationPipeline(7)


def test_abstaining(folder, classifier):
    pipe = pipeline(TASK, model=folder)
    same(pipe(TEXTS, top_k=2, abstain=1.0), classifier.top_classes(TEXTS, 2, 1.0))
    assert pipe(TEXTS[0], abstain=1.0)[0]["label"] is None
    assert pipe(TEXTS[0])[0]["label"] is not None
    same(pipeline(TASK, model=folder, abstain="auto")(TEXTS), classifier(TEXTS, abstain="auto"))
    classifier.abstain = 1.0
    classifier.save_pretrained(folder)
    assert pipeline(TASK, model=folder)(TEXTS[0])[0]["label"] is None


def test_what_cannot_be_classified(folder):
    pipe = pipeline(TASK, model=folder)
    for wrong, error, message in (
        ([None], TypeError, "got None"),
        (["a", "b", None], TypeError, r"got None \(NoneType\), row 2"),
        ([["a", "b"]], TypeError, "must be a string"),
        ({"text": "a", "text_pair": "b"}, TypeError, "text_pair"),
        (["a", " "], ValueError, "empty text, row 1"),
        (["a", "b \ud800"], ValueError, "not valid Unicode, row 1"),
    ):
        with pytest.raises(error, match=message):
            pipe(wrong)
    with pytest.raises(ValueError, match="top_k is 0"):
        pipe("a", top_k=0)
    with pytest.raises(TypeError, match="no parameter truncation"):
        pipe("a", truncation=True)
    with pytest.raises(ValueError, match="used as it was saved, in torch.float32"):
        pipeline(TASK, model=folder, dtype=torch.bfloat16)


def test_saving_keeps_code_out_of_the_folder(folder, tmp_path):
    pipe = pipeline(TASK, model=folder)
    pipe.save_pretrained(tmp_path / "again")
    assert not list((tmp_path / "again").glob("*.py"))
    assert "custom_pipelines" not in json.loads((tmp_path / "again" / "config.json").read_text())
    same(pipeline(TASK, model=tmp_path / "again")(TEXTS), pipe(TEXTS))


def test_device_numbers(folder):
    assert pipeline(TASK, model=folder, device=-1).device.type == "cpu"
    assert MatchingNetwork.from_pretrained(folder).device.type == "cpu"
