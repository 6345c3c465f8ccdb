"""A small Hub on 127.0.0.1 that serves repositories from folders and takes commits, as the Hugging Face Hub does.

A repository is a folder `models/OWNER/NAME` or `datasets/OWNER/NAME` below the root, and this path is its name here.
From the first push on it is a link to the folder of the newest commit, for a link can be changed in one step. The
folders of all commits and the links of all branches lie in `.history`.
"""

import base64
import hashlib
import json
import secrets
import shutil
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlparse

COMMIT = "0123456789abcdef0123456789abcdef01234567"  # what a repository is at until somebody pushes to it
LFS_SUFFIXES = (".safetensors", ".bin", ".model", ".parquet", ".onnx")


class Fault(NamedTuple):
    """Strikes the next request of `method` whose path contains `path`; without a status it cuts the body in half."""

    method: str
    path: str
    status: int | None = None


class Refusal(Exception):
    def __init__(self, status, code="", message=""):
        self.status, self.headers = status, {"X-Error-Code": code, "X-Error-Message": message or code}


def is_lfs(path, size, sample):
    return size > 0 and (str(path).endswith(LFS_SUFFIXES) or size > 10_000_000 or b"\0" in sample)


def file_facts(path):
    """The content of a file, the id that clients compare, and whether it is kept by LFS."""
    content = path.read_bytes()
    if is_lfs(path, len(content), content[:512]):
        return content, hashlib.sha256(content).hexdigest(), True
    return content, hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(), False


class Hub:
    """The state of a Hub; unpacks into its address and its list of requests."""

    def __init__(self, root, token=None):
        self.root, self.token, self.address = Path(root).resolve(), token, ""
        self.requests, self.commits, self.faults = [], [], []
        self.private, self.uploaded, self.lfs = set(), set(), {}
        self.user, self.lock = "someone", threading.RLock()

    def __iter__(self):
        return iter((self.address, self.requests))

    def fault(self, method, path):
        with self.lock:
            fault = next((fault for fault in self.faults if fault.method == method and fault.path in path), None)
            if fault:
                self.faults.remove(fault)
            return fault

    def history(self, repo, revision):
        return self.root / ".history" / repo / quote(revision, safe="")

    def find(self, repo, revision):
        """The commit and the folder of a revision."""
        folder = self.root / repo
        with self.lock:
            if not folder.is_dir():
                raise Refusal(404, "RepoNotFound")
            if revision in ("main", COMMIT) and not self.history(repo, "main").exists():
                return COMMIT, folder
            folder = self.history(repo, revision).resolve()
            if not folder.is_dir():
                raise Refusal(404, "RevisionNotFound")
            return folder.name, folder

    def point(self, repo, branch, commit):
        link = self.history(repo, f"{commit}.new")
        link.symlink_to(commit)
        link.replace(self.history(repo, branch))

    def adopt(self, repo):
        """Make what lies in the folder of a repository its first commit."""
        with self.lock:
            _, folder = self.find(repo, "main")
            if self.history(repo, "main").exists():
                return
            self.history(repo, COMMIT).parent.mkdir(parents=True)
            first = folder.rename(self.history(repo, COMMIT))
            self.point(repo, "main", COMMIT)
            folder.symlink_to(self.history(repo, "main"))
            for path in filter(Path.is_file, first.rglob("*")):
                content, oid, _ = file_facts(path)
                self.lfs[repo, oid] = content

    def commit(self, repo, revision, lines, create_pr):
        """Make a commit of the lines that a client sent; returns the commit and its branch."""
        [header] = [line["value"] for line in lines if line["key"] == "header"]
        deleted = [line["value"]["path"] for line in lines if line["key"] in ("deletedFile", "deletedFolder")]
        files = {line["value"]["path"]: line["value"] for line in lines if line["key"] in ("file", "lfsFile")}
        with self.lock:
            _, folder = self.find(repo, revision)
            if not all((repo, file["oid"]) in self.lfs for file in files.values() if "oid" in file):
                raise Refusal(400, message="A file of LFS was not uploaded")
            commit = secrets.token_hex(20)
            new = self.history(repo, commit)
            shutil.copytree(folder, new)
            for path in deleted:
                shutil.rmtree(new / path) if (new / path).is_dir() else (new / path).unlink()
            for path, file in files.items():
                (new / path).parent.mkdir(parents=True, exist_ok=True)
                content = self.lfs[repo, file["oid"]] if "oid" in file else base64.b64decode(file["content"])
                (new / path).write_bytes(content)
            if create_pr:
                revision = f"refs/pr/{len(list(new.parent.glob('refs%2Fpr%2F*'))) + 1}"
            self.point(repo, revision, commit)
            fresh = [path for path, file in files.items() if (repo, file.get("oid")) in self.uploaded]
            self.uploaded -= {(repo, files[path]["oid"]) for path in fresh}
            entry = {"repo": repo, "revision": revision, "sha": commit, "message": header["summary"]}
            self.commits.append(entry | {"files": list(files), "deleted": deleted, "lfs_uploaded": fresh})
        return commit, revision


class Handler(BaseHTTPRequestHandler):
    hub: Hub

    def answer(self):
        url = urlparse(self.path)
        self.query = parse_qs(url.query)
        self.hub.requests.append((self.command, unquote(url.path)))
        fault = self.hub.fault(self.command, unquote(url.path))
        self.cut = fault is not None and fault.status is None
        length = int(self.headers.get("Content-Length", 0))
        self.body = self.rfile.read(length // 2 if self.cut else length)
        if self.cut and length:
            return
        try:
            if fault and fault.status:
                raise Refusal(fault.status)
            # A revision may have a quoted slash in it: refs%2Fpr%2F1.
            self.route([unquote(part) for part in url.path.strip("/").split("/")])
        except Refusal as refusal:
            self.send_json({"error": refusal.headers["X-Error-Message"]}, refusal.status, **refusal.headers)

    do_GET = do_HEAD = do_POST = do_PUT = answer

    def route(self, parts):
        match parts:
            case ["api", "whoami-v2"]:
                self.admit(write=True)
                return self.send_json({"type": "user", "name": self.hub.user, "orgs": []})
            case ["api", "validate-yaml"]:
                self.admit()
                return self.send_json({"errors": [], "warnings": []})
            case ["api", "repos", "create"]:
                self.admit(write=True)
                return self.create(**json.loads(self.body))
        parts = parts[1:] if parts[0] == "api" else parts
        kind, *parts = parts if parts[0] in ("models", "datasets") else ["models", *parts]
        if len(parts) < 2:
            raise Refusal(404, "EntryNotFound")
        repo, rest = f"{kind}/{parts[0]}/{parts[1].removesuffix('.git')}", parts[2:]
        if self.command == "PUT":  # without a token, as the addresses that the real Hub signs
            return self.upload(repo, rest[-1])
        write = self.command == "POST" and rest[:1] != ["paths-info"]
        self.admit(repo, write)
        return self.write(repo, rest) if write else self.read(repo, rest)

    def admit(self, repo=None, write=False):
        sent = self.headers.get("Authorization")
        if self.hub.token is None or sent == f"Bearer {self.hub.token}":
            return
        if sent:
            raise Refusal(401, message="Invalid credentials in Authorization header")
        if write or repo in self.hub.private:
            # For https the client itself takes this for a missing repository; for http it has to be told.
            raise Refusal(401, "RepoNotFound" if repo else "", "Invalid username or password.")

    def create(self, name, organization=None, type="model", visibility=None, **_):
        repo = f"{type}s/{organization or self.hub.user}/{name}"
        is_new = not (self.hub.root / repo).is_dir()
        if is_new:
            (self.hub.root / repo).mkdir(parents=True)
            self.hub.private |= {repo} if visibility == "private" else set()
        self.send_json({"url": self.url(repo)}, 200 if is_new else 409)

    def url(self, repo):
        return f"{self.hub.address}/{repo.removeprefix('models/')}"

    def read(self, repo, rest):
        commit, folder = self.hub.find(repo, rest[1] if rest[1:] else "main")
        match rest:
            case [] | ["revision", _]:
                files = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
                about = {"id": repo.split("/", 1)[1], "sha": commit, "private": repo in self.hub.private, "tags": []}
                return self.send_json(about | {"siblings": [{"rfilename": file} for file in files]})
            case ["tree", _, *below]:
                deep = self.query.get("recursive", [""])[0].lower() == "true"
                found = folder.joinpath(*below).glob("**/*" if deep else "*")
            case ["paths-info", _]:
                sent = self.body.decode()
                wanted = json.loads(sent)["paths"] if sent.startswith("{") else parse_qs(sent)["paths"]
                found = [folder / name for name in wanted if (folder / name).exists()]
            case ["resolve", _, *names]:
                return self.file(commit, folder.joinpath(*names))
            case _:
                raise Refusal(404, "EntryNotFound")
        self.send_json([self.entry(path, str(path.relative_to(folder))) for path in sorted(found)])

    def write(self, repo, rest):
        self.hub.adopt(repo)
        match rest:
            case ["preupload", revision]:
                folder = self.hub.find(repo, revision)[1]
                plans = [self.plan(folder, **file) for file in json.loads(self.body)["files"]]
                return self.send_json({"files": plans})
            case ["info", "lfs", "objects", "batch"]:
                objects = json.loads(self.body)["objects"]
                for sent in objects:
                    if (repo, sent["oid"]) not in self.hub.lfs:
                        sent["actions"] = {"upload": {"href": f"{self.url(repo)}.git/lfs/objects/{sent['oid']}"}}
                return self.send_json({"transfer": "basic", "objects": objects})
            case ["commit", revision]:
                lines = [json.loads(line) for line in self.body.splitlines()]
                commit, branch = self.hub.commit(repo, revision, lines, "create_pr" in self.query)
                links = {"commitUrl": f"commit/{commit}", "pullRequestUrl": f"discussions/{branch.split('/')[-1]}"}
                links = {name: f"{self.url(repo)}/{link}" for name, link in links.items()}
                return self.send_json({"commitOid": commit, **links})
            case ["branch", name]:
                if self.hub.history(repo, name).exists():
                    raise Refusal(409, message=f"Reference already exists: {name}")
                self.hub.point(repo, name, self.hub.find(repo, json.loads(self.body).get("startingPoint", "main"))[0])
                return self.send_json({})
        raise Refusal(404, "EntryNotFound")

    def plan(self, folder, path, size, sample):
        mode = "lfs" if is_lfs(path, size, base64.b64decode(sample)) else "regular"
        oid = file_facts(folder / path)[1] if (folder / path).is_file() else None
        return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid}

    def upload(self, repo, oid):
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise Refusal(400, message="These are not the bytes that were announced")
        self.hub.lfs[repo, oid] = self.body
        self.hub.uploaded.add((repo, oid))
        self.send()

    def entry(self, path, name):
        if path.is_dir():
            return {"type": "directory", "oid": COMMIT, "size": 0, "path": name}
        content, oid, lfs = file_facts(path)
        about = {"lfs": {"oid": oid, "size": len(content), "pointerSize": 134}} if lfs else {}
        return {"type": "file", "oid": oid, "size": len(content), "path": name, **about}

    def file(self, commit, path):
        if not path.is_file():
            raise Refusal(404, "EntryNotFound")
        content, oid, lfs = file_facts(path)
        size, status = len(content), 200
        headers = {"X-Repo-Commit": commit, "ETag": f'"{oid}"'}
        headers |= {"X-Linked-Etag": f'"{oid}"', "X-Linked-Size": size} if lfs else {}
        if "Range" in self.headers:
            first, last = self.headers["Range"].removeprefix("bytes=").split("-")
            content, status = content[int(first) : int(last or size) + 1], 206
            headers["Content-Range"] = f"bytes {first}-{int(first) + len(content) - 1}/{size}"
        self.send(content, status, **headers)

    def send_json(self, value, status=200, **headers):
        self.send(json.dumps(value).encode(), status, **{"Content-Type": "application/json"}, **headers)

    def send(self, content=b"", status=200, **headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": len(content)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if self.cut else content)

    def log_message(self, *args):
        pass


@contextmanager
def hub(root, token=None):
    """Serve the repositories below `root`; with a token, only who sends it may write, or read what is private."""
    state = Hub(root, token)
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": state})) as server:
        state.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield state
        finally:
            server.shutdown()
