from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from fewtext.inference.support import SupportSet
from fewtext.inference.support_files import load_support, save_support


def embedded(texts, labels, **options):
    support = SupportSet.create(texts, labels, **options)
    vectors = {text: torch.randn(2) for text in (*support.names.values(), *support.descriptions.values())}
    return replace(support, vectors=torch.randn(len(support), 2), class_vectors=vectors)


ODD = ["plain", 'with "quotes", commas\nand lines', "ümläut", "x" * 1_000_000, "line\u2028two\x85three\u2029",
       "\u200fשלום\u202e <script>alert(1)</script> 🎉", "nul\x00 bell\x07"]  # fmt: skip


@pytest.mark.parametrize(
    "labels",
    [
        ["a,b", "c", "a,b", "d\n", "e\u2028f", "g", "g"],
        [1, 2, 3, 1, 2, 3, 1],
        [True, False, True, True, False, True, False],
        [["a"], ["a", "b"], ["c"], ["b"], ["a"], ["a"], ["c", "a"]],
        [{"a": 0.25, "b": 0.75}, "a", "b", "a", "b", "a", "b"],
    ],
)
def test_saved_and_loaded(tmp_path, labels):
    support = embedded(ODD, labels)
    save_support(support, tmp_path, {"label_names": "auto"}, {"extra": torch.ones(3)})
    again, settings, tensors = load_support(tmp_path, 2)
    assert (again.texts, again.labels, again.ids) == (support.texts, support.labels, support.ids)
    assert [type(label) for label in again.classes] == [type(label) for label in support.classes]
    assert torch.equal(again.vectors, support.vectors) and torch.equal(tensors["extra"], torch.ones(3))
    assert settings == {"label_names": "auto"}
    assert all(torch.equal(again.class_vectors[text], vector) for text, vector in support.class_vectors.items())


def test_classes_without_examples_are_saved(tmp_path):
    support = embedded(["a", "b"], ["x", "y"], names={"z": "the z"}, descriptions={"w": "about w"})
    save_support(support, tmp_path, {})
    again, _, _ = load_support(tmp_path, 2)
    assert (again.names, again.descriptions) == (support.names, support.descriptions)


def test_texts_may_be_left_out(tmp_path):
    support = embedded(["secret", "private"], ["x", "y"])
    save_support(support, tmp_path, {}, include_texts=False)
    assert [path.name for path in tmp_path.iterdir()] == ["support.safetensors"]
    assert b"secret" not in (tmp_path / "support.safetensors").read_bytes()
    again, _, _ = load_support(tmp_path, 2)
    assert again.ids == support.ids and again.labels == support.labels and not again.has_texts
    assert torch.equal(again.vectors, support.vectors)
    with pytest.raises(ValueError, match="saved without its texts"):
        again.to_dataset()
    with pytest.raises(ValueError, match="saved without its texts"):
        save_support(again, tmp_path, {})


def test_files_of_two_saves_are_refused(tmp_path):
    save_support(embedded(["a", "b"], ["x", "y"]), tmp_path, {})
    texts = (tmp_path / "support.jsonl").read_text()
    with pytest.raises(ValueError, match="vectors of size 2, but the model has size 3"):
        load_support(tmp_path, 3)
    (tmp_path / "support.jsonl").write_text(texts.replace('"a"', '"A"'))
    with pytest.raises(ValueError, match="are not of one save"):
        load_support(tmp_path, 2)
    (tmp_path / "support.jsonl").unlink()
    with pytest.raises(ValueError, match=r"lacks support\.jsonl"):
        load_support(tmp_path, 2)


def test_vectors_of_names_that_do_not_fit_are_refused(tmp_path):
    save_support(embedded(["a", "b"], ["x", "y"]), tmp_path, {})
    file = tmp_path / "support.safetensors"
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    tensors = load_file(file)
    save_file({**tensors, "class_vectors": tensors["class_vectors"][:1].clone()}, file, metadata)
    with pytest.raises(ValueError, match="vectors of names and descriptions do not fit them"):
        load_support(tmp_path, 2)


@pytest.mark.parametrize("change", ["vectors", "label_rows"])
def test_tensors_that_do_not_fit_are_refused(tmp_path, change):
    save_support(embedded(["a", "b"], ["x", "y"]), tmp_path, {}, include_texts=False)
    file = tmp_path / "support.safetensors"
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    tensors = load_file(file)
    tensors[change] = tensors[change][:1] if change == "vectors" else tensors[change] + 7
    save_file(tensors, file, metadata)
    with pytest.raises(ValueError, match="do not fit together"):
        load_support(tmp_path, 2)
    save_file(tensors, file)
    with pytest.raises(ValueError, match="not a support set of this version"):
        load_support(tmp_path, 2)
