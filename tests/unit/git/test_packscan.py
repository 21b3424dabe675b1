"""The end of a pack in a stream: found however the stream is cut, and broken packs refused."""

from __future__ import annotations

import os
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from codeyard.git import packscan
from codeyard.git.packscan import PackScanner
from codeyard.git.pktline import ProtocolError


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A pack with whole objects, deltas by offset, and a large one."""
    folder = tmp_path_factory.mktemp("repo")
    quiet = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_DATE": "1700000000 +0000",
        "GIT_COMMITTER_DATE": "1700000000 +0000",
    }

    def git(*words: str, text: bytes = b"") -> bytes:
        named = ("-c", "user.name=a", "-c", "user.email=a@b")
        done = subprocess.run(
            ["git", *named, *words], cwd=folder, env=quiet, input=text, capture_output=True, check=True
        )
        return done.stdout

    git("init", "-q")
    for number in range(12):
        text = "".join(f"line {n} {'changed' if n == number else ''}\n" for n in range(400))
        (Path(folder) / "file").write_text(text)
        (Path(folder) / f"zeros{number}").write_bytes(bytes(300_000))
        git("add", ".")
        git("commit", "-q", "-m", str(number))
    git("gc", "-q")
    objects = git("rev-list", "--objects", "--all")
    names = b"".join(line.split()[0] + b"\n" for line in objects.splitlines())
    return git("pack-objects", "--stdout", "--delta-base-offset", "-q", text=names)


@pytest.mark.parametrize("size", [1, 7, 100, 4096, 1 << 20])
def test_the_end_is_found_however_the_stream_is_cut(pack: bytes, size: int) -> None:
    stream, scanner = pack + b"0000 and what follows", PackScanner()
    for at in range(0, len(stream), size):
        if scanner.feed(stream[at : at + size]):
            break
    assert scanner.end == len(pack)


def test_deltas_by_name_are_passed_over(tmp_path: Path) -> None:
    content = zlib.compress(b"delta")
    thin = b"PACK" + struct.pack(">II", 2, 1) + bytes([7 << 4 | 5]) + b"n" * 20 + content + b"c" * 20
    for size in (1, len(thin)):
        scanner = PackScanner()
        done = [scanner.feed(thin[at : at + size]) for at in range(0, len(thin), size)]
        assert done[-1]
        assert scanner.end == len(thin)


HEAD = b"PACK" + struct.pack(">II", 2, 1)


@pytest.mark.parametrize(
    "broken",
    [
        b"PACX" + b"\0" * 8,
        b"PACK" + struct.pack(">II", 9, 1),
        HEAD + b"\x05",
        HEAD + b"\x50",
        HEAD + b"\x31\xff\xff",
        HEAD + b"\xb1" + b"\xff" * 12,
        HEAD + b"\x31" + zlib.compress(b"more than one"),
    ],
)
def test_what_is_no_pack_is_refused(broken: bytes) -> None:
    with pytest.raises(ProtocolError):
        PackScanner().feed(broken)


def test_a_pack_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packscan, "MAX_OBJECT", 1000)
    with pytest.raises(ProtocolError, match="more than it may"):
        PackScanner().feed(HEAD + b"\xb0\x7f" + zlib.compress(bytes(2032)))


def test_an_empty_pack_ends_behind_its_checksum() -> None:
    scanner = PackScanner()
    assert scanner.feed(b"PACK" + struct.pack(">II", 2, 0) + b"c" * 20 + b"rest")
    assert scanner.end == 32
