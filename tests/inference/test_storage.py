"""Saving: the support files alone where the weights are there, and at no moment a mixture."""

import json
import signal

import numpy as np
import pytest
import torch
from processes import run_python
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from fewtext.inference.classifier import FewShotClassifier
from fewtext.inference.storage import holds_model
from fewtext.models.modeling import MatchingNetwork

TEXTS, LABELS = ["where is it", "not here yet", "money back", "a return"], ["track", "track", "refund", "refund"]


@pytest.fixture
def clf(model):
    return FewShotClassifier(model, adaptation="memory", abstain="auto").fit(TEXTS, LABELS)


def test_everything_is_as_it_was(clf, tmp_path):
    clf.save_pretrained(tmp_path / "bot")
    again = FewShotClassifier.from_pretrained(tmp_path / "bot")
    assert again.confidence == clf.confidence
    assert (again.adaptation, again.abstain, again.abstain_by) == ("memory", "auto", "membership")
    np.testing.assert_array_equal(again.predict_proba(["hello", "a return"]), clf.predict_proba(["hello", "a return"]))
    assert again._state.is_adapted


def test_a_second_save_writes_the_support_files_alone(clf, tmp_path):
    folder = tmp_path / "bot"
    clf.save_pretrained(folder)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    (folder / "mine.txt").write_text("kept")
    clf.add(["hello"], "greeting").save_pretrained(folder)
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"support.jsonl", "support.safetensors", "confidence.json"}
    assert set(after) == set(before) | {"mine.txt"}
    clf.save_pretrained(folder, include_texts=False)
    assert not (folder / "support.jsonl").exists()
    assert FewShotClassifier.from_pretrained(folder).classes_.tolist() == ["greeting", "refund", "track"]


def test_other_weights_replace_the_folder(clf, model, tmp_path):
    folder = tmp_path / "bot"
    clf.save_pretrained(folder)
    assert holds_model(folder, model)
    model.matcher.log_temperature.data += 0.5
    assert not holds_model(folder, model)
    clf.save_pretrained(folder)
    assert holds_model(folder, model) and FewShotClassifier.from_pretrained(folder).support is not None


KILLED = """
import json, os, signal, sys
from pathlib import Path
from fewtext.inference.classifier import FewShotClassifier

folder = Path(sys.argv[1])
saved = {path.name: path.read_bytes() for path in folder.iterdir()}
clf = FewShotClassifier.from_pretrained(folder)
clf.add(["hello", "good day"], "greeting").remove("refund")
clf.confidence


def save(at):
    calls = 0

    def count(event, args):
        nonlocal calls
        if event in ("open", "os.rename", "os.remove", "shutil.rmtree", "os.mkdir", "os.rmdir"):
            calls += 1
            if calls == at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    clf.save_pretrained(folder)
    (folder.parent / "calls").write_text(str(calls))


def killed(at):
    for name, content in saved.items():
        (folder / name).write_bytes(content)
    child = os.fork()
    if not child:
        save(at)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    return os.WTERMSIG(status), FewShotClassifier.from_pretrained(folder).classes_.tolist()


whole = killed(10**9)
total = int((folder.parent / "calls").read_text())
print(json.dumps([whole, [killed(at) for at in range(1, total + 1)]]))
"""


def test_killed_at_any_moment_leaves_the_old_or_the_new(clf, tmp_path):
    """A process is killed at its n-th file operation, for every n."""
    folder = tmp_path / "bot"
    clf.save_pretrained(folder)
    done = run_python(KILLED, folder)
    assert done.returncode == 0, done.stderr[-3000:]
    old, new = ["refund", "track"], ["greeting", "track"]
    whole, results = json.loads(done.stdout.splitlines()[-1])
    assert whole == [0, new] and len(results) > 10
    assert {code for code, _ in results} == {signal.SIGKILL}
    found = [classes for _, classes in results]
    turn = found.index(new)
    assert found == [old] * turn + [new] * (len(found) - turn) and turn > 0
    clf.save_pretrained(folder)
    assert not list(folder.glob(".*"))


def test_a_damaged_confidence_is_said(clf, tmp_path):
    clf.save_pretrained(tmp_path / "bot")
    file = tmp_path / "bot" / "confidence.json"
    file.write_text(file.read_text()[:-20])
    with pytest.raises(ValueError, match=r"confidence\.json is not JSON"):
        FewShotClassifier.from_pretrained(tmp_path / "bot")
    file.write_text(json.dumps({"temperature": 1}))
    with pytest.raises(ValueError, match="not of this version"):
        FewShotClassifier.from_pretrained(tmp_path / "bot")


def test_labels_that_json_cannot_hold_are_refused_before_anything_is_written(model, tmp_path):
    clf = FewShotClassifier(model).fit(TEXTS, [("a", 1), ("a", 1), ("b", 2), ("b", 2)])
    with pytest.raises(TypeError, match="cannot be saved"):
        clf.save_pretrained(tmp_path / "bot")
    assert not (tmp_path / "bot").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"key_vectors": slice(1)},
        {"key_offsets": slice(1)},
        {"key_offsets": None},
        {"shares": slice(3)},
        {"rarity": None},
        {"class_spelling": slice(1)},
    ],
)
def test_class_keys_that_do_not_fit_are_refused(clf, tmp_path, change):
    clf.save_pretrained(tmp_path)
    file = tmp_path / "support.safetensors"
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    tensors = load_file(file)
    for name, kept in change.items():
        whole = tensors.pop(name)
        if kept is not None:
            tensors[name] = whole[kept].clone()
    save_file(tensors, file, metadata)
    with pytest.raises(ValueError, match="its class keys do not fit the 2 classes"):
        FewShotClassifier.from_pretrained(tmp_path)


def test_what_refuses_may_be_chosen_while_loading(model, tmp_path):
    FewShotClassifier(model).fit(TEXTS, LABELS).save_pretrained(tmp_path)
    loaded = FewShotClassifier.from_pretrained(tmp_path, abstain=1.0, abstain_by="confidence")
    assert loaded.get_params()["abstain_by"] == "confidence"
    assert loaded.predict(["a return"]).tolist() == [None]
    with pytest.raises(ValueError, match="abstain_by"):
        FewShotClassifier.from_pretrained(tmp_path, abstain_by="guess")


def test_a_vocabulary_is_not_made_up(minilm, tmp_path):
    FewShotClassifier(minilm).fit(TEXTS, LABELS).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").unlink()  # transformers would go on with a tokenizer of five tokens
    with pytest.raises(ValueError, match=r"lacks the vocabulary of its tokenizer \(tokenizer.json or vocab.txt\)"):
        FewShotClassifier.from_pretrained(tmp_path)


def test_another_model_in_the_folder_is_noticed(clf, encoder_folder, tmp_path):
    clf.save_pretrained(tmp_path / "bot")
    other = MatchingNetwork.from_encoder(encoder_folder)
    with torch.no_grad():
        other.encoder.embeddings.word_embeddings.weight.mul_(1.1)
    other.save_pretrained(tmp_path / "bot")
    with pytest.raises(ValueError, match="embedded with other weights than those beside it"):
        FewShotClassifier.from_pretrained(tmp_path / "bot")


def test_a_missing_confidence_is_said(clf, tmp_path):
    clf.save_pretrained(tmp_path / "bot")
    (tmp_path / "bot" / "confidence.json").unlink()
    with pytest.raises(ValueError, match="lacks confidence.json"):
        FewShotClassifier.from_pretrained(tmp_path / "bot")


@pytest.mark.parametrize("values", ["null", '{"temperature": 1}', "damaged"])
def test_a_confidence_of_another_kind_is_said(clf, tmp_path, values):
    clf.save_pretrained(tmp_path / "bot")
    file = tmp_path / "bot" / "confidence.json"
    if values == "damaged":
        values = json.dumps({**json.loads(file.read_text()), "temperature": "warm"})
    file.write_text(values)
    with pytest.raises(ValueError, match="confidence.json is"):
        FewShotClassifier.from_pretrained(tmp_path / "bot")


@pytest.mark.parametrize("part", ["classes", "names", "settings", "vectors"])
def test_damaged_support_files_are_said(clf, tmp_path, part):
    clf.save_pretrained(tmp_path / "bot")
    file = tmp_path / "bot" / "support.safetensors"
    tensors = load_file(file)
    with safe_open(file, framework="pt") as opened:
        about = json.loads(opened.metadata()["support"])
    if part == "vectors":
        tensors["vectors"][0, 0] = float("nan")
    elif part == "names":
        about["names"] = about["names"][:1]
    else:
        del about[part]
    save_file(tensors, file, {"support": json.dumps(about)})
    with pytest.raises(ValueError, match="damaged|not a support set of this version"):
        FewShotClassifier.from_pretrained(tmp_path / "bot")


@pytest.mark.parametrize("change", [lambda file: file.unlink(), lambda file: file.write_text("{")])
def test_saving_again_mends_a_damaged_tokenizer(clf, tmp_path, change):
    clf.save_pretrained(tmp_path / "bot")
    change(tmp_path / "bot" / "tokenizer.json")
    with pytest.raises(ValueError, match="tokenizer"):
        FewShotClassifier.from_pretrained(tmp_path / "bot")
    clf.save_pretrained(tmp_path / "bot")
    again = FewShotClassifier.from_pretrained(tmp_path / "bot")
    np.testing.assert_array_equal(again.predict_proba(["hello"]), clf.predict_proba(["hello"]))
