"""A build's only way to the server: a relay on the sandbox's own loopback that admits this build's session alone.

It also hands out the session's keys, as the container credentials endpoint does on AWS, until the build is over.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import secrets
import select
import socket
import ssl
import threading
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from codeyard.runner.client import Keys, Place

_HEAD, _CHUNK, _MOST = 64 * 1024, 256 * 1024, 200
_CREDENTIALS = "/codebuild/credentials"
_HOP = ("connection:", "keep-alive:", "proxy-", "x-forwarded", "forwarded:")


class Relay:
    """Serves connections from one sandbox until it is closed."""

    def __init__(self, listener: socket.socket, place: Place, keys: Keys) -> None:
        self._listener, self._place, self._token = listener, place, secrets.token_urlsafe(32)
        self._keys, self._known = keys, {keys.access_key}
        self._open: set[socket.socket] = set()
        self._lock, self._closed = threading.Lock(), False
        self.port = int(listener.getsockname()[1])
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        """What the build's clients need to find the server and their keys."""
        base = f"http://127.0.0.1:{self.port}"
        return {
            "AWS_ENDPOINT_URL": base,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": base + _CREDENTIALS,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": self._token,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log may show."""
        return (self._token,)

    def renew(self, keys: Keys) -> None:
        """Hand out these from now on; requests signed with the ones before are still admitted."""
        with self._lock:
            self._keys = keys
            self._known.add(keys.access_key)

    def close(self) -> None:
        """Admit nobody any more, and end what is under way."""
        with self._lock:
            self._closed = True
            self._known.clear()
            doomed = list(self._open)
        for one in (self._listener, *doomed):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if len(self._open) >= _MOST:
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection,), name="relay", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            self._open.add(client)
        try:
            with client:
                client.settimeout(60)
                self._answer(client)
        except (OSError, ValueError, IndexError):
            return
        finally:
            with self._lock:
                self._open.discard(client)

    def _answer(self, client: socket.socket) -> None:
        lines, rest = _read_head(client)
        target = lines[0].split(" ")[1]
        headers = {name.strip().lower(): value.strip() for name, _, value in (ln.partition(":") for ln in lines[1:])}
        if urlsplit(target).path == _CREDENTIALS:
            client.sendall(self._credentials(headers))
        elif target.startswith("/v1/repos/") and "authorization" not in headers:
            client.sendall(_said(401, {"message": "sign in"}, 'www-authenticate: Basic realm="git"'))
        elif self._admitted(target, headers):
            self._forward(client, lines, rest)
        else:
            client.sendall(_said(403, {"message": "This relay serves its own build's session only."}))

    def _credentials(self, headers: dict[str, str]) -> bytes:
        if self._closed or not secrets.compare_digest(headers.get("authorization", "").encode(), self._token.encode()):
            return _said(403, {"message": "wrong token"})
        keys = self._keys
        given = {"AccessKeyId": keys.access_key, "SecretAccessKey": keys.secret, "Token": keys.token}
        return _said(200, {**given, "Expiration": _iso(keys.expires)})

    def _admitted(self, target: str, headers: dict[str, str]) -> bool:
        """Whether the request names this build's key; whether its signature holds is the server's to say."""
        said = headers.get("authorization", "")
        if said.startswith("AWS4-HMAC-SHA256"):
            key = said.partition("Credential=")[2].partition("/")[0]
        elif said[:6].lower() == "basic ":
            try:
                user = base64.b64decode(said[6:], validate=True).decode("latin-1").partition(":")[0]
            except (binascii.Error, ValueError):
                return False
            key = unquote(user).partition("%")[0]
        else:
            key = parse_qs(urlsplit(target).query).get("X-Amz-Credential", [""])[0].partition("/")[0]
        return key in self._known

    def _forward(self, client: socket.socket, lines: list[str], rest: bytes) -> None:
        """One request, one connection: what follows on the same one is not looked at, so it is not sent on."""
        kept = [line for line in lines if not line.lower().startswith(_HOP)]
        head = "\r\n".join([*kept, "Connection: close", "", ""]).encode("latin-1")
        with self._place.dial() as server:
            with self._lock:
                self._open.add(server)
            try:
                server.sendall(head + rest)
                _pump(client, server)
            finally:
                with self._lock:
                    self._open.discard(server)


def _read_head(client: socket.socket) -> tuple[list[str], bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        part = client.recv(65536)
        data += part
        if not part or len(data) > _HEAD:
            raise ValueError("no request")
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1").split("\r\n"), rest


def _pump(client: socket.socket, server: socket.socket) -> None:
    """Copy both ways until the server is done."""
    sides = {client: server, server: client}
    while True:
        pending = isinstance(server, ssl.SSLSocket) and server.pending()
        ready = [server] if pending else select.select(list(sides), [], [], 600)[0]
        if not ready:
            return
        for source in ready:
            data = source.recv(_CHUNK)
            if data:
                sides[source].sendall(data)
            elif source is server:
                return
            else:
                sides.pop(client)


def _iso(moment: Any) -> str:
    """The wire's number of seconds as the credentials endpoint writes it."""
    if isinstance(moment, int | float):
        return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(moment)


def _said(status: int, body: dict[str, Any], header: str = "") -> bytes:
    text = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} {'OK' if status == 200 else 'Refused'}", "content-type: application/json"]
    lines += [header] if header else []
    return "\r\n".join([*lines, f"content-length: {len(text)}", "connection: close", "", ""]).encode() + text
