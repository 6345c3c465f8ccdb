"""Pushing and loading with the real huggingface_hub client against the Hub of tests/hub_server.py."""

import pytest
from hub_client import MAKE, SHOW, SHOWN, run
from hub_server import Fault, hub


@pytest.fixture
def server(tmp_path):
    with hub(tmp_path / "hub", token="secret") as served:
        yield served


def test_push_load_and_push_again(server, tmp_path, encoder_folder):
    """Push; load from an empty cache and offline from it; push again after `add`: no weights travel."""
    make = MAKE.format(encoder=str(encoder_folder))
    pushed = run(server, tmp_path, make + "clf.push_to_hub('me/bot', license='mit', endpoint_handler=True)\n" + SHOW)
    [first] = server.commits
    assert set(first["files"]) == {
        "README.md", "config.json", "confidence.json", "handler.py", "model.safetensors", "requirements.txt",
        "support.jsonl", "support.safetensors", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    repo = tmp_path / "hub" / "models" / "me" / "bot"
    for path in repo.iterdir():
        assert str(tmp_path) not in path.read_bytes().decode("utf-8", "ignore"), f"{path.name} names a local path"
    assert "local_files_only" not in (repo / "tokenizer_config.json").read_text()
    load = "clf = FewShotClassifier.from_pretrained('me/bot')\n"
    again = run(
        server, tmp_path, load + "clf.add(['good day'], 'greet').push_to_hub('me/bot')\n" + SHOW, cache="other"
    )
    second = server.commits[1]
    assert second["lfs_uploaded"] == ["support.safetensors"]
    assert {"support.jsonl", "support.safetensors", "confidence.json"} <= set(second["files"])
    assert not {"model.safetensors", "tokenizer.json"} & set(second["files"])
    assert again[0] == ["greet", "refund", "track"]
    old = load.replace("'me/bot'", f"'me/bot', revision='{first['sha']}'")
    both = f"{old}old = {SHOWN}\n{load}print(json.dumps([old, {SHOWN}]))"
    assert run(server, tmp_path, both, cache="third") == [pushed, again]
    assert run(server, tmp_path, load + SHOW, cache="third", HF_HUB_OFFLINE="1") == again


def test_without_texts_privately_as_a_branch_and_as_a_pull_request(server, tmp_path, encoder_folder):
    make = MAKE.format(encoder=str(encoder_folder))
    code = make + (
        "clf.push_to_hub('me/bot', private=True)\n"
        "clf.push_to_hub('me/bot', include_texts=False, revision='quiet', commit_message='no texts')\n"
        "clf.remove('refund').add(['x y'], 'other').push_to_hub('me/bot', create_pr=True)\n"
    )
    refused = (
        "clf.push_to_hub('me/open')\n"
        "try:\n    clf.add(['z'], 'other').push_to_hub('me/open', private=True)\n"
        "except PermissionError as error:\n    print(json.dumps(str(error)))"
    )
    assert "me/open is there already and is public, so nothing was pushed" in run(server, tmp_path, code + refused)
    assert "models/me/bot" in server.private and "models/me/open" not in server.private
    _, quiet, request, _ = server.commits
    assert (quiet["message"], quiet["revision"]) == ("no texts", "quiet") and "support.jsonl" in quiet["deleted"]
    assert request["revision"].startswith("refs/pr/")
    load = "clf = FewShotClassifier.from_pretrained('me/bot', revision='quiet')\n"
    load += "quiet = [clf.predict(['a return']).tolist(), clf.support.has_texts]\n"
    load += "clf = FewShotClassifier.from_pretrained('me/bot')\nprint(json.dumps([quiet, clf.classes_.tolist()]))"
    assert run(server, tmp_path, load, cache="other") == [[["refund"], False], ["refund", "track"]]


def test_what_goes_wrong_is_said(server, tmp_path, encoder_folder):
    make = MAKE.format(encoder=str(encoder_folder))
    message = run(server, tmp_path, make + "clf.push_to_hub('me/bot')", fails=True, HF_TOKEN="wrong")
    assert message.startswith("PermissionError") and "refused the access token for me/bot" in message
    code = make + (
        "clf.push_to_hub('me/bot')\nsaid = []\n"
        "for name, revision in (('me/nothing', None), ('me/bot', 'nope')):\n"
        "    try:\n        FewShotClassifier.from_pretrained(name, revision=revision)\n"
        "    except OSError as error:\n        said.append(str(error))\n"
        "print(json.dumps(said))"
    )
    nothing, nope = run(server, tmp_path, code)
    assert "there is no me/nothing on the Hub" in nothing and "me/bot has no revision 'nope'" in nope


def test_a_cut_upload_changes_nothing_and_the_retry_succeeds(server, tmp_path, encoder_folder):
    make = MAKE.format(encoder=str(encoder_folder))
    server.faults += [Fault("PUT", ".git/lfs/")] * 12  # the client tries each file five times more by itself
    message = run(server, tmp_path, make + "clf.push_to_hub('me/bot')", fails=True)
    assert message.startswith("ConnectionError") and "the connection to the Hub failed over me/bot" in message
    assert not server.commits
    server.faults.clear()
    run(server, tmp_path, make + "clf.push_to_hub('me/bot')\nprint(1)")
    assert len(server.commits) == 1
    code = make + (
        "clf.add(['good day'], 'greet')\n"
        "try:\n    clf.push_to_hub('me/bot')\nexcept ConnectionError as error:\n    said = str(error)\n"
        "before = FewShotClassifier.from_pretrained('me/bot').classes_.tolist()\n"
        "clf.push_to_hub('me/bot')\nprint(json.dumps([said, before]))"
    )
    server.faults += [Fault("POST", "/commit/")]
    said, before = run(server, tmp_path, code)
    assert "nothing was changed there" in said and before == ["refund", "track"]
    found = run(server, tmp_path, "clf = FewShotClassifier.from_pretrained('me/bot')\n" + SHOW, cache="other")
    assert found[0] == ["greet", "refund", "track"]


def test_a_cut_download_leaves_nothing_half_and_the_retry_succeeds(server, tmp_path, encoder_folder):
    make = MAKE.format(encoder=str(encoder_folder))
    pushed = run(server, tmp_path, make + "clf.push_to_hub('me/bot')\n" + SHOW)
    load = "clf = FewShotClassifier.from_pretrained('me/bot')\n"
    server.faults += [Fault("GET", "model.safetensors")] * 12
    message = run(server, tmp_path, load + SHOW, cache="other", fails=True)
    assert message.startswith("OSError") and "the connection to the Hub failed over me/bot" in message
    server.faults.clear()
    assert run(server, tmp_path, load + SHOW, cache="other") == pushed


DATA = """
[intents] = load_tasks("me/intents", split="train")
print(json.dumps([intents.texts, intents.labels]))
"""


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_data_sets(server, tmp_path, form):
    from datasets import Dataset

    folder = tmp_path / "hub" / "datasets" / "me" / "intents"
    folder.mkdir(parents=True)
    rows = Dataset.from_dict({"text": ["a dog", "a cat"], "label": ["dogs", "cats"]})
    getattr(rows, f"to_{form}")(folder / f"train.{form}")
    assert run(server, tmp_path, DATA) == [["a dog", "a cat"], ["dogs", "cats"]]
