"""S3: 10 KB and 10 MB objects put and fetched, beside nginx with DAV and moto's server.

Ours checks the signature and the body's SHA-256, asks IAM, makes the bytes durable and records the call; nginx does
none of this, and moto keeps objects in memory. The ratios are ours / theirs: higher is better.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from bench import nginx
from bench.load import Signer, drive
from bench.peers import codeyard, moto
from bench.wire import one_by_one

SMALL, LARGE = 10 * 1024, 10 * 1024 * 1024
SMALL_COUNT = int(os.environ.get("BENCH_SMALL", "800"))
LARGE_COUNT = int(os.environ.get("BENCH_LARGE", "8"))
CONNECTIONS = 8
TEST_KEYS = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "secret"}

Figures = dict[str, "Figure"]


@dataclass(frozen=True)
class Figure:
    """Objects a second, megabytes a second, milliseconds at the median, and failures."""

    rate: float
    megabytes: float
    p50: float
    failed: int


class Plain:
    """Makes the same requests as the signer, unsigned, for nginx."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc

    def s3(self, method: str, path: str, body: bytes = b"") -> bytes:
        """A plain request."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body


def measure(endpoint: str, signer: Signer | Plain, small: int, large: int) -> Figures:
    """Put and fetch both sizes; every object that is fetched was put before."""
    url = urlsplit(endpoint)
    address = (url.hostname or "", url.port or 80)
    bucket = "/bench-" + uuid.uuid4().hex[:8]
    if isinstance(signer, Signer):
        drive(address, [signer.s3("PUT", bucket)], 1)
    return dict(_all(address, signer, bucket, small, large))


def _all(
    address: tuple[str, int], signer: Signer | Plain, bucket: str, small: int, large: int
) -> Iterator[tuple[str, Figure]]:
    body = os.urandom(SMALL)
    puts = [signer.s3("PUT", f"{bucket}/s{i}", body) for i in range(small)]
    gets = [signer.s3("GET", f"{bucket}/s{i}") for i in range(small)]
    drive(address, puts[:10], 1)
    for name, requests in (("PUT 10 KB", puts), ("GET 10 KB", gets)):
        found = drive(address, requests, CONNECTIONS)
        yield name, Figure(found.rate, found.rate * SMALL / 1e6, found.p50, found.failed)
    body = os.urandom(LARGE)
    puts = [signer.s3("PUT", f"{bucket}/l{i}", body) for i in range(large)]
    gets = [signer.s3("GET", f"{bucket}/l{i}") for i in range(large)]
    for name, requests in (("PUT 10 MB", puts), ("GET 10 MB", gets)):
        took, failed = one_by_one(address, requests)
        rate = len(took) / sum(took)
        yield name, Figure(rate, rate * LARGE / 1e6, sorted(took)[len(took) // 2] * 1e3, failed)


def main() -> None:
    """Measure the three, one after the other, and print the ratios."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    with codeyard("--no-runner") as ours:
        mine = measure(ours["endpoint"], Signer(ours["endpoint"], ours, "us-east-1"), SMALL_COUNT, LARGE_COUNT)
    with tempfile.TemporaryDirectory() as root, nginx.dav(Path(root)) as web:
        plain = measure(web.url, Plain(web.url), SMALL_COUNT, LARGE_COUNT) if web else {}
    with moto() as peer:
        other = measure(peer, Signer(peer, TEST_KEYS, "us-east-1"), SMALL_COUNT // 4, LARGE_COUNT // 2) if peer else {}
    report(mine, plain, other)


def report(mine: Figures, plain: Figures, other: Figures) -> None:
    """Print the table; a peer that is not installed is a dash."""
    table = Table(title=f"S3 objects: 10 KB at {CONNECTIONS} connections, 10 MB at 1")
    for name in ("call", "objects/s", "MB/s", "p50 ms", "failed", "nginx MB/s", "ratio", "moto MB/s", "ratio"):
        table.add_column(name, justify="left" if name == "call" else "right")
    for name, figure in mine.items():
        row = [name, f"{figure.rate:,.0f}", f"{figure.megabytes:,.1f}", f"{figure.p50:.2f}", str(figure.failed)]
        for theirs in (plain.get(name), other.get(name)):
            good = theirs is not None and not theirs.failed
            row.append(f"{theirs.megabytes:,.1f}" if theirs and good else "failed" if theirs else "-")
            row.append(f"{figure.megabytes / theirs.megabytes:.2f} ×" if theirs and good else "-")
        table.add_row(*row)
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
