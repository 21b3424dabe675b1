"""The agent's calls: signed with the host's own keys, over one kept connection."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import socket
import ssl
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from codeyard.agent.config import Config, Keys

_EMPTY = hashlib.sha256(b"").hexdigest()
_AGENT = "codeyard-agent/1"
_READ_TIMEOUT = 80.0
_CHUNK = 1 << 20


class CallError(Exception):
    """The server refused a call; `status` is HTTP's, `code` the error's name."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code = status, code


class CommandClient:
    """Speaks the host command API, and fetches objects. Not for several threads at once."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._url = urllib.parse.urlsplit(config.endpoint)
        self._connection: http.client.HTTPConnection | None = None
        self._interrupted = False

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        """One operation; CallError when refused, OSError or HTTPException when the server is not there."""
        body = json.dumps(params).encode()
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-codedeploy-agent-version": _AGENT,
            "x-amz-target": f"CodeDeployCommandService_v20141006.{operation}",
        }
        with self._exchange("POST", "/", headers, body, "codedeploy-commands") as answer:
            data = answer.read()
        if answer.status != 200:
            raise _refusal(answer.status, data)
        found = json.loads(data or b"{}")
        if not isinstance(found, dict):
            raise CallError(answer.status, "BadAnswer", "the answer is not a JSON object")
        return found

    @contextmanager
    def fetch(self, bucket: str, key: str, version: str | None) -> Iterator[tuple[str, Iterator[bytes]]]:
        """An S3 object: its ETag without quotes, and its bytes in pieces."""
        path = "/" + urllib.parse.quote(f"{bucket}/{key}", safe="/-_.~")
        query = "?versionId=" + urllib.parse.quote(version, safe="-_.~") if version else ""
        with self._exchange("GET", path + query, {}, b"", "s3") as answer:
            if answer.status != 200:
                raise _refusal(answer.status, answer.read(65536))
            yield (answer.headers.get("etag") or "").strip('"'), iter(lambda: answer.read(_CHUNK), b"")

    def interrupt(self) -> None:
        """Break off the call under way, from a signal handler or another thread; there will be no other."""
        self._interrupted = True
        sock = self._connection.sock if self._connection is not None else None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, service: str
    ) -> Iterator[http.client.HTTPResponse]:
        signed = self._signed(method, target, headers, body, service)
        done = False
        try:
            yield self._send(method, target, signed, body)
            done = True
        except CallError:
            done = service != "s3"
            raise
        finally:
            if not done:
                self.close()

    def _send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> http.client.HTTPResponse:
        kept = self._connection is not None
        try:
            return self._once(method, target, headers, body)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.close()
            if not kept or self._interrupted:
                raise
            return self._once(method, target, headers, body)  # a kept connection that the server closed meanwhile

    def _once(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> http.client.HTTPResponse:
        if self._connection is None:
            self._connection = self._connect()
        self._connection.request(method, target, body or None, dict(headers))
        return self._connection.getresponse()

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "localhost", self._url.port
        made: http.client.HTTPConnection
        if self._url.scheme == "https":
            context = ssl.create_default_context(cafile=str(self._config.ca) if self._config.ca else None)
            made = http.client.HTTPSConnection(host, port, timeout=_READ_TIMEOUT, context=context)
        else:
            made = http.client.HTTPConnection(host, port, timeout=_READ_TIMEOUT)
        made.connect()
        made.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def _signed(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, service: str
    ) -> dict[str, str]:
        keys = self._config.keys()
        digest = hashlib.sha256(body).hexdigest() if body else _EMPTY
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        given = {**headers, "host": self._url.netloc, "x-amz-content-sha256": digest, "x-amz-date": stamp}
        if keys.session_token:
            given["x-amz-security-token"] = keys.session_token
        given["authorization"] = _authorization(keys, method, target, given, digest, self._config.region, service)
        return given | {"user-agent": _AGENT}


def _authorization(
    keys: Keys, method: str, target: str, headers: Mapping[str, str], digest: str, region: str, service: str
) -> str:
    path, _, query = target.partition("?")
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    canonical = "\n".join((method, path, query, lines, names, digest))
    stamp = headers["x-amz-date"]
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = b"AWS4" + keys.secret_access_key.encode()
    for part in (stamp[:8], region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    return f"AWS4-HMAC-SHA256 Credential={keys.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"


def _refusal(status: int, body: bytes) -> CallError:
    try:
        found = json.loads(body)
        code = str(found.get("__type", "")).rpartition("#")[2]
        return CallError(status, code or f"HTTP{status}", str(found.get("message") or found.get("Message") or ""))
    except (ValueError, AttributeError):
        text = body[:2000].decode("utf-8", "replace")
        code = text.partition("<Code>")[2].partition("</Code>")[0]
        return CallError(status, code or f"HTTP{status}", text.partition("<Message>")[2].partition("</Message>")[0])
