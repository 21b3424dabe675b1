"""One connection at a time, blocking: for bodies that are too large to gather, and for git's own protocol.

What comes back is counted and discarded, so that the client costs as little as it can.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Sequence

_BUFFER = 1 << 20


def one_by_one(address: tuple[str, int], requests: Sequence[bytes]) -> tuple[list[float], int]:
    """Send each request over one keep-alive connection; the seconds each took, and how many failed."""
    took, failed, buffer = [], 0, memoryview(bytearray(_BUFFER))
    connection = socket.create_connection(address, timeout=60)
    try:
        for request in requests:
            began = time.perf_counter()
            connection.sendall(request)
            status, keep = _discard_answer(connection, buffer)
            took.append(time.perf_counter() - began)
            failed += not 200 <= status < 300
            if not keep:
                connection.close()
                connection = socket.create_connection(address, timeout=60)
    finally:
        connection.close()
    return took, failed


def _discard_answer(connection: socket.socket, buffer: memoryview) -> tuple[int, bool]:
    """(status, whether the connection stays open), once the body told by Content-Length has gone by."""
    head = b""
    while b"\r\n\r\n" not in head:
        got = connection.recv_into(buffer)
        if not got:
            return 0, False
        head += bytes(buffer[:got])
    head, _, body = head.partition(b"\r\n\r\n")
    lower, left = head.lower(), 0
    if (at := lower.find(b"content-length:")) >= 0:
        left = int(lower[at + 15 :].split(b"\r\n", 1)[0]) - len(body)
    while left > 0:
        got = connection.recv_into(buffer)
        if not got:
            return 0, False
        left -= got
    return int(lower[9:12]), b"connection: close" not in lower and not lower.startswith(b"http/1.0")


def exchange(address: tuple[str, int], sends: Sequence[bytes], marker: bytes) -> tuple[float, int]:
    """Send, then read until the server closes; (seconds, bytes). `marker` has to come within the first bytes."""
    buffer, total, start = memoryview(bytearray(_BUFFER)), 0, b""
    began = time.perf_counter()
    with contextlib.closing(socket.create_connection(address, timeout=60)) as connection:
        for part in sends:
            connection.sendall(part)
        while got := connection.recv_into(buffer):
            total += got
            if len(start) < 4096:
                start += bytes(buffer[: min(got, 4096)])
    elapsed = time.perf_counter() - began
    if marker not in start:
        raise RuntimeError(f"unexpected answer: {start[:300]!r}")
    return elapsed, total


def fetch_command(commit: str) -> bytes:
    """Protocol v2: everything that `commit` reaches, in one pack."""
    lines = [b"command=fetch\n", None, b"no-progress\n", b"ofs-delta\n", b"want %s\n" % commit.encode(), b"done\n"]
    return b"".join(b"0001" if line is None else packet(line) for line in lines) + b"0000"


def packet(line: bytes) -> bytes:
    """A pkt-line."""
    return b"%04x" % (len(line) + 4) + line
