"""A hub on this machine: as much of the Hugging Face hub's interface as its libraries ask for."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
Repositories = dict[str, dict[str, bytes]]  # name of a dataset: its files
GATED = "a/gated"


@contextmanager
def hub(repositories: Repositories) -> Iterator[tuple[str, list[str]]]:
    """Serve datasets, each at one commit. Yields the endpoint and what was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            path = unquote(urlsplit(self.path).path).strip("/")
            is_api = path.startswith("api/")
            _, owner, name, verb, revision, *rest = [*path.removeprefix("api/").split("/"), "", ""]
            repository, inside = f"{owner}/{name}", "/".join(filter(None, rest))
            files = repositories.get(repository)
            if files is None:
                self.answer(401, b"", "RepoNotFound")
            elif revision not in (COMMIT, "main"):
                self.answer(404, b"", "RevisionNotFound")
            elif repository == GATED and not is_api:
                self.answer(401, b"", "GatedRepo")
            elif is_api:
                self.answer(200, json.dumps(self.described(verb, repository, files, inside)))
            elif inside in files:
                self.answer(200, files[inside])
            else:
                self.answer(404, b"", "EntryNotFound")

        do_HEAD = do_POST = do_GET

        def described(self, verb: str, name: str, files: dict[str, bytes], inside: str):
            if verb == "revision":
                siblings = [{"rfilename": path} for path in files]
                return {"id": name, "sha": COMMIT, "siblings": siblings, "tags": []}
            if verb == "paths-info":
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length).decode()
                is_json = "json" in self.headers.get("Content-Type", "")
                wanted = json.loads(body)["paths"] if is_json else parse_qs(body)["paths"]
                return [entry for path in wanted for entry in entries(files, path, "is it")]
            return entries(files, inside, "is in it")

        def answer(self, status: int, body: bytes | str, error: str = "") -> None:
            data = body.encode() if isinstance(body, str) else body
            start, end = 0, len(data)
            if (wanted := self.headers.get("Range")) and status == 200:
                first, last = wanted.removeprefix("bytes=").split("-")
                start, end, status = int(first), min(int(last) + 1, end) if last else end, 206
            self.send_response(status)
            if error:
                self.send_header("X-Error-Code", error)
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
            self.send_header("Content-Length", str(end - start))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[start:end])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def entries(files: dict[str, bytes], inside: str, what: str) -> list[dict]:
    """Files and folders as the hub lists them: the one at a path, or those in it."""
    found = {}
    for path, data in files.items():
        parents = path.split("/")[:-1]
        for depth in range(1, len(parents) + 1):
            folder = "/".join(parents[:depth])
            found[folder] = {"type": "directory", "path": folder, "oid": COMMIT, "size": 0}
        oid = hashlib.sha1(data).hexdigest()
        found[path] = {"type": "file", "path": path, "oid": oid, "size": len(data)}
    if what == "is it":
        return [found[inside]] if inside in found else []
    return [entry for path, entry in found.items() if path.rpartition("/")[0] == inside]
