"""The small Hub of the tests, by the real huggingface_hub client in a process of its own."""

import json
import os
import random
import urllib.request
from pathlib import Path

import pytest
from hub_server import COMMIT, Fault, hub
from processes import run_python

START = """
import json, sys, time
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
api = HfApi()
folder = sys.argv[1]

def failure(function, *args, **named):
    try:
        function(*args, **named)
    except Exception as error:
        return [kind.__name__ for kind in type(error).__mro__]

def push(**named):
    return api.upload_folder(repo_id="someone/bot", folder_path=folder, **named)
"""
FILES = {
    "README.md": b"---\nlicense: mit\n---\nA bot\n",
    "config.json": b"{}",
    "model.safetensors": random.Random(0).randbytes(100_000),
    "modules/tokens.model": b"tokens",
    "support.npy": b"\0\1\2",
}


@pytest.fixture
def server(tmp_path):
    with hub(tmp_path / "hub") as server:
        yield server


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        (tmp_path / "local" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "local" / name).write_bytes(content)
    return tmp_path / "local"


@pytest.fixture
def client(server, folder, tmp_path):
    """Run code against the server; returns what it sets `found` to."""

    def run(code, token="hf_right"):
        environment = {key: value for key, value in os.environ.items() if key not in ("HF_HUB_OFFLINE", "HF_TOKEN")}
        environment |= {"HF_ENDPOINT": server.address, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_XET": "1"}
        environment |= {"HF_TOKEN": token} if token else {}
        code = START + code + "\nprint(json.dumps(found))"
        done = run_python(code, folder, environment=environment)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.strip().splitlines()[-1])

    return run


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def puts(server):
    return [path for method, path in server.requests if method == "PUT"]


CREATE = 'api.create_repo("someone/bot", exist_ok=True)\n'


def test_what_is_pushed_comes_back_and_only_what_changed_is_pushed_again(client, server, folder, tmp_path):
    first, oid, again = client(
        CREATE + 'oid = push(commit_message="First").oid\nfound = [snapshot_download("someone/bot"), oid, push().oid]'
    )
    assert contents(Path(first)) == contents(tmp_path / "hub" / "models" / "someone" / "bot") == FILES
    assert Path(first).name == oid == again != COMMIT
    large = ["model.safetensors", "modules/tokens.model", "support.npy"]
    [commit] = server.commits  # nothing had changed for the second one
    assert commit["repo"] == "models/someone/bot" and commit["revision"] == "main" and commit["message"] == "First"
    assert sorted(commit["files"]) == sorted(FILES) and sorted(commit["lfs_uploaded"]) == large
    assert len(puts(server)) == 3

    (folder / "config.json").write_text('{"classes": 2}')
    (folder / "support.npy").write_bytes(b"\0\3")
    (folder / "README.md").unlink()
    second, old = client(
        CREATE + f'push(delete_patterns="*.md")\nfound = [snapshot_download("someone/bot"),'
        f' snapshot_download("someone/bot", revision="{oid}", cache_dir=folder + "/../other")]'
    )
    assert contents(Path(second)) == contents(folder) and contents(Path(old)) == FILES
    assert server.commits[1]["lfs_uploaded"] == ["support.npy"] and len(puts(server)) == 4
    assert sorted(server.commits[1]["files"]) == ["config.json", "support.npy"]
    assert server.commits[1]["deleted"] == ["README.md"] and server.commits[1]["sha"] == Path(second).name


def test_a_folder_that_was_put_there_can_be_pushed_to(client, server, tmp_path):
    put = tmp_path / "hub" / "datasets" / "someone" / "pets"
    put.mkdir(parents=True)
    (put / "model.safetensors").write_bytes(FILES["model.safetensors"])
    (put / "other.txt").write_text("other")
    shas = client("""
named = dict(repo_id="someone/pets", repo_type="dataset")
shas = [api.repo_info(**named).sha]
api.upload_folder(folder_path=folder, allow_patterns=["*.safetensors", "*.json"], **named)
shas += [api.repo_info(**named).sha, api.repo_info(**named, revision=shas[0]).sha]
found = [*shas, api.list_repo_files(**named, revision=shas[0]), api.list_repo_files(**named)]
""")
    assert shas[0] == shas[2] == COMMIT != shas[1] == server.commits[0]["sha"]
    assert shas[3:] == [["model.safetensors", "other.txt"], ["config.json", "model.safetensors", "other.txt"]]
    assert puts(server) == [] and server.commits[0]["files"] == ["config.json"]
    assert set(contents(put)) == {"model.safetensors", "other.txt", "config.json"}


def test_branches_and_pull_requests_leave_main_alone(client, server):
    found = client(
        CREATE
        + """
main = push(allow_patterns="README.md").oid
pull = push(create_pr=True)
absent = failure(push, revision="next")
api.create_branch("someone/bot", branch="next")
exists = failure(api.create_branch, "someone/bot", branch="next")
api.create_branch("someone/bot", branch="next", exist_ok=True)
branch = push(revision="next", allow_patterns="config.json").oid
files = [api.list_repo_files("someone/bot", revision=revision) for revision in (None, "refs/pr/1", "next")]
shas = [api.repo_info("someone/bot", revision=name).sha for name in (None, "refs/pr/1", "next")]
config = open(hf_hub_download("someone/bot", "config.json", revision="next")).read()
model = open(hf_hub_download("someone/bot", "config.json", revision="refs/pr/1")).read()
no_revision = failure(snapshot_download, "someone/bot", revision="none")
no_commit = failure(hf_hub_download, "someone/bot", "config.json", revision="0" * 40)
no_repo = failure(snapshot_download, "someone/none")
no_push = failure(api.upload_folder, repo_id="someone/none", folder_path=folder)
no_file = failure(hf_hub_download, "someone/bot", "none.json")
found = dict(files=files, shas=shas, expected=[main, pull.oid, branch], pull=[pull.pr_revision, pull.pr_num],
    read=[config, model], again=push(create_pr=True).pr_revision, exists=exists[0],
    no_revision=[absent[0], no_revision[0], no_commit[0]], no_repo=[no_repo[0], no_push[0]], no_file=no_file[0])
"""
    )
    assert found["shas"] == found["expected"] and len(set(found["shas"])) == 3
    assert found["files"] == [["README.md"], sorted(FILES), ["README.md", "config.json"]]
    assert found["pull"] == ["refs/pr/1", 1] and found["again"] == "refs/pr/2" and found["read"] == ["{}", "{}"]
    assert found["exists"] == "HfHubHTTPError"
    assert found["no_revision"] == ["RevisionNotFoundError"] * 3
    assert found["no_repo"] == ["RepositoryNotFoundError"] * 2
    assert found["no_file"] == "RemoteEntryNotFoundError"
    assert [commit["revision"] for commit in server.commits] == ["main", "refs/pr/1", "next", "refs/pr/2"]


REFUSED = """
found = [failure(function)[0] for function in (
    api.whoami,
    lambda: api.create_repo("someone/new"),
    lambda: api.create_repo("someone/bot", exist_ok=True),
    push,
    lambda: snapshot_download("someone/bot", cache_dir=folder + "/../other"),
)]
"""


def test_a_token(client, server):
    server.token = "hf_right"
    found = client("""
api.create_repo("someone/bot", private=True)
push()
snapshot_download("someone/bot")
found = [api.whoami()["name"], api.repo_info("someone/bot").private]
""")
    assert found == ["someone", True]
    assert client(REFUSED, token="hf_wrong") == ["HfHubHTTPError"] * 5
    missing = "RepositoryNotFoundError"
    assert client(REFUSED, token=None) == ["LocalTokenNotFoundError", *["HfHubHTTPError"] * 2, missing, missing]
    assert len(server.commits) == 1
    server.private.clear()
    assert client('found = api.list_repo_files("someone/bot")', token=None) == sorted(FILES)


PUSH = """
found = [failure(push, allow_patterns=["*.safetensors", "*.json"]), api.repo_info("someone/bot").sha]
"""


def test_a_cut_upload(client, server):
    server.faults += [Fault("PUT", ".git/lfs/")] * 6  # the client tries six times, and waits in between
    error, sha = client(CREATE + "time.sleep = lambda seconds: None\n" + PUSH)
    assert error[0] == "RuntimeError" and sha == COMMIT and server.faults == []
    server.faults.append(Fault("PUT", ".git/lfs/", status=403))
    error, sha = client(PUSH)
    assert error[0] == "RuntimeError" and sha == COMMIT and server.faults == []
    server.faults.append(Fault("POST", "/commit/"))
    error, sha = client(PUSH)
    assert "TransportError" in error and sha == COMMIT and server.faults == []
    server.faults.append(Fault("POST", "/commit/", status=503))
    error, sha = client(PUSH)
    assert error[0] == "HfHubHTTPError" and sha == COMMIT and server.commits == []
    error, sha = client(PUSH)
    assert error is None and [commit["sha"] for commit in server.commits] == [sha]
    assert server.commits[0]["lfs_uploaded"] == ["model.safetensors"]


def test_a_cut_download(client, server, folder):
    client(CREATE + "push()\nfound = None")
    server.faults.append(Fault("GET", "model.safetensors", status=503))
    download = 'hf_hub_download("someone/bot", "model.safetensors")'
    assert client(f"found = failure(lambda: {download})")[0] == "HfHubHTTPError"
    server.faults += [Fault("GET", "model.safetensors")] * 2
    small_steps = "import huggingface_hub.constants as constants\nconstants.DOWNLOAD_CHUNK_SIZE = 1000\n"
    path = client(f"{small_steps}found = {download}")  # the client goes on by itself from where it was cut
    assert Path(path).read_bytes() == FILES["model.safetensors"] and server.faults == []


def test_a_range(server, tmp_path):
    repo = tmp_path / "hub" / "models" / "someone" / "bot"
    repo.mkdir(parents=True)
    (repo / "a.bin").write_bytes(b"0123456789")
    for wanted, got in (("bytes=4-", b"456789"), ("bytes=2-3", b"23")):
        request = urllib.request.Request(f"{server.address}/someone/bot/resolve/main/a.bin", headers={"Range": wanted})
        with urllib.request.urlopen(request) as answer:
            assert (answer.status, answer.read(), answer.headers["X-Linked-Size"]) == (206, got, "10")
