"""A hub on this machine: the answers of the Hugging Face hub that its client needs, and faults."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Loopback(ThreadingHTTPServer):
    """`branches` say which commit each revision stands for, `files` what lies in it.

    `faults` hold, by the end of a path, what the next requests for it get instead of an answer: a
    status, perhaps with headers, or the number of bytes after which the connection closes. They
    are for GET, unless HEAD and a space come before the path.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.repository = "some/model"
        self.branches: dict[str, str] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.licence: dict[str, str] = {}
        self.faults: dict[str, list[int | tuple[int, dict[str, str]]]] = {}
        self.asked: list[tuple[str, str, str]] = []  # method, path, range
        self.gated = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def push(self, branch: str, folder: Path, licence: str = "") -> str:
        """Make the files of a folder the newest commit of a branch."""
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        names = "".join(files) + branch + str(len(self.files))
        commit = hashlib.sha1(names.encode()).hexdigest()
        self.branches[branch], self.files[commit], self.licence[commit] = commit, files, licence
        return commit

    def paths(self, part: str = "") -> list[str]:
        """Those asked with GET that hold `part`."""
        return [path for method, path, _ in self.asked if method == "GET" and part in path]

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that drop the connection


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Loopback  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append((self.command, path, self.headers.get("Range", "")))
        cut = None
        for end, faults in self.server.faults.items():
            method = "HEAD" if end.startswith("HEAD ") else "GET"
            if path.endswith(end.removeprefix("HEAD ")) and self.command == method and faults:
                fault = faults.pop(0)
                if isinstance(fault, tuple):
                    return self.send(fault[0], b"", fault[1])
                if 400 <= fault < 600:
                    return self.send(fault, b"", {})
                cut = fault
        repository = f"/{self.server.repository}"
        if path.startswith(f"/api/models{repository}/"):
            kind, _, rest = path.removeprefix(f"/api/models{repository}/").partition("/")
            commit = self.server.branches.get(rest, rest)
            if commit not in self.server.files:
                return self.send(404, b"", {"X-Error-Code": "RevisionNotFound"})
            values = self.info(commit) if kind == "revision" else self.tree(commit)
            return self.send(200, json.dumps(values).encode(), {}, cut)
        if path.startswith(f"{repository}/resolve/"):
            commit, _, name = path.removeprefix(f"{repository}/resolve/").partition("/")
            if self.server.gated:
                return self.send(403, b"", {"X-Error-Code": "GatedRepo"})
            if name not in self.server.files.get(commit, {}):
                return self.send(404, b"", {"X-Error-Code": "EntryNotFound"})
            data = self.server.files[commit][name]
            headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": commit}
            start = self.headers.get("Range", "").removeprefix("bytes=").partition("-")[0]
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
                return self.send(206, data[int(start) :], headers, cut)
            return self.send(200, data, headers, cut)
        self.send(404, b"", {"X-Error-Code": "RepoNotFound"})

    def info(self, commit: str) -> dict:
        card = {"license": licence} if (licence := self.server.licence[commit]) else None
        siblings = [{"rfilename": name} for name in self.server.files[commit]]
        return {"id": self.server.repository, "sha": commit, "cardData": card, "siblings": siblings}

    def tree(self, commit: str) -> list[dict]:
        entries: list[dict] = [{"type": "directory", "path": "old", "oid": "0" * 40}]
        for name, data in self.server.files[commit].items():
            entry = {"type": "file", "path": name, "size": len(data), "oid": "0" * 40}
            if len(data) > 5_000:
                sha = hashlib.sha256(data).hexdigest()
                entry["xetHash"] = sha  # the other protocol, which is not served here
                entry["lfs"] = {"oid": sha, "size": len(data), "pointerSize": 130}
            entries.append(entry)
        return entries

    def send(self, status: int, data: bytes, headers: dict, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data[:cut])
            self.close_connection = cut is not None

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Loopback]:
    with Loopback() as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
