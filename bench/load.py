"""A raw keep-alive HTTP/1.1 client: boto3 costs a millisecond a call and is no load generator.

Requests are signed before the clock starts; responses are read by Content-Length.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


@dataclass(frozen=True)
class Result:
    """Requests a second, and milliseconds at the median and the 99th percentile."""

    rate: float
    p50: float
    p99: float
    failed: int


class Signer:
    """Makes signed requests as bytes on the wire."""

    def __init__(self, endpoint: str, keys: Any, region: str) -> None:
        self._endpoint, self._region = endpoint, region
        self._credentials = Credentials(keys["access_key_id"], keys["secret_access_key"])

    def json(self, service: str, target: str, body: str) -> bytes:
        """A JSON 1.1 call."""
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
        return self._raw(service, AWSRequest("POST", self._endpoint + "/", headers=headers, data=body.encode()))

    def query(self, service: str, body: str) -> bytes:
        """A query call."""
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        return self._raw(service, AWSRequest("POST", self._endpoint + "/", headers=headers, data=body.encode()))

    def s3(self, method: str, path: str, body: bytes = b"") -> bytes:
        """An S3 call."""
        return self._raw("s3", AWSRequest(method, self._endpoint + path, data=body))

    def _raw(self, service: str, request: AWSRequest) -> bytes:
        signer = S3SigV4Auth if service == "s3" else SigV4Auth
        signer(self._credentials, service, self._region).add_auth(request)
        body = request.data or b""
        url = urlsplit(request.url)
        lines = [
            f"{request.method} {url.path or '/'}{'?' + url.query if url.query else ''} HTTP/1.1",
            f"Host: {url.netloc}",
        ]
        lines += [f"{k}: {v}" for k, v in request.headers.items()]
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def drive(address: tuple[str, int], requests: Sequence[bytes], connections: int) -> Result:
    """Send every request once over `connections` keep-alive connections, from one thread."""
    lines = [Line(address, requests[i::connections]) for i in range(min(connections, len(requests)))]
    selector = selectors.DefaultSelector()
    for line in lines:
        selector.register(line.socket, selectors.EVENT_READ, line)
    started = time.perf_counter()
    for line in lines:
        line.send()
    while selector.get_map():
        for key, _ in selector.select(30):
            line = key.data
            before = line.socket
            line.receive()
            if line.socket is not before or line.done:
                selector.unregister(before)
                if not line.done:
                    selector.register(line.socket, selectors.EVENT_READ, line)
    elapsed = time.perf_counter() - started
    times = sorted(t for line in lines for t in line.took)
    failed = sum(line.failed for line in lines)
    return Result(len(times) / elapsed, times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3, failed)


class Line:
    """One connection with its share of the requests; one is under way at a time."""

    def __init__(self, address: tuple[str, int], requests: Sequence[bytes]) -> None:
        self._address, self._requests = address, requests
        self.socket = _connect(address)
        self.took: list[float] = []
        self.failed = 0
        self._data, self._began = b"", 0.0

    @property
    def done(self) -> bool:
        """Whether every request has its answer."""
        return len(self.took) == len(self._requests)

    def send(self) -> None:
        """Send the next request."""
        self._began = time.perf_counter()
        self.socket.sendall(self._requests[len(self.took)])

    def receive(self) -> None:
        """Take what has come; once the answer is whole, go on with the next request."""
        part = self.socket.recv(1 << 20)
        self._data += part
        answer = _answer(self._data)
        if answer is None and part:
            return
        status, keep = answer or (0, False)
        self.took.append(time.perf_counter() - self._began)
        self.failed += not 200 <= status < 300
        self._data = b""
        if not keep:
            self.socket.close()
            self.socket = _connect(self._address) if not self.done else self.socket
        if not self.done:
            self.send()
        else:
            self.socket.close()


def _connect(address: tuple[str, int]) -> socket.socket:
    connection = socket.create_connection(address)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _answer(data: bytes) -> tuple[int, bool] | None:
    """(status, whether the connection stays open) of a whole answer, None while it is not."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[:end].lower()
    at = head.find(b"content-length:")
    length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    if len(data) - end - 4 < length:
        return None
    return int(head[9:12]), b"connection: close" not in head
