"""Signed calls over kept connections: as the runner itself, and as a build's own session."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import quote, urlsplit

from codeyard.wire import sigv4

_TARGETS = {"codeyard-runner": "CodeyardRunner_20261101", "ssm": "AmazonSSM", "secretsmanager": "secretsmanager"}
_CHUNK = 1 << 20
AWAY = (OSError, http.client.HTTPException)
_PATIENCE_S = 50.0
T = TypeVar("T")


class Refused(Exception):
    """The server answered with an error; `code` is its name."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials of a caller. `expires` is the wire's own words."""

    access_key: str
    secret: str
    token: str = ""
    expires: Any = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Keys:
        """From STS's Credentials as they came over the wire."""
        return cls(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], given["Expiration"])


@dataclass(frozen=True, slots=True)
class Place:
    """Where the server is. `host` is what it is called, for signatures of git."""

    endpoint: str
    region: str
    ca: str = ""

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        """A connection to it, not yet open."""
        url = urlsplit(self.endpoint)
        if url.scheme == "https":
            context = ssl.create_default_context(cafile=self.ca or None)
            return http.client.HTTPSConnection(url.hostname or "", url.port, timeout=timeout, context=context)
        return http.client.HTTPConnection(url.hostname or "", url.port, timeout=timeout)

    def dial(self, timeout: float = 60) -> socket.socket:
        """An open socket to it, TLS done where it wants TLS."""
        connection = self.connect(timeout)
        connection.connect()
        sock: socket.socket = connection.sock
        return sock


class Server:
    """One caller's view of the server; connections are kept per thread."""

    def __init__(self, place: Place, keys: Keys) -> None:
        self.place, self.keys = place, keys
        self._local = threading.local()

    def call(self, service: str, operation: str, params: Mapping[str, Any], timeout: float = 30) -> dict[str, Any]:
        """Call an operation of a JSON service; Refused, or OSError/HTTPException while the server is away."""
        body = json.dumps(params, default=_plain).encode()
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"{_TARGETS[service]}.{operation}"}
        status, _, answer = self.request("POST", "/", headers, body, service, timeout)
        if status != 200:
            raise _error(status, answer)
        found: dict[str, Any] = json.loads(answer or b"{}")
        return found

    def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, service: str, timeout: float = 60
    ) -> tuple[int, dict[str, str], bytes]:
        """One signed request; status, headers, body. A kept connection that was closed meanwhile is opened again."""
        signed = self._signed(method, path, headers, body, service)
        kept = getattr(self._local, "connection", None) is not None
        try:
            return self._once(method, path, body, signed, timeout)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            if not kept:
                raise
            return self._once(method, path, body, signed, timeout)

    def download(self, bucket: str, key: str, version: str, out: IO[bytes]) -> dict[str, str]:
        """GET an object into a file; its headers. Begun again while the server is away."""

        def begin() -> dict[str, str]:
            out.seek(0)
            out.truncate()
            return self._download(bucket, key, version, out)

        return _patiently(begin)

    def _download(self, bucket: str, key: str, version: str, out: IO[bytes]) -> dict[str, str]:
        path = _object(bucket, key) + (f"?versionId={quote(version, safe='')}" if version else "")
        signed = self._signed("GET", path, {}, b"", "s3")
        connection = self.place.connect(300)
        try:
            connection.request("GET", path, None, signed)
            response = connection.getresponse()
            if response.status != 200:
                raise _error(response.status, response.read(65536))
            while chunk := response.read(_CHUNK):
                out.write(chunk)
            return {name.lower(): value for name, value in response.getheaders()}
        finally:
            connection.close()

    def upload(self, bucket: str, key: str, file: IO[bytes], size: int, headers: Mapping[str, str]) -> None:
        """PUT an object from a file of a known size. Begun again while the server is away."""

        def begin() -> None:
            file.seek(0)
            self._upload(bucket, key, file, size, headers)

        _patiently(begin)

    def _upload(self, bucket: str, key: str, file: IO[bytes], size: int, headers: Mapping[str, str]) -> None:
        path = _object(bucket, key)
        given = {**headers, "content-length": str(size)}
        signed = self._signed("PUT", path, given, b"", "s3", "UNSIGNED-PAYLOAD")
        connection = self.place.connect(300)
        try:
            connection.request("PUT", path, file, signed)
            response = connection.getresponse()
            answer = response.read(65536)
            if response.status != 200:
                raise _error(response.status, answer)
        finally:
            connection.close()

    def git_password(self, path: str) -> tuple[str, str]:
        """User name and password for git over HTTP, signed as AWS's credential helpers sign."""
        now = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        host = urlsplit(self.place.endpoint).netloc
        signature = sigv4.git_signature(self.keys.secret, path, host, self.place.region, now)
        user = f"{self.keys.access_key}%{self.keys.token}" if self.keys.token else self.keys.access_key
        return user, f"{now}Z{signature}"

    def _once(
        self, method: str, path: str, body: bytes, signed: Mapping[str, str], timeout: float
    ) -> tuple[int, dict[str, str], bytes]:
        connection = self._connection(timeout)
        try:
            connection.request(method, path, body, dict(signed))
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        except BaseException:
            connection.close()
            self._local.connection = None
            raise

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self.place.connect(timeout)
            found.connect()
            found.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if found.sock is not None:
            found.sock.settimeout(timeout)
        return found

    def _signed(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, service: str, payload: str = ""
    ) -> dict[str, str]:
        return sigv4.sign(
            method,
            self.place.endpoint + path,
            headers,
            body,
            access_key=self.keys.access_key,
            secret=self.keys.secret,
            token=self.keys.token,
            region=self.place.region,
            service=service,
            now_us=time.time_ns() // 1000,
            payload_hash=payload,
        )


@dataclass(frozen=True, slots=True)
class Configuration:
    """The runner's file: it is read again whenever the server is away or refuses the keys, which a restart renews."""

    place: Place
    keys: Keys
    work: Path
    name: str
    token: str
    capacity: int

    @classmethod
    def read(cls, path: Path) -> Configuration:
        """The file as it stands."""
        found = json.loads(path.read_text())
        return cls(
            Place(str(found["endpoint"]).rstrip("/"), found["region"], found.get("ca") or ""),
            Keys(found["access_key_id"], found["secret_access_key"]),
            Path(found.get("work") or found["work_dir"]),
            found.get("name") or "local",
            found.get("token") or "",
            int(found.get("capacity", 20)),
        )


def _patiently(begin: Callable[[], T]) -> T:
    """Begin again while the server is away or faulty, for about as long as a build's lease lasts."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return begin()
        except Refused as refused:
            if refused.status < 500 or time.monotonic() > deadline:
                raise
        except AWAY:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def _object(bucket: str, key: str) -> str:
    return f"/{quote(bucket, safe='-_.~')}/{quote(key, safe='/-_.~')}"


def _plain(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _error(status: int, body: bytes) -> Refused:
    """An error of either form: JSON, or S3's XML."""
    text = body.decode("utf-8", "replace")
    if text.lstrip().startswith("<"):
        return Refused(status, _between(text, "Code") or str(status), _between(text, "Message"))
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = {}
    code = str(found.get("__type", status)).rpartition("#")[2]
    return Refused(status, code, str(found.get("message") or found.get("Message") or ""))


def _between(text: str, name: str) -> str:
    return text.partition(f"<{name}>")[2].partition(f"</{name}>")[0]
