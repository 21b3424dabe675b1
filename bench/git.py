"""git: fetch of a whole pack (server side), whole clone, push; beside `git daemon` and nginx with git http-backend.

The fetch is streamed by a raw protocol v2 client that discards it, so the figure is the server's; the CPU-seconds are
those of the server's process and every process below it, and gocryptfs, which opens a repository under a KMS key, is
none of them. To reach: fetch ≥ 0.9 × git daemon.
BENCH_GIT_MB (100) is the size of the repository that is made for the run.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from rich.console import Console
from rich.table import Table

from bench import nginx
from bench.cpu import Cpu
from bench.peers import codeyard, git_daemon
from bench.wire import exchange, fetch_command, packet

MEGABYTES = int(os.environ.get("BENCH_GIT_MB", "100"))
FETCHES, CLONES, PUSHES = 5, 2, 7
BLOB = 32 * 1024
NAME, SEALED = "bench", "bench-under-a-key"


@dataclass
class Door:
    """One server of the repository: how to fetch raw, how to reach it with git, whose CPU counts."""

    title: str
    url: str
    raw: Callable[[str], tuple[float, int]]
    cpu: Cpu
    environment: dict[str, str] = field(default_factory=dict)
    pushes: bool = True
    empty: bool = False  # before the whole push

    @property
    def slug(self) -> str:
        """The title as the beginning of a folder's name."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.title)


@dataclass
class Figures:
    """What was measured at one door."""

    fetch: float
    cpu: float
    clone: float = 0.0
    whole_push: float | None = None
    push: float | None = None


def generate(folder: Path, megabytes: int) -> str:
    """A bare repository of about this size in one pack: 20 files of random bytes a commit; the branch's commit."""
    run(["git", "init", "-q", "--bare", "-b", "main", str(folder)])
    command = ["git", "-C", str(folder), "-c", "core.compression=0", "fast-import", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        for number in range(max(1, megabytes * 1_000_000 // (20 * BLOB))):
            child.stdin.write(_commit(number))
    if child.returncode:
        raise RuntimeError("git fast-import failed")
    run(["git", "-C", str(folder), "config", "http.receivepack", "true"])
    return run(["git", "-C", str(folder), "rev-parse", "main"]).strip()


def _commit(number: int) -> bytes:
    message = f"Change {number}".encode()
    head = f"commit refs/heads/main\ncommitter A <a@example.com> {1_700_000_000 + number} +0000\ndata {len(message)}\n"
    files = b"".join(
        b"M 100644 inline d%d/f%d\ndata %d\n%s\n" % (number % 50, index, BLOB, os.urandom(BLOB)) for index in range(20)
    )
    return head.encode() + message + b"\n" + files


def run(command: list[str], **more: str) -> str:
    """Run git quietly, unmoved by this machine's configuration; what it printed."""
    fixed = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(command, env={**os.environ, **fixed, **more}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[:4]}: {done.stderr[-500:]}")
    return done.stdout


def over_http(url: str, authorization: str = "") -> Callable[[str], tuple[float, int]]:
    """A raw fetch from URL/git-upload-pack."""
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 80)

    def fetch(commit: str) -> tuple[float, int]:
        body = fetch_command(commit)
        lines = [
            f"POST {parts.path}/git-upload-pack HTTP/1.1",
            f"Host: {parts.netloc}",
            "Content-Type: application/x-git-upload-pack-request",
            "Git-Protocol: version=2",
            "Connection: close",
            f"Content-Length: {len(body)}",
            *([f"Authorization: {authorization}"] if authorization else []),
        ]
        return exchange(address, ["\r\n".join(lines).encode() + b"\r\n\r\n" + body], b"packfile\n")

    return fetch


def over_git(url: str) -> Callable[[str], tuple[float, int]]:
    """A raw fetch by git's own protocol."""
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 9418)

    def fetch(commit: str) -> tuple[float, int]:
        hello = packet(f"git-upload-pack {parts.path}\0host={parts.hostname}\0\0version=2\0".encode())
        return exchange(address, [hello, fetch_command(commit) + b"0000"], b"packfile\n")

    return fetch


@contextlib.contextmanager
def doors(root: Path) -> Iterator[list[Door]]:
    """The three servers, up at the same time; ours has two empty repositories yet, one of them under a KMS key."""
    with codeyard("--no-runner") as ours, git_daemon(root) as daemon, nginx.git(root) as web:
        found = _ours(ours)
        port = urlsplit(daemon).port or 0
        daemon_url = f"{daemon}/{NAME}.git"
        found.append(Door("git daemon", daemon_url, over_git(daemon_url), Cpu.listening(port), pushes=False))
        if web is not None:
            url = f"{web.url}/{NAME}.git"
            found.append(Door("nginx + http-backend", url, over_http(url), Cpu(*web.pids)))
        yield found


def _ours(ours: dict[str, Any]) -> list[Door]:
    def client(service: str) -> Any:
        keys = {"aws_access_key_id": ours["access_key_id"], "aws_secret_access_key": ours["secret_access_key"]}
        return boto3.client(service, endpoint_url=ours["endpoint"], region_name=ours["region"], **keys)

    client("codecommit").create_repository(repositoryName=NAME)
    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    client("codecommit").create_repository(repositoryName=SEALED, kmsKeyId=key)
    iam = client("iam")
    iam.create_user(UserName="developer")
    arn = f"arn:aws:codecommit:{ours['region']}:{ours['account']}:{NAME}*"
    does = ["codecommit:GitPull", "codecommit:GitPush", "kms:Decrypt"]
    allowed = {"Effect": "Allow", "Action": does, "Resource": [arn, key]}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="developer", PolicyName="git", PolicyDocument=policy)
    made = iam.create_service_specific_credential(UserName="developer", ServiceName="codecommit.amazonaws.com")
    found = made["ServiceSpecificCredential"]
    pair = f"{found['ServiceUserName']}:{found['ServicePassword']}".encode()
    authorization = "Basic " + base64.b64encode(pair).decode()
    header = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: {authorization}",
    }
    urls = {
        "codeyard": f"{ours['endpoint']}/v1/repos/{NAME}",
        "under a KMS key": f"{ours['endpoint']}/v1/repos/{SEALED}",
    }
    cpu = Cpu(ours["pid"])
    return [Door(title, url, over_http(url, authorization), cpu, header, empty=True) for title, url in urls.items()]


def fetches(found: list[Door], commit: str, size: int) -> dict[str, Figures]:
    """Raw fetches in rounds, each door once a round, so that a busy moment of the machine meets all alike."""
    times: dict[str, list[float]] = {door.title: [] for door in found}
    spent: dict[str, list[float]] = {door.title: [] for door in found}
    for _ in range(FETCHES):
        for door in found:
            before = door.cpu.seconds()
            took, received = door.raw(commit)
            if received < size:
                raise RuntimeError(f"{door.title} sent {received} of at least {size} bytes")
            times[door.title].append(received / took / 1e6)
            spent[door.title].append((door.cpu.seconds() - before) / (received / 1e9))
    median = statistics.median
    return {title: Figures(fetch=median(times[title]), cpu=median(spent[title])) for title in times}


def clones_and_pushes(door: Door, figures: Figures, work: Path) -> None:
    """Whole clones and small pushes at one door."""
    times = []
    for number in range(CLONES):
        target = work / f"{door.slug}-{number}"
        times.append(timed(["git", "clone", "-q", "--bare", door.url, str(target)], door.environment))
    figures.clone = min(times)
    if door.pushes:
        figures.push = _small_pushes(door, work)


def _small_pushes(door: Door, work: Path) -> float:
    """Seconds of a push of one small commit, at the median; each to a branch of its own."""
    clone, times = work / f"{door.slug}-0", []
    author = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for number in range(PUSHES):
        tree = run(["git", "-C", str(clone), "rev-parse", "main^{tree}"]).strip()
        message = f"{door.title} {number}"
        made = run(["git", "-C", str(clone), "commit-tree", tree, "-p", "main", "-m", message], **author).strip()
        target = f"{made}:refs/heads/small-{number}"
        times.append(timed(["git", "-C", str(clone), "push", "-q", door.url, target], door.environment))
    return statistics.median(times)


def timed(command: list[str], environment: dict[str, str]) -> float:
    """Seconds that a git command takes."""
    began = time.perf_counter()
    run(command, **environment)
    return time.perf_counter() - began


def main() -> None:
    """Make the repository, push it whole, measure every door, print the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        root, work = Path(folder) / "root", Path(folder) / "work"
        root.mkdir()
        work.mkdir()
        origin = root / f"{NAME}.git"
        commit = generate(origin, MEGABYTES)
        size = sum(path.stat().st_size for path in origin.glob("objects/pack/*.pack"))
        empty = root / "empty.git"
        run(["git", "init", "-q", "--bare", str(empty)])
        run(["git", "-C", str(empty), "config", "http.receivepack", "true"])
        with doors(root) as found:
            pushed = {door.title: _whole_push(door, origin) for door in found if door.pushes}
            results = fetches(found, commit, size)
            for door in found:
                clones_and_pushes(door, results[door.title], work)
        for title, took in pushed.items():
            results[title].whole_push = took
        report(results, size)


def _whole_push(door: Door, origin: Path) -> float:
    """Seconds of the push of everything into an empty repository."""
    url = door.url if door.empty else door.url.replace(f"{NAME}.git", "empty.git")
    return timed(["git", "-C", str(origin), "push", "-q", url, "main"], door.environment)


def report(results: dict[str, Figures], size: int) -> None:
    """Print the table; ratios are ours to theirs, of speeds, so that more is better."""
    mine = results["codeyard"]
    table = Table(title=f"git: a repository of {size / 1e6:,.0f} MB in one pack")
    for name in ("server", "fetch MB/s", "ratio", "CPU-s/GB", "clone s", "ratio", "push all s", "push ms", "ratio"):
        table.add_column(name, justify="left" if name == "server" else "right")
    for title, found in results.items():
        table.add_row(
            title,
            f"{found.fetch:,.0f}",
            f"{mine.fetch / found.fetch:.2f} ×",
            f"{found.cpu:.2f}",
            f"{found.clone:.2f}",
            f"{found.clone / mine.clone:.2f} ×",
            "-" if found.whole_push is None else f"{found.whole_push:.2f}",
            "-" if found.push is None else f"{found.push * 1e3:.0f}",
            "-" if found.push is None or mine.push is None else f"{found.push / mine.push:.2f} ×",
        )
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
