"""A small HTTP server that lets a real agent talk to a CodeDeploy under test, and fetch bundles."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from codeyard.agent import config as configuration
from codeyard.contract import AwsError
from tests.unit.services.codedeploy.world import World, user_arn


class Bridge:
    """Serves host commands and S3 objects. `down` drops every connection; `heard` is what hosts called."""

    def __init__(self, world: World) -> None:
        self.world, self.down = world, False
        self.objects: dict[str, bytes] = {}
        self.heard: list[tuple[str, str, dict[str, Any]]] = []
        self.refuse: dict[str, int] = {}
        self.before: dict[str, Callable[[], object]] = {}
        self._lock = threading.Lock()
        bridge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"] or 0))
                if bridge.down:
                    self.close_connection = True
                    return
                bridge.answer(self, json.loads(body))

            def do_GET(self) -> None:
                data = bridge.objects.get(self.path)
                found = data is not None and not bridge.down
                send(self, 200 if found else 404, data or b"<Error><Code>NoSuchKey</Code></Error>", {"etag": '"e1"'})

            def log_message(self, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def answer(self, handler: BaseHTTPRequestHandler, params: dict[str, Any]) -> None:
        operation = handler.headers["x-amz-target"].rpartition(".")[2]
        name = handler.headers["authorization"].partition("Credential=AK")[2].partition("/")[0]
        with self._lock:
            if self.refuse.get(operation, 0) > 0:
                self.refuse[operation] -= 1
                send(handler, 500, b"{}")
                return
            self.heard.append((name, operation, params))
            self.before.pop(operation, lambda: None)()
            try:
                answer = self.world.host(operation, name, **params)
                self.world.settle()
                send(handler, 200, json.dumps(answer).encode())
            except AwsError as error:
                text = {"__type": error.code, "message": error.message}
                send(handler, error.status or 400, json.dumps(text).encode())

    def bundle(self, key: str, files: Mapping[str, str]) -> None:
        """Put a zip with these files (scripts are executable) where deployments of `key` look for it."""
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            for name, text in files.items():
                info = zipfile.ZipInfo(name)
                info.external_attr = (0o755 if text.startswith("#!") else 0o644) << 16
                archive.writestr(info, text)
        self.objects[f"/bundles/{key}"] = data.getvalue()

    def host(self, name: str, folder: Path) -> Path:
        """Write the configuration of a host's agent; its path."""
        folder.mkdir(parents=True, exist_ok=True)
        certificate = self.world.host("GetSigningCertificate", name, HostIdentifier=user_arn(name))["Certificate"]
        (folder / "signer.pem").write_text(certificate)
        (folder / "keys.yml").write_text(f"access_key_id: AK{name}\nsecret_access_key: secret\n")
        (folder / "root").mkdir(exist_ok=True)
        path = folder / "agent.yml"
        path.write_text(
            f"endpoint: {self.endpoint}\nregion: us-east-1\nhost_identifier: {user_arn(name)}\nhome: agent\n"
            "signer_certificate: signer.pem\nroot_directory: root\npoll_seconds: 0.05\n"
        )
        assert configuration.load(path).host_identifier == user_arn(name)
        return path

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    """One answer, in one piece."""
    handler.send_response(status)
    for name, value in {"content-length": str(len(body)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler._headers_buffer.append(b"\r\n" + body)  # type: ignore[attr-defined]
    handler.flush_headers()
