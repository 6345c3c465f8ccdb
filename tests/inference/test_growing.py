"""A large support set that changes, against one made anew."""

import copy
from importlib.util import find_spec
from threading import Barrier, Event, Thread

import numpy as np
import pytest
import torch

from fewtext.inference import growing
from fewtext.inference.classifier import FewShotClassifier
from fewtext.inference.index import VectorIndex
from fewtext.inference.support import SupportSet
from fewtext.models.modeling import MatchingNetwork

SEARCHES = ["exact", pytest.param("index", marks=pytest.mark.skipif(find_spec("faiss") is None, reason="extra faiss"))]


@pytest.fixture(autouse=True)
def _every_list_is_read(monkeypatch):
    monkeypatch.setattr("fewtext.inference.large_memory.NEAREST", 1000)
    monkeypatch.setattr("fewtext.inference.index.LISTS_READ", 1000)


@pytest.fixture
def data(intents):
    pairs = [(text, label) for label in intents.classes[:8] for text in intents.texts_of[label]]
    return [text for text, _ in pairs], [label for _, label in pairs]


def made(encoder_folder, data, search):
    model = MatchingNetwork.from_encoder(encoder_folder, context="none")  # a mean that stays would differ a little
    return FewShotClassifier(model, large_size=1, search=search, precision="float32").fit(*data)


def answers(clf, texts):
    clf.cache.clear()
    return clf.memory.answer(clf.network.embed(texts)).log_probs


@pytest.mark.parametrize("search", SEARCHES)
def test_changes_give_what_a_new_one_gives(encoder_folder, data, search, encoded):
    clf, texts = made(encoder_folder, data, search), data[0][::10]
    index, count = clf.memory.index, len(encoded)
    clf.add(["one new text", "and another"], "a new class")
    assert sorted(encoded[count:]) == ["a new class", "and another", "one new text"]
    clf.remove(data[1][0]).rename(data[1][-1], "renamed").remove(ids=clf.support.ids[:3])
    clf.add(["a third"], "a new class")
    assert clf.memory.index is index  # nothing was made again
    anew = made(encoder_folder, (list(clf.support.texts), clf.support.labels), search)
    assert clf.classes_.tolist() == anew.classes_.tolist() and "renamed" in clf.classes_
    torch.testing.assert_close(answers(clf, texts), answers(anew, texts), atol=1e-4, rtol=1e-4)
    before = clf.predict_proba(texts)
    clf.update(clf.support.ids[0], label="a new class")
    assert not np.array_equal(clf.predict_proba(texts), before)


@pytest.mark.parametrize("search", SEARCHES)
def test_a_state_does_not_see_what_came_after(encoder_folder, data, search):
    clf, texts = made(encoder_folder, data, search), data[0][::10]
    memory, vectors = clf.memory, clf.network.embed(texts)
    expected = memory.answer(vectors).log_probs
    clf.add(texts, "all of them")
    torch.testing.assert_close(memory.answer(vectors).log_probs, expected)
    assert (clf.memory.answer(vectors).log_probs.argmax(-1) == clf.memory.classes.index("all of them")).any()


@pytest.mark.skipif(find_spec("faiss") is None, reason="extra faiss")
def test_two_that_grow_from_one_do_not_mix(encoder_folder, data):
    clf, texts = made(encoder_folder, data, "index"), data[0][::10]
    other = FewShotClassifier(clf.model, large_size=1, search="index", precision="float32").fit(*data)
    other._state = clf._state  # as copy.copy would make it
    clf.add(["mine alone"], "mine")
    other.add(["theirs alone"], "theirs")
    assert other.memory.index is not clf.memory.index
    assert clf.explain("mine alone").evidence[0].text == "mine alone"
    assert other.explain("theirs alone").evidence[0].text == "theirs alone"
    assert len(other.predict(texts)) == len(texts)


@pytest.mark.skipif(find_spec("faiss") is None, reason="extra faiss")
def test_two_threads_that_grow_from_one_at_the_same_moment_do_not_mix(encoder_folder, data, monkeypatch):
    clf = made(encoder_folder, data, "index")
    one, other, both = copy.copy(clf), copy.copy(clf), Barrier(2)
    comes_from = growing._comes_from

    def together(*memories):
        found = comes_from(*memories)
        both.wait(timeout=60)  # both have looked before either adds
        return found

    monkeypatch.setattr(growing, "_comes_from", together)
    threads = [
        Thread(target=own.add, args=([f"{label} alone {i}" for i in range(8)], label))
        for own, label in ((one, "mine"), (other, "theirs"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one.memory.index is not other.memory.index
    for own, label in ((one, "mine"), (other, "theirs")):
        assert own.memory.index.end == len(own.support) == len(clf.support) + 8
        assert own.explain(f"{label} alone 3").evidence[0].text == f"{label} alone 3"


@pytest.mark.parametrize("search", SEARCHES)
def test_much_growth_makes_it_anew(encoder_folder, data, search, monkeypatch):
    learned = []
    kept = VectorIndex.learned.__func__
    counted = classmethod(lambda cls, *a, **k: learned.append(1) or kept(cls, *a, **k))
    monkeypatch.setattr(VectorIndex, "learned", counted)
    clf = made(encoder_folder, data, search)
    n = len(clf.support)
    clf.add([f"text {i}" for i in range(n // 5)], "a fifth more")
    assert clf.memory.made_of == n
    clf.add([f"more text {i}" for i in range(n // 5)], "more than a quarter")
    assert clf.memory.made_of == len(clf.support) and len(learned) == (2 if search == "index" else 0)


def test_full_context_is_left_out_aloud(encoder_folder, data):
    model = MatchingNetwork.from_encoder(encoder_folder, context="lstm", context_size=8)
    with pytest.warns(UserWarning, match="by centering alone, without full context"):
        FewShotClassifier(model, large_size=1, search="exact").fit(*data)


def test_a_text_that_is_there_is_not_encoded_again(encoder_folder, data, encoded):
    clf = made(encoder_folder, data, "exact")
    count = len(encoded)
    with pytest.warns(UserWarning, match="stand under several labels"):
        clf.add([data[0][0]], data[1][-1])
    assert len(encoded) == count and len(clf.support) == len(data[0]) + 1
    assert clf.support.labels[-1] == data[1][-1] and len(set(clf.support.ids)) == len(clf.support)


def test_an_example_of_several_classes_is_refused_before_anything_is_encoded(encoder_folder, data, encoded):
    clf = made(encoder_folder, data, "exact")
    count, support = len(encoded), clf.support
    for label in (["one", "two"], {"one": 0.4, "two": 0.6}):
        with pytest.raises(ValueError, match="row 0 says .*this support set is large"):
            clf.add(["two things"], [label])
    with pytest.raises(ValueError, match="this support set is large"):
        clf.update(support.ids[0], label=["one", "two"])
    assert len(encoded) == count and clf.support is support


def test_what_is_adapted_stays_small_and_what_shrinks_becomes_it(encoder_folder, data):
    model = MatchingNetwork.from_encoder(encoder_folder)
    few = data[0][::3], data[1][::3]
    clf = FewShotClassifier(model, large_size=len(few[0]) + 1).fit(*few).adapt("memory")
    clf.add(["one more", "and more", "and more again"], "a new class")
    assert not clf.support.is_large and clf._state.is_adapted
    with pytest.raises(ValueError, match="too many: fit a part"):
        FewShotClassifier(model, large_size=10, adaptation="memory").fit(*few)
    clf = FewShotClassifier(model, large_size=100, search="exact").fit(*data)
    assert clf.support.is_large
    clf.remove(ids=list(clf.support.ids)[:170])
    assert (
        not clf.support.is_large
        and clf.support.texts == SupportSet.create(clf.support.texts, clf.support.labels).texts
    )
    assert clf.set_params(large_size=10_000).fit(made(encoder_folder, data, "exact").support).adapt("memory")


def test_all_examples_may_go_where_descriptions_stay(encoder_folder, data):
    clf = made(encoder_folder, (data[0][:2] * 2, ["x", "y", "x", "y"]), "exact")
    clf.describe("x", "the first kind").describe("y", "the second kind")
    clf.remove(ids=list(clf.support.ids))
    assert len(clf.support) == 0 and clf.predict(["the first kind"]).tolist() == ["x"]


@pytest.mark.skipif(find_spec("faiss") is None, reason="extra faiss")
def test_one_thread_adds_while_another_asks(encoder_folder, data):
    clf = made(encoder_folder, data, "index")
    memory, vectors = clf.memory, clf.network.embed(data[0][:50])
    expected = memory.answer(vectors).log_probs
    stop, wrong = Event(), []

    def ask():
        while not stop.is_set():
            if not torch.allclose(memory.answer(vectors).log_probs, expected, atol=1e-5):
                wrong.append(1)

    thread = Thread(target=ask)
    thread.start()
    for i in range(30):
        clf.add([f"text {i}"], "new")
    stop.set()
    thread.join()
    assert not wrong and clf.memory.index is memory.index


@pytest.mark.parametrize("search", SEARCHES)
def test_coming_and_going_makes_it_anew_too(encoder_folder, data, search):
    clf = made(encoder_folder, data, search)
    n = len(clf.support)
    for step in range(3):
        clf.remove(ids=list(clf.support.ids)[: n // 15]).add([f"step {step} {i}" for i in range(n // 15)], "new")
    assert clf.memory.changed <= 0.25 * clf.memory.made_of and clf.memory.made_of == len(clf.support)


@pytest.mark.parametrize("search", SEARCHES)
def test_many_changes_leave_few_pieces_and_little_of_what_went(encoder_folder, data, search, monkeypatch):
    monkeypatch.setattr("fewtext.inference.large.MOST_PIECES", 8)
    clf, n = made(encoder_folder, data, search), len(data[0])
    for i in range(n + 40):
        clf.add([f"a text that comes and goes {i}"], "new")
        clf.remove("new")
        assert len(clf.support.vectors.pieces) <= 9 and clf.support.vectors.whole <= 2 * n + 1
    clf.add(["a text that stays"], "new")
    expected = made(encoder_folder, data, search).add(["a text that stays"], "new")
    vectors = clf.network.embed(data[0][::7])
    torch.testing.assert_close(clf.memory.exact().answer(vectors).log_probs, expected.memory.answer(vectors).log_probs)
    assert clf.explain("a text that stays").evidence[0].text == "a text that stays"
    for name in ("texts", "labels"):
        assert list(getattr(clf.support, name)) == list(getattr(expected.support, name))


def test_another_text_of_an_example_is_all_that_is_encoded(encoder_folder, data, encoded, tmp_path):
    clf = made(encoder_folder, data, "exact")
    clf.save_pretrained(tmp_path, include_texts=False)
    for one in (clf, FewShotClassifier.from_pretrained(tmp_path)):
        encoded.clear()
        number, label = one.support.ids[3], one.support.labels[3]
        one.update(number, text="quite another text")
        assert encoded == ["quite another text"] and one.support.texts[-1] == "quite another text"
        assert one.support.ids[-1] == number and one.support.labels[-1] == label
        assert one.explain("quite another text").evidence[0].id == number
