"""A raw keep-alive HTTP/1.1 client: boto3 costs a millisecond a call and is no load generator.

Requests are signed before the clock starts; responses are read by Content-Length.
"""

from __future__ import annotations

import socket
import threading
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
        lines = [f"{request.method} {url.path or '/'}{'?' + url.query if url.query else ''} HTTP/1.1", f"Host: {url.netloc}"]
        lines += [f"{k}: {v}" for k, v in request.headers.items()]
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def drive(address: tuple[str, int], requests: Sequence[bytes], connections: int) -> Result:
    """Send every request once over `connections` keep-alive connections."""
    shares = [requests[i::connections] for i in range(connections)]
    took: list[list[float]] = [[] for _ in shares]
    failed = [0] * connections
    ready = threading.Barrier(connections + 1)
    threads = [
        threading.Thread(target=_worker, args=(address, share, took[i], failed, i, ready)) for i, share in enumerate(shares)
    ]
    for thread in threads:
        thread.start()
    ready.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    times = sorted(t for share in took for t in share)
    return Result(len(times) / elapsed, times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3, sum(failed))


def _worker(
    address: tuple[str, int], requests: Sequence[bytes], took: list[float], failed: list[int], index: int, ready: threading.Barrier
) -> None:
    connection = _connect(address)
    ready.wait()
    for request in requests:
        started = time.perf_counter()
        try:
            connection.sendall(request)
            status, keep = _read(connection)
        except OSError:
            status, keep = 0, False
        took.append(time.perf_counter() - started)
        failed[index] += not 200 <= status < 300
        if not keep:
            connection.close()
            connection = _connect(address)
    connection.close()


def _connect(address: tuple[str, int]) -> socket.socket:
    connection = socket.create_connection(address)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _read(connection: socket.socket) -> tuple[int, bool]:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(262144)
        if not part:
            raise OSError("closed")
        data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    length = int(lowered[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    left = length - len(rest)
    while left > 0:
        part = connection.recv(min(left, 1 << 20))
        if not part:
            raise OSError("closed")
        left -= len(part)
    return int(head[9:12]), b"connection: close" not in lowered
