import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from fewtext.inference import index as module
from fewtext.inference.index import VectorIndex

pytest.importorskip("faiss", reason="needs the extra faiss: pip install 'fewtext[faiss]'")


def vectors(n, seed=0, dim=16):
    return normalize(torch.randn(n, dim, generator=torch.Generator().manual_seed(seed)), dim=-1)


def made(n=400, precision="float32", dim=16):
    index = VectorIndex.learned(vectors(n, dim=dim), n, precision)
    index.add(vectors(n, dim=dim), np.arange(n))
    return index


def nearest(queries, examples, k):
    """In plain loops: the largest inner products, and whose they are."""
    found = []
    for query in queries:
        ranked = sorted(range(len(examples)), key=lambda i: -float(query @ examples[i]))[:k]
        found.append(ranked)
    return found


@pytest.mark.parametrize(("precision", "error"), [("float32", 1e-6), ("float16", 2e-3), ("int8", 2e-3)])
def test_the_nearest_are_those_of_plain_loops(precision, error):
    examples, queries = vectors(400, dim=384), vectors(5, seed=1, dim=384)
    scores, numbers = made(precision=precision, dim=384).search(queries, 3, lists=400)
    expected = nearest(queries, examples, 3)
    best = torch.stack([queries[i] @ examples[rows].T for i, rows in enumerate(expected)])
    assert (scores - best).abs().max() < error
    assert precision != "float32" or numbers.tolist() == expected


def test_each_sees_what_it_knows_and_a_shared_index_grows(tmp_path):
    index, queries = made(), vectors(5, seed=1)
    seen = np.ones(400, dtype=bool)
    [first] = index.search(queries[:1], 1, lists=400)[1].tolist()
    seen[first] = False
    assert index.search(queries[:1], 1, seen, lists=400)[1].tolist() != [first]
    index.add(queries, np.arange(400, 405))
    assert index.end == 405 and index.search(queries, 1, lists=400)[1].ravel().tolist() == list(range(400, 405))
    assert (index.search(queries[:1], 500, lists=400)[1][0, 405:] == -1).all()


def test_saved_mapped_and_grown_again(tmp_path):
    file, other, queries = tmp_path / "a.faiss", tmp_path / "b.faiss", vectors(5, seed=1)
    made().save(file)
    mapped = VectorIndex.open(file, 16)
    assert torch.equal(mapped.search(queries, 3)[1], made().search(queries, 3)[1])
    mapped.save(other)
    assert other.read_bytes() == file.read_bytes()
    mapped.add(queries, np.arange(400, 405))
    assert mapped.search(queries, 1)[1].ravel().tolist() == list(range(400, 405))
    assert VectorIndex.open(file, 16).end == 400  # the file stays as it was


def test_compacted_numbers_go_by_what_is_kept():
    index, queries = made(), vectors(5, seed=1)
    kept = np.arange(1, 400, 2)
    found = index.compacted(kept).search(queries, 3, lists=400)[1]
    assert found.tolist() == nearest(queries, vectors(400)[kept], 3)
    assert index.end == 400


def test_files_that_are_no_index_of_these(tmp_path, monkeypatch):
    file = tmp_path / "a.faiss"
    made().save(file)
    with pytest.raises(ValueError, match="size 16, but the model has size 8"):
        VectorIndex.open(file, 8)
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(ValueError, match="cut off"):
        VectorIndex.open(file, 16)
    monkeypatch.setattr(module, "import_module", lambda name: (_ for _ in ()).throw(ImportError(name)))
    with pytest.raises(ImportError, match="fewtext\\[faiss\\]"):
        VectorIndex.open(file, 16)
