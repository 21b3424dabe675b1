"""A fetch whose pack travels beside what upload-pack says."""

from __future__ import annotations

import asyncio
import random
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from codeyard.edge.git.pump import Pump
from codeyard.git.bands import Spoken
from codeyard.git.objects import NORMAL, NewObject, Signature, commit, write_objects
from codeyard.git.pktline import pkt, side_band, split_lines
from codeyard.git.transfer import UploadPipe
from codeyard.git.trees import TreeEditor
from tests.unit.git.conftest import Bare

EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def record(bare: Bare, files: int) -> str:
    """A commit of so many files of 40 KB."""
    editor, chance = TreeEditor(bare.tree, EMPTY), random.Random(1)
    blobs = [NewObject("blob", chance.randbytes(40_000)) for _ in range(files)]
    for number, blob in enumerate(blobs):
        editor.put(f"f{number}", NORMAL, blob.id)
    root, made = editor.finish()
    who = Signature("Ann", "ann@example.com", 1_700_000_000)
    tip = commit(root, (), who, who, "message")
    write_objects(bare.git, bare.path, [*blobs, *made, tip])
    subprocess.run(["git", "-C", str(bare.path), "update-ref", "refs/heads/main", tip.id], check=True)
    return tip.id


def ask(*lines: bytes) -> bytes:
    return b"".join(b"0001" if line == b"" else pkt(line + b"\n") for line in lines) + b"0000"


def fetch(bare: Bare, request: bytes, protocol: str = "version=2") -> bytes:
    """The body of the answer."""
    sent: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        yield request

    async def silent() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    async def work() -> None:
        await Pump(UploadPipe(bare.git, bare.path, protocol), body(), silent).run(send, [])

    asyncio.run(asyncio.wait_for(work(), 30))
    return b"".join(sent)


def taken(folder: Path, pack: bytes) -> set[str]:
    """The objects of a pack, checked by git."""
    subprocess.run(["git", "init", "-q", "--bare", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "index-pack", "--stdin", "--strict"], input=pack, check=True)
    said = subprocess.run(
        ["git", "-C", str(folder), "cat-file", "--batch-all-objects", "--batch-check=%(objectname)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(said.stdout.split())


@pytest.mark.parametrize("files", [1, 60])
@pytest.mark.parametrize("progress", [[], [b"no-progress"]])
def test_a_pack_comes_whole_in_band_1_between_its_announcement_and_the_flush(
    bare: Bare, tmp_path: Path, files: int, progress: list[bytes]
) -> None:
    tip = record(bare, files)
    answer = fetch(bare, ask(b"command=fetch", b"", b"ofs-delta", *progress, b"want " + tip.encode(), b"done"))
    assert answer.startswith(pkt(b"packfile\n"))
    assert answer.endswith(b"0000")
    lines = [line for line in split_lines(answer[:-4]) if line is not None][1:]
    assert {line[0] for line in lines} == ({1} if progress else {1, 2})
    pack = b"".join(line[1:] for line in lines if line[0] == 1)
    assert len(taken(tmp_path / "client", pack)) == files + 2


def test_a_shallow_fetch_says_so_before_its_pack(bare: Bare) -> None:
    tip = record(bare, 1)
    answer = fetch(bare, ask(b"command=fetch", b"", b"deepen 1", b"want " + tip.encode(), b"done"))
    assert answer.startswith(pkt(b"shallow-info\n"))
    assert b"0001" + pkt(b"packfile\n") in answer


def test_a_pack_that_cannot_be_made_ends_in_an_error_in_band_3(bare: Bare) -> None:
    tip = record(bare, 3)
    found = subprocess.run(
        ["git", "-C", str(bare.path), "rev-parse", f"{tip}:f1"], capture_output=True, text=True, check=True
    )
    lost = found.stdout.strip()
    (bare.path / "objects" / lost[:2] / lost[2:]).unlink()
    answer = fetch(bare, ask(b"command=fetch", b"", b"want " + tip.encode(), b"done"))
    bands = [line[0] for line in split_lines(answer) if line and line != b"packfile\n"]
    assert 3 in bands


def test_what_has_no_pack_is_answered_as_it_is(bare: Bare) -> None:
    tip = record(bare, 1)
    assert fetch(bare, ask(b"command=ls-refs", b"")) == (
        pkt(f"{tip} HEAD\n".encode()) + pkt(f"{tip} refs/heads/main\n".encode()) + b"0000"
    )
    assert b"ERR " in fetch(bare, ask(b"command=fetch", b"", b"want " + b"1" * 40, b"done"))


@pytest.mark.parametrize("protocol", ["", "version=1"])
def test_the_older_protocols_carry_the_pack_in_what_git_says(bare: Bare, tmp_path: Path, protocol: str) -> None:
    tip = record(bare, 30)
    answer = fetch(bare, pkt(f"want {tip} side-band-64k ofs-delta\n".encode()) + b"0000" + pkt(b"done\n"), protocol)
    pack = b"".join(line[1:] for line in split_lines(answer) if line and line[0] == 1)
    assert len(taken(tmp_path / "client", pack)) == 32


@pytest.mark.parametrize("step", [1, 3, 7, 1000])
def test_words_go_by_whole_packets_however_they_come(step: int) -> None:
    words = pkt(b"packfile\n") + b"0001" + side_band(2, b"counting" * 50) + b"0005\x010000"
    spoken, out = Spoken(), b""
    for at in range(0, len(words), step):
        now = spoken.feed(words[at : at + step])
        list(split_lines(now))
        out += now
    assert not out.endswith(b"0000")
    assert out + spoken.rest() == words


def test_what_is_no_packet_is_held_to_the_end() -> None:
    spoken = Spoken()
    assert spoken.feed(b"zzzz and more") == b""
    assert spoken.rest() == b"zzzz and more"
