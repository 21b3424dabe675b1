"""Archives that are bombs, or climb, wherever one is opened: sources of builds, revisions on hosts, artifacts to S3."""

from __future__ import annotations

import io
import random
import resource
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from codeyard.agent import bundle
from codeyard.agent.bundle import BundleError
from codeyard.formats import zips
from codeyard.formats.zips import BadZipError, Limits


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


def overlapping(count: int) -> bytes:
    """Members that all have the same bytes: each is small, their sum is not."""
    kernel = zlib.compressobj(9, zlib.DEFLATED, -15)
    plain = b"\0" * 1_000_000
    packed = kernel.compress(plain) + kernel.flush()
    facts = struct.pack("<5HIII", 20, 0, 8, 0, 33, zlib.crc32(plain), len(packed), len(plain))
    local = b"PK\3\4" + facts + struct.pack("<HH", 1, 0) + b"x" + packed
    directory = b"".join(
        b"PK\1\2" + struct.pack("<H", 20) + facts + struct.pack("<HHHHHII", 6, 0, 0, 0, 0, 0, 0) + b"%06d" % number
        for number in range(count)
    )
    return local + directory + _end(count, len(directory), len(local))


def _end(count: int, size: int, offset: int) -> bytes:
    return b"PK\5\6" + struct.pack("<4HIIH", 0, 0, count & 0xFFFF, count & 0xFFFF, size, offset, 0)


def crowded(count: int) -> bytes:
    """Entries of a directory, and nothing that they stand for."""
    entry = b"PK\1\2" + struct.pack("<6H3I5HII", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    return entry * count + _end(count, len(entry) * count, 0)


def misnamed(name: bytes, placeholder: bytes = b"PLACEHOLDER") -> bytes:
    """An archive with a name that zipfile would not write."""
    text = zipped((placeholder[: len(name)].decode().ljust(len(name), "X"), b"x"))
    return text.replace(placeholder[: len(name)].ljust(len(name), b"X"), name)


def ordinary() -> bytes:
    return zipped(("a.txt", b"hello " * 50), ("d/b.txt", b"hello " * 50), ("\u00e9.txt", b"x"))


BOMBS: dict[str, Callable[[], bytes]] = {
    "a member of zeros": lambda: zipped(("x", b"\0" * 50_000_000)) + b"",
    "members that overlap": lambda: overlapping(5000),
    "a crowd": lambda: crowded(600_000),
    "a crowd beyond what its end says": lambda: crowded(200_001)[:-22] + _end(1, 47 * 200_001, 0),
    "a method that asks for memory": lambda: zipped(("x", b"x"), method=zipfile.ZIP_LZMA),
    "no UTF-8": lambda: zipped(("\u00e9\u00e9", b"x")).replace("\u00e9\u00e9".encode(), b"\xff\xfe\xfd\xfc"),
    "no name": lambda: zipped(("x", b"x")).replace(b"\1\0\0\0x", b"\0\0\0\0x"),
    "a directory beyond its end": lambda: ordinary()[:-22] + _end(3, 0xFFFFFF, 0),
    "cut short": lambda: ordinary()[:-30],
    "not one": lambda: b"MZ" + b"\0" * 1000,
    "nothing": lambda: b"",
}
CLIMBERS: dict[str, Callable[[], bytes]] = {
    "up": lambda: zipped(("../x", b"x")),
    "up later": lambda: zipped(("a/../../x", b"x")),
    "absolute": lambda: zipped(("/codeyard-was-here", b"x")),
    "backslashes": lambda: zipped(("..\\x", b"x")),
    "backslashes on": lambda: misnamed(b"a\\..\\..\\x"),
    "through a link": lambda: zipped((link("l"), b".."), ("l/x", b"x")),
    "through a link to a folder": lambda: zipped((link("l"), b"/tmp"), ("l/x", b"x")),
}


def config(room: int = 1 << 28) -> Any:
    return SimpleNamespace(max_unpacked_bytes=room)


def below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def build(data: bytes, folder: Path) -> None:
    """As a build unpacks its source; BadZipError."""
    (folder / "out").mkdir()
    zips.extract(io.BytesIO(data), str(folder / "out"), Limits(total=1 << 28))


def deployment(data: bytes, folder: Path, kind: str = "zip") -> None:
    """As a host unpacks its revision; BundleError."""
    (folder / "archive").write_bytes(data)
    bundle.unpack(folder / "archive", kind, folder / "out", config())


PLACES: dict[str, Callable[[bytes, Path], None]] = {"build": build, "deployment": deployment}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("place", PLACES)
def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path, place: str, name: str) -> None:
    data, before = BOMBS[name](), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    with pytest.raises((BadZipError, BundleError)):
        PLACES[place](data, tmp_path)
    assert time.process_time() - begun < 3
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000, "KiB more than before"
    assert sum(path.stat().st_size for path in below(tmp_path / "out")) < 20_000_000


@pytest.mark.parametrize("name", CLIMBERS)
@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_written_outside_the_folder(tmp_path: Path, place: str, name: str) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises((BadZipError, BundleError)):
        PLACES[place](CLIMBERS[name](), tmp_path / "in")
    assert {path.parent for path in below(tmp_path)} <= {tmp_path / "in", tmp_path / "in" / "out"}
    assert not Path("/codeyard-was-here").exists()


@pytest.mark.parametrize("place", PLACES)
def test_names_that_differ_by_case_or_form_only_stay_apart(tmp_path: Path, place: str) -> None:
    names = ("readme", "README", "\u00e9", "e\u0301", "\ufb01", "fi")
    PLACES[place](zipped(*((name, name.encode()) for name in names)), tmp_path)
    assert {path.name: path.read_text() for path in below(tmp_path / "out")} == {name: name for name in names}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("place", PLACES)
def test_whatever_is_broken_in_an_archive_is_said_so(tmp_path: Path, place: str, method: int) -> None:
    rng = random.Random(method)
    whole = zipped(("a.txt", b"hello " * 50), ("\u00e9.txt", b"hello " * 50), method=method)
    refused = 0
    for number in range(300):
        broken = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        (tmp_path / str(number)).mkdir()
        try:
            PLACES[place](bytes(broken), tmp_path / str(number))
        except (BadZipError, BundleError):
            refused += 1
    assert refused > 50


@pytest.mark.parametrize("kind", ["tar", "tgz"])
def test_whatever_is_broken_in_a_tar_is_said_so(tmp_path: Path, kind: str) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz" if kind == "tgz" else "w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("a", "d/b", "\u00e9"):
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = 300, {"mtime": "1.5", "comment": "x"}
            archive.addfile(info, io.BytesIO(b"x" * 300))
    rng, refused = random.Random(kind), 0
    for number in range(300):
        broken = bytearray(file.getvalue())
        for _ in range(rng.randint(1, 6)):
            broken[rng.randrange(min(len(broken), 6000))] = rng.choice((0, 32, 48, 55, 128, 255, rng.randrange(256)))
        (tmp_path / str(number)).mkdir()
        try:
            deployment(bytes(broken), tmp_path / str(number), kind)
        except BundleError:
            refused += 1
    assert refused > 50
    assert not [path for path in below(tmp_path) if not path.relative_to(tmp_path).parts[0].isdigit()]
