"""A git server of strangers in this process: `git http-backend` behind Basic or bearer tokens, with Git LFS.

Git LFS is its batch API and basic transfers, written from the published specification (git-lfs, docs/api/batch.md and
docs/api/basic-transfers.md): POST .git/info/lfs/objects/batch, then GET or PUT of each object's link.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class GitServer(ThreadingHTTPServer):
    """Serves the bare repositories below a folder; every request needs the token."""

    def __init__(self, folder: Path, token: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.token = folder, token
        self.large: dict[str, bytes] = {}
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: GitServer

    def do_GET(self) -> None:
        if not self._known():
            return
        if "/objects/" in self.path and "/lfs/" in self.path:
            found = self.server.large.get(self.path.rpartition("/")[2])
            self._answer(200 if found is not None else 404, found or b"")
        else:
            self._git()

    def do_PUT(self) -> None:
        body = self._body()
        if self._known():
            self.server.large[self.path.rpartition("/")[2]] = body
            self._answer(200, b"")

    def do_POST(self) -> None:
        if not self._known():
            return
        if self.path.endswith("/info/lfs/objects/batch"):
            asked = json.loads(self._body())
            objects = [self._object(asked["operation"], one) for one in asked["objects"]]
            told = json.dumps({"transfer": "basic", "objects": objects}).encode()
            self._answer(200, told, "application/vnd.git-lfs+json")
        else:
            self._git()

    def _object(self, operation: str, one: dict[str, Any]) -> dict[str, Any]:
        here = one["oid"] in self.server.large
        if operation == "download" and not here:
            return {**one, "error": {"code": 404, "message": "Object does not exist"}}
        if operation == "upload" and here:
            return one
        link = {"href": f"{self.server.url}{self.path.removesuffix('/batch')}/{one['oid']}"}
        return {**one, "actions": {operation: link}}

    def _known(self) -> bool:
        said = self.headers.get("authorization", "")
        basic = said.startswith("Basic ") and base64.b64decode(said[6:]).decode().partition(":")[2]
        if basic == self.server.token or said == f"Bearer {self.server.token}":
            return True
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def _git(self) -> None:
        parts = urlsplit(self.path)
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.server.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "somebody",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("content-type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=self._body(), env=environment, capture_output=True, check=False
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
        status = int(fields.pop("Status", "200").split()[0])
        self._answer(status, body, fields.get("Content-Type", "text/plain"))

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, body: bytes, kind: str = "application/octet-stream") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def git_server(folder: Path, token: str) -> Iterator[GitServer]:
    """A server for the time of a block."""
    server = GitServer(folder, token)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)
