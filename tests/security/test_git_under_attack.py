"""Pushes that no git would send: packs that unpack to more than there is, lines of no length, odd references."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import resource
import socket
import struct
import subprocess
import time
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from codeyard.git.command import Git, GitCommand
from tests.support.yard import TestYard

NONE, SOME = b"0" * 40, b"1" * 40
BIG = b"\0" * (1 << 24)


def line(content: bytes) -> bytes:
    return b"%04x" % (len(content) + 4) + content


def command(name: bytes = b"refs/heads/main") -> bytes:
    return line(NONE + b" " + SOME + b" " + name + b"\0report-status side-band-64k") + b"0000"


def size(number: int) -> bytes:
    """A size as deltas write it."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def head(kind: int, length: int) -> bytes:
    first, rest = kind << 4 | length & 15, length >> 4
    return bytes([first | 128]) + size(rest) if rest else bytes([first])


def blob(content: bytes, claimed: int = -1) -> bytes:
    return head(3, len(content) if claimed < 0 else claimed) + zlib.compress(content)


def delta(steps: bytes, result: int) -> bytes:
    """A delta on the big blob."""
    name = hashlib.sha1(b"blob %d\0" % len(BIG) + BIG, usedforsecurity=False).digest()
    whole = size(len(BIG)) + size(result) + steps
    return head(7, len(whole)) + name + zlib.compress(whole)


def copies(count: int) -> bytes:
    """A delta of a few bytes that makes an object of count times 16 MB."""
    return delta(b"\xf0\xff\xff\xff" * count, count * 0xFFFFFF)


def pack(*objects: bytes, claimed: int = -1) -> bytes:
    body = b"PACK" + struct.pack(">II", 2, len(objects) if claimed < 0 else claimed) + b"".join(objects)
    return body + hashlib.sha1(body, usedforsecurity=False).digest()


PUSHES = {
    "a pack that claims many objects": command() + pack(blob(b"x"), claimed=0xFFFFFFFF),
    "an object that claims to be huge": command() + pack(blob(b"x", 1 << 50)),
    "an object that is more than it claims": command() + pack(blob(b"x" * 1_000_000, 10)),
    "a delta that makes 8 GB": command() + pack(blob(BIG), copies(500)),
    "a delta that claims to make more": command() + pack(blob(BIG), delta(b"\x01a", 1 << 50)),
    "a delta that makes more than it claims": command() + pack(blob(BIG), delta(b"\xf0\xff\xff\xff" * 500, 10)),
    "a delta beyond its base": command() + pack(blob(BIG), delta(b"\xff\xff\xff\xff\xff\xff\xff\xff", 0xFFFFFF)),
    "no pack": command() + b"PACK",
    "many updates": b"".join(line(NONE + b" " + SOME + b" refs/heads/b%d" % n) for n in range(20_000)) + b"0000",
    "a line longer than lines are": b"ffff" + b"x" * 70_000,
    "a line shorter than its length": b"0003",
    "a line of negative length": b"-001",
    "a line of no length": b"zzzz",
    "a delimiter": b"0001" * 10,
    "an endless line": b"00ff" + b"x",
}  # fmt: skip
NAMES = [b"refs/heads/../../x", b"refs/heads/a\x1b[2J", b"refs/heads/a\nb", b"refs/heads/a\r", b"HEAD", b"../x",
         b"refs/heads/.git", b"refs/heads/a.lock", b"refs/heads/\xff", b"refs/heads/-x", b"refs/heads/a..b",
         b"/etc/passwd", b"refs/heads//x", b"refs/heads/x.", b"refs/heads/@{x",
         b"refs/heads/" + b"a" * 5000]  # fmt: skip


class Door:
    """A repository, and one who may push to it."""

    def __init__(self, yard: TestYard) -> None:
        self._yard = yard
        yard.call("codecommit", "CreateRepository", {"repositoryName": "demo"})
        yard.user("ann", [{"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}])
        asked = {"UserName": "ann", "ServiceName": "codecommit.amazonaws.com"}
        made = yard.call("iam", "CreateServiceSpecificCredential", asked)["ServiceSpecificCredential"]
        pair = f"{made['ServiceUserName']}:{made['ServicePassword']}"
        self._who = base64.b64encode(pair.encode()).decode()

    def send(
        self, body: bytes, *, service: str = "receive", encoding: str = "", path: str = "", length: int = -1
    ) -> tuple[int, bytes]:
        """The status and the body of the answer."""
        place = urlsplit(self._yard.endpoint)
        lines = [
            f"POST {path or f'/v1/repos/demo/git-{service}-pack'} HTTP/1.1",
            "Host: x",
            f"Authorization: Basic {self._who}",
            f"Content-Type: application/x-git-{service}-pack-request",
            f"Content-Length: {len(body) if length < 0 else length}",
            "Connection: close",
            *([f"Content-Encoding: {encoding}"] if encoding else []),
        ]
        with socket.create_connection((place.hostname or "", place.port or 0), timeout=60) as connection:
            with contextlib.suppress(OSError):  # refused before all of it was sent
                connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            answer = b""
            with contextlib.suppress(ConnectionResetError):  # as above: what came before it counts
                while piece := connection.recv(65536):
                    answer += piece
        start, _, rest = answer.partition(b"\r\n\r\n")
        return int(start.split()[1]), rest


@pytest.fixture(scope="module")
def door(module_yard: TestYard) -> Door:
    return Door(module_yard)


def branches(yard: TestYard) -> list[str]:
    found: list[str] = yard.call("codecommit", "ListBranches", {"repositoryName": "demo"})["branches"]
    return found


@pytest.mark.parametrize("name", PUSHES)
def test_a_hostile_push_is_refused_soon_and_changes_nothing(module_yard: TestYard, door: Door, name: str) -> None:
    begun = time.monotonic()
    status, answer = door.send(PUSHES[name])
    assert time.monotonic() - begun < 10
    assert status == 400 or b"unpack error" in answer or b"abnormal exit" in answer or b"ng refs/" in answer, answer[
        :300
    ]
    assert branches(module_yard) == []
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 4_500_000, "KiB"


def test_a_name_with_a_nul_hides_nothing_behind_it(module_yard: TestYard, door: Door) -> None:
    assert door.send(command(b"refs/heads/a\0b\0c") + pack())[1] == b"", "the capabilities are what is behind the NUL"
    assert branches(module_yard) == []


@pytest.mark.parametrize("name", NAMES)
def test_no_odd_name_becomes_a_reference(module_yard: TestYard, door: Door, name: bytes) -> None:
    status, answer = door.send(command(name) + pack())
    assert status == 400 or b"ng " in answer
    assert b"\x1b" not in answer
    assert branches(module_yard) == []


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(b"0004" + b"\0" * 100_000_000, mtime=0), "gzip"),
        (gzip.compress(gzip.compress(b"0" * 1_000_000, mtime=0), mtime=0), "gzip"),
        (b"\x1f\x8b" + b"\0" * 100, "gzip"),
        (gzip.compress(b"0000", mtime=0)[:-4], "gzip"),
        (gzip.compress(b"0000", mtime=0) + b"more", "gzip"),
        (zlib.compress(b"0000"), "deflate"),
        (b"0000", "br"),
        (b"0000", "gzip, gzip"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("service", ["receive", "upload"])
def test_a_packed_body_that_is_none_or_too_much_is_refused(
    door: Door, body: bytes, encoding: str, service: str
) -> None:
    begun = time.monotonic()
    status, answer = door.send(body, service=service, encoding=encoding)
    assert 400 <= status < 500 or b"ERR" in answer or not answer.strip(b"0\r\n")
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "path",
    [
        "/v1/repos/../demo/git-receive-pack", "/v1/repos/demo%2f..%2fdemo/git-receive-pack",
        "/v1/repos/..%2f..%2fetc/git-receive-pack", "/v1/repos/.git/git-receive-pack",
        "/v1/repos/../git-receive-pack", "/v1/repos/demo%00/git-receive-pack", "/v1/repos/demo/objects/info/packs",
        "/v1/repos/demo/../../../etc/passwd", "/v1/repos/demo\\..\\x/git-receive-pack", "/v1/repos//git-receive-pack",
        "/v1/repos/demo.git/git-receive-pack", "/v1/repos/DEMO/git-receive-pack", "/v1/repos/demo./git-receive-pack",
        "/v1/repos/%64%65%6d%6f/../x/git-receive-pack", "/v1/repos/demo/HEAD", "/v1/repos/demo/config",
    ],
)  # fmt: skip
def test_no_other_path_leads_to_a_repository_or_into_one(door: Door, path: str) -> None:
    status, answer = door.send(b"0000", path=path)
    assert status in (400, 403, 404)
    assert b"repositoryformatversion" not in answer
    assert b"refs/heads" not in answer


def test_the_memory_of_what_reads_strangers_packs_is_bounded(tmp_path: Path) -> None:
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\nulimit -d\n")
    program.chmod(0o755)
    command = GitCommand("receive-pack", ["--stateless-rpc"], operands=["/nowhere"])
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Git(tmp_path, str(program)).start(command, **pipes) as started:
        assert int(started.communicate(timeout=60)[0]) <= 4 << 20
