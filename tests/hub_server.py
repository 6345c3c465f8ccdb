"""A small Hub on 127.0.0.1 that serves repositories from folders, as the Hugging Face Hub does: read only.

A repository is a folder `models/OWNER/NAME` or `datasets/OWNER/NAME` below the root.
"""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlparse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Handler(BaseHTTPRequestHandler):
    root: Path
    requests: list

    def do_GET(self):
        self.answer(body=True)

    def do_HEAD(self):
        self.answer(body=False)

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        sent = self.rfile.read(length).decode()
        path = unquote(urlparse(self.path).path)
        self.requests.append(("POST", path))
        if "/paths-info/" in path:
            _, repo = self.repository(path.split("/")[2:])
            try:
                wanted = json.loads(sent)["paths"]
            except ValueError:
                wanted = parse_qs(sent)["paths"]
            return self.send_json([self.entry(repo, repo / name) for name in wanted if (repo / name).exists()])
        return self.fail("EntryNotFound")

    def repository(self, parts):
        kind = "datasets" if parts[0] == "datasets" else "models"
        names = parts[1:3] if parts[0] in ("datasets", "models") else parts[:2]
        return kind, self.root / kind / "/".join(names)

    def answer(self, body):
        path = unquote(urlparse(self.path).path)
        self.requests.append((self.command, path))
        parts = path.strip("/").split("/")
        if parts[0] == "api":
            return self.api(parts[1:])
        if "resolve" in parts:
            at = parts.index("resolve")
            _, repo = self.repository(parts)
            return self.file(repo, repo / "/".join(parts[at + 2 :]), body)
        return self.fail("EntryNotFound")

    def api(self, parts):
        _, repo = self.repository(parts)
        if not repo.is_dir():
            return self.fail("RepoNotFound")
        if "tree" in parts:
            below = repo / "/".join(parts[parts.index("tree") + 2 :])
            found = (
                below.rglob("*") if "recursive=True" in self.path or "recursive=true" in self.path else below.glob("*")
            )
            return self.send_json([self.entry(repo, path) for path in sorted(found)])
        files = sorted(str(path.relative_to(repo)) for path in repo.rglob("*") if path.is_file())
        name = "/".join(repo.parts[-2:])
        siblings = [{"rfilename": file} for file in files]
        return self.send_json({"id": name, "sha": COMMIT, "private": False, "tags": [], "siblings": siblings})

    def entry(self, repo, path):
        name = str(path.relative_to(repo))
        if path.is_dir():
            return {"type": "directory", "oid": COMMIT, "size": 0, "path": name}
        return {"type": "file", "oid": COMMIT, "size": path.stat().st_size, "path": name}

    def file(self, repo, path, body):
        if not repo.is_dir():
            return self.fail("RepoNotFound")
        if not path.is_file():
            return self.fail("EntryNotFound")
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def send_json(self, value):
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def fail(self, code):
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@contextmanager
def hub(root):
    """Serve the repositories below `root`; yields the address and the list of requests."""
    handler = type("Bound", (Handler,), {"root": Path(root), "requests": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler.requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
