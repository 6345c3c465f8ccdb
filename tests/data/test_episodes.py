"""Item i is a function of (seed, i) alone, and holds what was asked for."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewtext.data.episodes import UNKNOWN, Episode, EpisodeDataset, take_turns
from fewtext.data.tasks import Task, load_tasks


def corpus(n_classes=8, n_texts=12, name="corpus", **options):
    pairs = [
        (f"{name} text {i} of {label}", f"class {label:02d}") for label in range(n_classes) for i in range(n_texts)
    ]
    return Task(name, [text for text, _ in pairs], [label for _, label in pairs], **options)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    way=st.integers(2, 6),
    shot=st.integers(1, 4),
    query=st.integers(1, 4),
    n_unknown=st.integers(0, 3),
)
def test_an_episode_holds_what_was_asked_for(seed, way, shot, query, n_unknown):
    task = corpus()
    episode = EpisodeDataset([task], length=3, way=way, shot=shot, query=query, n_unknown=n_unknown, seed=seed)[1]
    assert len(set(episode.classes)) == way
    assert Counter(episode.support_labels) == dict.fromkeys(range(way), shot)
    known = [label for label in episode.query_labels if label != UNKNOWN]
    assert Counter(known) == dict.fromkeys(range(way), query)
    assert len(episode.query_labels) - len(known) == n_unknown
    texts = [*episode.support_texts, *episode.query_texts]
    assert len(set(texts)) == len(texts)  # no query is among the examples
    label_of = dict(zip(task.texts, task.labels, strict=True))
    for text, label in zip(episode.query_texts, episode.query_labels, strict=True):
        if label == UNKNOWN:
            assert label_of[text] not in episode.classes
        else:
            assert label_of[text] == episode.classes[label]
    for text, label in zip(episode.support_texts, episode.support_labels, strict=True):
        assert label_of[text] == episode.classes[label]


def test_item_i_does_not_depend_on_what_was_drawn_before():
    task = corpus()
    options = {"way": (2, 5), "shot": (1, 3), "query": 2, "n_unknown": (0, 2), "names": 0.5}
    one = EpisodeDataset([task], length=50, seed=7, **options)
    other = EpisodeDataset([task], length=500, seed=7, **options)
    forward = [one[i] for i in range(50)]
    backward = [other[i] for i in reversed(range(50))][::-1]
    assert forward == backward
    assert [e.number for e in forward] == list(range(50))
    assert forward != list(EpisodeDataset([task], length=50, seed=8, **options))


def test_no_global_random_state_is_touched():
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()
    EpisodeDataset([corpus()], length=3)[2]
    assert np.random.get_state()[1].tolist() == before


def test_ranges_are_used_from_end_to_end():
    episodes = list(EpisodeDataset([corpus()], length=200, way=(2, 20), shot=(1, 3), query=(1, 2), seed=1))
    assert {len(e.classes) for e in episodes} == set(range(2, 9))  # 8 classes are all there are
    assert {e.support_labels.count(0) for e in episodes} == {1, 2, 3}
    assert {e.query_labels.count(0) for e in episodes} == {1, 2}


def test_weights_decide_how_often_a_task_is_drawn():
    tasks = [corpus(name="rare", weight=1.0), corpus(name="often", weight=3.0)]
    names = Counter(e.task for e in EpisodeDataset(tasks, length=2000, seed=0))
    assert names["often"] / 2000 == pytest.approx(0.75, abs=0.03)


def test_names_join_a_share_and_leave_the_draw_as_it_was():
    task = load_tasks("fewtext/intents")[0]
    with_names = list(EpisodeDataset([task], length=400, names=0.3, seed=2))
    without = list(EpisodeDataset([task], length=400, seed=2))
    assert [e.query_texts for e in with_names] == [e.query_texts for e in without]
    assert np.mean([bool(e.names) for e in with_names]) == pytest.approx(0.3, abs=0.07)
    named = next(e for e in with_names if e.names)
    assert named.names == named.classes
    assert not any(e.names for e in without)


def test_names_that_are_no_words_never_join():
    task = Task("numbered", [f"t{i}" for i in range(40)], [str(i % 4) for i in range(40)])
    assert not any(e.names for e in EpisodeDataset([task], length=20, way=3, names=1.0))


def test_small_classes_are_named_or_left_out_with_a_warning():
    small = Task("tiny", ["only one"], ["rare"])
    task = Task("all", [*corpus().texts, *small.texts], [*corpus().labels, *small.labels])
    with pytest.raises(ValueError, match=r"needs 6 distinct texts a class \(shot \+ query\); too few: 'rare' \(1\)"):
        EpisodeDataset([task], length=1, way=3)
    with pytest.warns(UserWarning, match=r"'rare' \(1\). Left out"):
        dataset = EpisodeDataset([task], length=50, way=8, small_classes="drop")
    assert not any("rare" in e.classes for e in dataset)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"way": 9}, "way is 9 but task 'corpus' has 8 classes"),
        ({"way": 8, "n_unknown": 1}, "one more for the unknown"),
        ({"way": 1}, "way is 1; it must be at least 2"),
        ({"shot": 0}, "shot is 0"),
        ({"way": 5.5}, "way is 5.5; it is a whole number, or a range"),
        ({"way": "5"}, "way is '5'; it is a whole number, or a range"),
        ({"shot": [1, 2, 3]}, "it is a whole number, or a range"),
        ({"query": (3, 1)}, "query is"),
        ({"n_unknown": 40}, "n_unknown is 40, more than the texts"),
        ({"length": 0}, "length is 0"),
        ({"names": 2.0}, "names is 2"),
        ({"small_classes": "skip"}, "small_classes"),
    ],
)
def test_what_cannot_be_drawn_is_said_at_once(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        EpisodeDataset([corpus()], **{"length": 5, **options})


def test_episodes_end():
    dataset = EpisodeDataset([corpus()], length=3)
    assert len(dataset) == len(list(dataset)) == 3
    with pytest.raises(IndexError):
        dataset[3]
    with pytest.raises(ValueError, match="no tasks"):
        EpisodeDataset([], length=3)


def test_hard_episodes_take_a_class_and_those_most_like_it():
    task = corpus()
    along_a_line = -np.abs(np.subtract.outer(np.arange(8), np.arange(8)))  # class 3 is most like 2 and 4
    options = {"length": 60, "way": 3, "query": 1, "n_unknown": 1}
    hard = EpisodeDataset([task], **options, hard=1.0, likeness=lambda task: along_a_line)
    for episode in hard:
        first, *others = [task.classes.index(name) for name in episode.classes]
        expected = sorted((c for c in range(8) if c != first), key=lambda c: (abs(c - first), c))[:2]
        assert others == expected
    assert len({episode.classes[0] for episode in hard}) == 8
    mixed = EpisodeDataset([task], **options, hard=0.5, likeness=lambda task: along_a_line)
    spans = [np.ptp([task.classes.index(name) for name in episode.classes]) for episode in mixed]
    assert 10 < sum(span > 2 for span in spans) < 40
    for wrong in ({"hard": 0.5}, {"hard": 2.0, "likeness": lambda task: along_a_line}):
        with pytest.raises(ValueError, match="hard is"):
            EpisodeDataset([task], **options, **wrong)


def test_without_hard_episodes_are_the_same_with_and_without_likeness():
    options = {"length": 20, "way": 3, "query": 1, "seed": 4}
    plain = EpisodeDataset([corpus()], **options)
    assert list(plain) == list(EpisodeDataset([corpus()], **options, likeness=lambda task: np.eye(8)))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    shot=st.integers(1, 4),
    query=st.integers(1, 4),
    n_unknown=st.integers(0, 3),
    turns=st.integers(1, 8),
)
def test_texts_take_turns_and_keep_their_classes(seed, shot, query, n_unknown, turns):
    turns = min(turns, shot + query)
    data = EpisodeDataset([corpus()], length=1, way=4, shot=shot, query=query, n_unknown=n_unknown, names=1, seed=seed)
    episode = data[0]
    episodes = take_turns(episode, turns)
    assert episodes[0] == episode and len(episodes) == turns
    label_of = dict(
        zip(episode.support_texts + episode.query_texts, episode.support_labels + episode.query_labels, strict=True)
    )
    for other in episodes:
        assert (other.classes, other.names, other.number) == (episode.classes, episode.names, episode.number)
        assert [label_of[text] for text in other.support_texts] == list(episode.support_labels)
        assert [label_of[text] for text in other.query_texts] == list(episode.query_labels)
        assert sorted(other.support_texts + other.query_texts) == sorted(label_of)
    assert len({frozenset(other.support_texts) for other in episodes}) == turns  # no two are the same question
    if turns == shot + query:  # every text has been an example equally often
        known = {text for text, label in label_of.items() if label != UNKNOWN}
        assert Counter(text for other in episodes for text in other.support_texts) == dict.fromkeys(known, shot)


def test_a_text_of_two_classes_takes_its_turns_in_both():
    episode = Episode("t", ("x", "y"), ("a", "b"), (0, 1), ("b", "c"), (0, 1))
    [_, turned] = take_turns(episode, 2)
    assert turned.support_texts == ("b", "c") and turned.query_texts == ("a", "b")
    with pytest.raises(ValueError, match="turns is 0; it must be at least 1"):
        take_turns(episode, 0)


def test_a_text_of_several_classes_is_never_known_and_unknown():
    """Every text is in two of the three classes, but for one a class."""
    texts = {"a": ["x", "y", "1"], "b": ["y", "z", "2"], "c": ["z", "x", "3"]}
    task = Task("t", [text for own in texts.values() for text in own], [name for name in texts for _ in range(3)])
    dataset = EpisodeDataset([task], length=100, way=2, shot=1, query=1, n_unknown=1)
    for episode in dataset:
        known = {
            *episode.support_texts,
            *(t for t, y in zip(episode.query_texts, episode.query_labels, strict=True) if y >= 0),
        }
        assert not known & {t for t, y in zip(episode.query_texts, episode.query_labels, strict=True) if y == UNKNOWN}
    same = Task("s", ["x", "y", "x", "y", "x", "y"], ["a", "a", "b", "b", "c", "c"])
    with pytest.raises(ValueError, match="other classes have too few texts for 1 unknown"):
        EpisodeDataset([same], length=1, way=2, shot=1, query=1, n_unknown=1)[0]
