"""The build's only way to the server: a relay on the sandbox's own loopback that admits this build's session alone.

It also hands out the session's keys, as the container credentials endpoint does on AWS.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_HEAD = 64 * 1024
_CHUNK = 256 * 1024


class Relay:
    """Serves connections from one sandbox until it is closed."""

    def __init__(self, listener: socket.socket, endpoint: str, credentials: dict[str, str], token: str) -> None:
        self._listener, self._credentials, self._token = listener, credentials, token
        url = urlsplit(endpoint)
        self._server = (url.hostname or "127.0.0.1", url.port or 80)
        self._key = credentials["AccessKeyId"]
        self.port = int(listener.getsockname()[1])
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        """What the build's clients need to find the server and their keys."""
        base = f"http://127.0.0.1:{self.port}"
        return {
            "AWS_ENDPOINT_URL": base,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{base}/codebuild/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": self._token,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def close(self) -> None:
        """Admit nobody any more."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                client.settimeout(60)
                head, rest = _read_head(client)
                lines = head.split("\r\n")
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
                target = lines[0].split(" ")[1] if lines[0].count(" ") >= 2 else ""
                if target.startswith("/codebuild/credentials"):
                    client.sendall(self._keys(headers))
                elif target.startswith("/v1/repos/") and "authorization" not in headers:
                    client.sendall(_answer(401, {"message": "sign in"}, 'www-authenticate: Basic realm="git"'))
                elif not self._admitted(target, headers):
                    client.sendall(_answer(403, {"message": "This relay serves its own build's session only."}))
                else:
                    self._forward(client, lines, rest)
            except (OSError, ValueError, IndexError):
                return

    def _keys(self, headers: dict[str, str]) -> bytes:
        if headers.get("authorization") != self._token:
            return _answer(403, {"message": "wrong token"})
        found = self._credentials
        return _answer(
            200,
            {
                "AccessKeyId": found["AccessKeyId"],
                "SecretAccessKey": found["SecretAccessKey"],
                "Token": found["SessionToken"],
                "Expiration": found["Expiration"],
            },
        )

    def _admitted(self, target: str, headers: dict[str, str]) -> bool:
        """Whether the request is signed with this build's key; whether the signature holds is the server's to say."""
        said = headers.get("authorization", "")
        if said.startswith("AWS4-HMAC-SHA256"):
            return f"Credential={self._key}/" in said
        if said.startswith("Basic "):
            user = base64.b64decode(said[6:]).decode("latin-1").partition(":")[0]
            return unquote(user).partition("%")[0] == self._key or user.partition("%")[0] == self._key
        scope = parse_qs(urlsplit(target).query).get("X-Amz-Credential", [""])[0]
        return scope.startswith(f"{self._key}/")

    def _forward(self, client: socket.socket, lines: list[str], rest: bytes) -> None:
        kept = [line for line in lines if not line.lower().startswith(("connection:", "x-forwarded", "proxy-"))]
        head = "\r\n".join([*kept, "Connection: close", "", ""]).encode("latin-1")
        with socket.create_connection(self._server, timeout=60) as server:
            server.sendall(head + rest)
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server, half=True)
            back.join()


def _read_head(client: socket.socket) -> tuple[str, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        part = client.recv(65536)
        data += part
        if not part or len(data) > _HEAD:
            raise ValueError("no request")
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def _pump(source: socket.socket, sink: socket.socket, half: bool = False) -> None:
    try:
        while data := source.recv(_CHUNK):
            sink.sendall(data)
    except OSError:
        pass  # either side may leave; the other learns it from its own socket
    try:
        if half:
            sink.shutdown(socket.SHUT_WR)
        else:
            sink.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is closed already


def _answer(status: int, body: dict[str, Any], header: str = "") -> bytes:
    text = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} {'OK' if status == 200 else 'Refused'}", "content-type: application/json"]
    lines += [header] if header else []
    return "\r\n".join([*lines, f"content-length: {len(text)}", "connection: close", "", ""]).encode() + text
