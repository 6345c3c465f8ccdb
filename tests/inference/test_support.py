from dataclasses import replace

import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Value
from hypothesis import given
from hypothesis import strategies as st

from fewtext.inference.support import SupportSet

PAIRS = [("a", "x"), ("bb", "y"), ("ccc", "x"), ("dddd", "z"), ("a", "y")]


def make(pairs=PAIRS, **options):
    return SupportSet.create(*zip(*pairs, strict=True), **options)


def content(support):
    return sorted(zip(support.texts, map(repr, support.labels), strict=True)), support.names, support.descriptions


@given(st.permutations(PAIRS))
def test_the_order_of_the_examples_is_canonical(pairs):
    one, other = make(pairs), make()
    assert (one.texts, one.labels, one.ids) == (other.texts, other.labels, other.ids)


@given(st.permutations(PAIRS), st.integers(1, 4))
def test_merging_parts_gives_the_whole(pairs, cut):
    whole = make()
    assert make(pairs[:cut]).merge(make(pairs[cut:])) == whole


def test_embeddings_follow_their_examples():
    support = replace(make(), vectors=torch.arange(10.0).reshape(5, 2))
    before = dict(zip(zip(support.texts, support.labels, strict=True), support.vectors.tolist(), strict=True))
    for changed in (support.remove("z"), support.select(["x", "y"]), support.remove("x").merge(support.select(["x"]))):
        for text, label, vector in zip(changed.texts, changed.labels, changed.vectors.tolist(), strict=True):
            assert before[text, label] == vector
    assert support.rename("x", "w").vectors.sum() == 45


def test_remove_by_class_and_by_id():
    support = make()
    assert content(support.remove("z")) == content(make([p for p in PAIRS if p[1] != "z"]))
    [row] = support.rows_of("z")
    less = support.remove_ids([support.ids[row]])
    assert content(less) == content(support.remove("z"))  # its last example
    with pytest.raises(KeyError, match="no class 'q'; the classes are 'x', 'y', 'z'"):
        support.remove("q")
    with pytest.raises(KeyError, match="no example has the id 'nope'"):
        support.remove_ids(["nope"])


def test_update_keeps_the_id():
    support = make()
    one = support.ids[support.texts.index("bb")]
    changed = support.update(one, text="cc", label="z")
    assert changed.ids[changed.texts.index("cc")] == one and len(changed) == 5
    assert changed.labels[changed.texts.index("cc")] == "z"
    assert "y" in changed.classes  # another example has it
    assert changed.update(one, text="bb", label="y") == support


def test_rename_and_merge_classes():
    support = make(names={"x": "the first"}, descriptions={"y": "about y"})
    renamed = support.rename("y", "q")
    assert renamed.classes == ("q", "x", "z") and renamed.descriptions == {"q": "about y"}
    assert content(renamed.rename("q", "y")) == content(support)
    with pytest.raises(ValueError, match=r"there is a class 'x' already; merge_classes"):
        support.rename("y", "x")
    merged = support.merge_classes(["x", "y"], "both")
    assert merged.classes == ("both", "z") and merged.labels.count("both") == 4
    assert support.merge_classes(["y"], "x").names["x"] == "the first"


def test_several_labels_and_distributions():
    several = SupportSet.create(["a", "b"], [["x"], ["y", "x"]])
    assert several.several and dict(zip(several.texts, several.labels, strict=True)) == {"a": ["x"], "b": ["x", "y"]}
    assert several.remove("y").labels == [["x"], ["x"]]
    soft = SupportSet.create(["a", "b"], [{"x": 0.25, "y": 0.75}, "x"])
    assert not soft.several and {"x": 0.25, "y": 0.75} in soft.labels and "x" in soft.labels
    assert soft.remove("x").labels == ["y"]


def test_classes_known_by_name_or_description_alone():
    support = make(names={"w": "the w things"}, descriptions={"v": "things about v"})
    assert support.classes == ("v", "w", "x", "y", "z")
    texts, labels = support.class_texts(use_names=True)
    assert ("the w things", "w") in zip(texts, labels, strict=True) and ("things about v", "v") in zip(
        texts, labels, strict=True
    )
    assert support.class_texts(use_names=False) == (["things about v"], ["v"])
    assert make().describe("v", "things about v").classes == ("v", "x", "y", "z")


def test_to_a_data_set_and_back():
    support = make()
    again = SupportSet.from_dataset(support.to_dataset())
    assert content(again) == content(support)
    features = Features({"query": Value("string"), "intent": ClassLabel(names=["no", "yes"])})
    labelled = Dataset.from_dict({"query": ["a", "b"], "intent": [1, 0]}, features=features)
    assert content(SupportSet.from_dataset(labelled)) == content(make([("a", "yes"), ("b", "no")]))
    several = SupportSet.create(["a", "b"], [["x"], ["y", "x"]])
    assert content(SupportSet.from_dataset(several.to_dataset())) == content(several)


def test_repeated_and_contradictory_texts_are_found():
    support = make([*PAIRS, ("bb", "y")])
    repeated = {support.texts[rows[0]] for rows in support.duplicates}
    assert repeated == {"a", "bb"}
    [rows] = support.contradictions
    assert {support.labels[i] for i in rows} == {"x", "y"}
    assert len(set(support.ids)) == 6


def test_a_data_set_keeps_ids_and_the_types_of_labels():
    support = SupportSet.create(["a", "b", "c", "a"], [0, 1, 1, 0]).update(SupportSet.create(["b"], [1]).ids[0], "bb")
    again = SupportSet.from_dataset(support.to_dataset())
    assert sorted(zip(again.ids, again.texts, again.labels, strict=True)) == sorted(
        zip(support.ids, support.texts, support.labels, strict=True)
    )
    assert again.classes == (0, 1)
    with pytest.raises(TypeError, match=r"the label \('a', 1\) \(tuple\) cannot be saved"):
        SupportSet.create(["a", "b"], [("a", 1), ("b", 2)]).to_dataset()
    with pytest.raises(ValueError, match="2 texts but 1 distinct ids"):
        SupportSet.create(["a", "b"], ["x", "y"], ids=["one", "one"])


def test_an_edit_keeps_the_names_that_were_given():
    support = SupportSet.create(["a", "b"], ["r", "t"], names={"r": "money back", "t": "parcel tracking"})
    names = {"r": "money back", "t": "parcel tracking"}
    assert support.merge(SupportSet.create(["c"], ["r"])).names == names
    assert SupportSet.create(["c"], ["r"]).merge(support).names == names
    assert support.describe("t", "where a parcel is").names == names
    assert support.update(support.ids[0], label="r").names["r"] == "money back"
    assert support.merge(SupportSet.create(["c"], ["r"], names={"r": "refunds"})).names["r"] == "refunds"
    assert support.rename("r", "refund").names["refund"] == "money back"


def test_every_example_has_an_id_of_its_own():
    support = SupportSet.create(["a", "a"], ["x", "x"])
    for _ in range(3):
        support = support.merge(SupportSet.create(["a"], ["x"]))
        assert len(set(support.ids)) == len(support)
    assert len(support.remove_ids([support.ids[2]])) == 4


def test_a_label_changes_where_the_texts_were_left_out():
    support = SupportSet.create(["a", "b"], ["x", "y"])
    bare = replace(support, texts=("", ""), vectors=torch.eye(2))
    changed = bare.update(bare.ids[0], label="z")
    assert sorted(changed.labels) == sorted(["z", bare.labels[1]])
    assert changed.texts == ("", "") and torch.equal(
        changed.vectors[list(changed.ids).index(bare.ids[0])], torch.eye(2)[0]
    )


def test_a_class_whose_last_example_gets_another_label_goes_unless_described():
    support = SupportSet.create(["a b", "c d", "e f"], ["one", "one", "other"])
    number = support.ids[support.labels.index("other")]
    assert support.update(number, label="one").classes == ("one",)
    assert support.update(number, text="g h").classes == ("one", "other")
    assert support.describe("other", "a sentence").update(number, label="one").classes == ("one", "other")
    assert support.update(number, label="new").classes == ("new", "one")
