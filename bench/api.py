"""API requests a second and p99: a read, a write, a PutEvents, at 1 and 8 connections, beside moto's server.

To reach: reads ≥ 10 × moto and ≥ 5,000/s with SigV4, IAM and audit on, p99 < 10 ms at 8 connections; writes
≥ 1,500/s at 8.
"""

from __future__ import annotations

import json
import os
import uuid
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from bench.load import Result, Signer, drive
from bench.peers import codeyard, moto

READS, WRITES, SLOW = 8000, 4000, 600
TEST_KEYS = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "secret"}


def calls(signer: Signer, count: int) -> dict[str, list[bytes]]:
    """The three workloads, signed."""
    target = "CodeCommit_20150413"
    read = [signer.json("codecommit", f"{target}.GetRepository", '{"repositoryName":"bench"}')] * count
    write = [
        signer.json("codecommit", f"{target}.CreateRepository", json.dumps({"repositoryName": f"r-{uuid.uuid4().hex}"}))
        for _ in range(min(count, 300))
    ]
    parameter = [
        signer.json(
            "ssm",
            "AmazonSSM.PutParameter",
            json.dumps({"Name": f"/b/{uuid.uuid4().hex}", "Value": "x", "Type": "String"}),
        )
        for _ in range(count // 2)
    ]
    entry = {"Source": "bench", "DetailType": "tick", "Detail": "{}"}
    events = [signer.json("events", "AWSEvents.PutEvents", json.dumps({"Entries": [entry]}))] * (count // 2)
    identity = [signer.query("sts", "Action=GetCallerIdentity&Version=2011-06-15")] * count
    return {
        "GetRepository (read)": read,
        "GetCallerIdentity (read)": identity,
        "PutParameter (write)": parameter,
        "CreateRepository (write + git init)": write,
        "PutEvents (write)": events,
    }


def measure(endpoint: str, keys: dict[str, str], count: int) -> dict[tuple[str, int], Result]:
    """Every workload at 1 and at 8 connections."""
    signer = Signer(endpoint, keys, "us-east-1")
    url = urlsplit(endpoint)
    address = (url.hostname or "", url.port or 80)
    drive(address, [signer.json("codecommit", "CodeCommit_20150413.CreateRepository", '{"repositoryName":"bench"}')], 1)
    results = {}
    for connections in (1, 8):
        for name, requests in calls(signer, count if connections == 8 else count // 2).items():
            drive(address, requests[:20], 1)
            results[name, connections] = drive(address, requests[20:], connections)
    return results


def main() -> None:
    """Run both and print the ratios."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    with codeyard("--no-runner") as ours:
        mine = measure(ours["endpoint"], ours, READS)
    with moto() as peer:
        theirs = measure(peer, TEST_KEYS, SLOW) if peer else {}
    table = Table("call", "connections", "req/s", "p50 ms", "p99 ms", "failed", "moto req/s", "ratio", title="API")
    for (name, connections), result in mine.items():
        other = theirs.get((name, connections))
        table.add_row(
            name,
            str(connections),
            f"{result.rate:,.0f}",
            f"{result.p50:.2f}",
            f"{result.p99:.2f}",
            str(result.failed),
            f"{other.rate:,.0f}" if other else "-",
            f"{result.rate / other.rate:.1f} ×" if other else "-",
        )
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
