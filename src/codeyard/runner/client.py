"""Signed calls to the server over kept connections, and patience while it is away."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
import time
from collections.abc import Mapping
from typing import IO, Any
from urllib.parse import quote, urlsplit

from codeyard.wire import sigv4

_TARGET = "CodeyardRunner_20261101"
_PATIENCE_S = 55.0


class Refused(Exception):
    """The server answered with an error; `code` is its name."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message


class Keys:
    """Credentials of a caller."""

    def __init__(self, access_key: str, secret: str, token: str = "") -> None:
        self.access_key, self.secret, self.token = access_key, secret, token


class Server:
    """One caller's view of the server. Connections are kept per thread."""

    def __init__(self, endpoint: str, keys: Keys, region: str, ca: str = "") -> None:
        self.endpoint, self.keys, self.region = endpoint.rstrip("/"), keys, region
        self._ca = ca
        self._local = threading.local()

    def runner(
        self, operation: str, params: Mapping[str, Any], *, patient: bool = True, timeout: float = 30
    ) -> dict[str, Any]:
        """Call the runner protocol; while the server is away, try again for as long as the lease may last."""
        body = json.dumps({k: _plain(v) for k, v in params.items()}).encode()
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"{_TARGET}.{operation}"}
        deadline = time.monotonic() + (_PATIENCE_S if patient else 0)
        while True:
            try:
                status, _, answer = self.request("POST", "/", headers, body, "codeyard-runner", timeout=timeout)
            except (OSError, http.client.HTTPException):
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.2)
                continue
            if status == 200:
                return json.loads(answer or b"{}") or {}
            error = _error(status, answer)
            if status < 500 or time.monotonic() >= deadline:
                raise error
            time.sleep(0.2)

    def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, service: str, *, timeout: float = 60
    ) -> tuple[int, dict[str, str], bytes]:
        """One signed request; status, headers, body."""
        signed = self._signed(method, path, headers, body, service)
        connection = self._connection(timeout)
        try:
            connection.request(method, path, body, signed)
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        except BaseException:
            connection.close()
            self._local.connection = None
            raise

    def download(self, bucket: str, key: str, version: str, out: IO[bytes]) -> dict[str, str]:
        """GET an object into a file; its headers."""
        path = f"/{quote(bucket)}/{quote(key)}" + (f"?versionId={quote(version, safe='')}" if version else "")
        signed = self._signed("GET", path, {}, b"", "s3")
        connection = self._connection(300)
        try:
            connection.request("GET", path, None, signed)
            response = connection.getresponse()
            if response.status != 200:
                raise _error(response.status, response.read())
            while chunk := response.read(1 << 20):
                out.write(chunk)
            return {k.lower(): v for k, v in response.getheaders()}
        except BaseException:
            connection.close()
            self._local.connection = None
            raise

    def upload(self, bucket: str, key: str, file: IO[bytes], size: int, headers: Mapping[str, str]) -> None:
        """PUT an object from a file."""
        path = f"/{quote(bucket)}/{quote(key)}"
        more = {**headers, "content-length": str(size)}
        signed = self._signed("PUT", path, more, b"", "s3", payload="UNSIGNED-PAYLOAD")
        connection = self._connection(300)
        connection.request("PUT", path, file, signed)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise _error(response.status, answer)

    def git_password(self, path: str) -> tuple[str, str]:
        """User name and password for git over HTTP, signed as AWS's credential helpers sign."""
        now = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        host = urlsplit(self.endpoint).netloc
        signature = sigv4.git_signature(self.keys.secret, path, host, self.region, now)
        user = f"{self.keys.access_key}%{self.keys.token}" if self.keys.token else self.keys.access_key
        return user, f"{now}Z{signature}"

    def _signed(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, service: str, payload: str = ""
    ) -> dict[str, str]:
        return sigv4.sign(
            method,
            self.endpoint + path,
            headers,
            body,
            access_key=self.keys.access_key,
            secret=self.keys.secret,
            token=self.keys.token,
            region=self.region,
            service=service,
            now_us=time.time_ns() // 1000,
            payload_hash=payload,
        )

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if found is None:
            url = urlsplit(self.endpoint)
            if url.scheme == "https":
                context = ssl.create_default_context(cafile=self._ca or None)
                found = http.client.HTTPSConnection(url.hostname or "", url.port, context=context)
            else:
                found = http.client.HTTPConnection(url.hostname or "", url.port)
            self._local.connection = found
        found.timeout = timeout
        if found.sock is not None:
            found.sock.settimeout(timeout)
        return found


def _plain(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _error(status: int, body: bytes) -> Refused:
    """An error of either form: JSON, or S3's XML."""
    text = body.decode("utf-8", "replace")
    if text.lstrip().startswith("<"):
        code, message = _between(text, "Code"), _between(text, "Message")
        return Refused(status, code or str(status), message)
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = {}
    code = str(found.get("__type", status)).rpartition("#")[2]
    return Refused(status, code, str(found.get("message") or found.get("Message") or ""))


def _between(text: str, name: str) -> str:
    return text.partition(f"<{name}>")[2].partition(f"</{name}>")[0]
