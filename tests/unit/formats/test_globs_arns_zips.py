"""Globs, ARNs and hostile archives."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from codeyard.formats import arns, globs, zips


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("**/*", "a", True),
        ("**/*", "a/b/c", True),
        ("*", "a/b", False),
        ("app/*.py", "app/x.py", True),
        ("app/*.py", "app/y/x.py", False),
        ("app/**/*.py", "app/x.py", True),
        ("app/**", "app/a/b", True),
        ("?.txt", "a.txt", True),
        ("[ab].txt", "b.txt", True),
        ("[!ab].txt", "b.txt", False),
        ("{a,b}/c", "b/c", True),
        ("./a", "a", True),
        ("a.b", "axb", False),
        ("[", "[", True),
        ("**/*.tar.gz", "x/y.tar.gz", True),
    ],
)
def test_globs_mean_what_buildspecs_mean(pattern: str, path: str, found: bool) -> None:
    assert globs.matches(pattern, path) is found


def test_an_arn_is_taken_apart_and_put_together() -> None:
    text = "arn:aws:iam::123456789012:role/service/build"
    found = arns.parse(text)
    assert found is not None
    assert (str(found), found.name) == (text, "service/build")
    assert arns.is_role(text)
    assert not arns.is_role("role/build")
    assert arns.s3_place("arn:aws:s3:::b/k/l") == arns.s3_place("b/k/l") == ("b", "k/l")


def _zip(*members: tuple[str, bytes, int]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data, mode in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16
            archive.writestr(info, data)
    file.seek(0)
    return file


@pytest.mark.parametrize(
    "members",
    [
        [("../evil", b"", stat.S_IFREG)],
        [("/etc/passwd", b"", stat.S_IFREG)],
        [("a/../../b", b"", stat.S_IFREG)],
        [("a\\..\\b", b"", stat.S_IFREG)],
        [("link", b"/etc/shadow", stat.S_IFLNK)],
        [("link", b"../out", stat.S_IFLNK)],
        [("fifo", b"", stat.S_IFIFO)],
        [("device", b"", stat.S_IFBLK)],
        [("twice", b"1", stat.S_IFREG), ("./twice", b"2", stat.S_IFREG)],
        [("bomb", bytes(50 << 20), stat.S_IFREG)],
        [("a", b"x", stat.S_IFREG), ("a/b", b"x", stat.S_IFREG)],
    ],
)
def test_a_hostile_archive_is_refused(tmp_path: Path, members: list[tuple[str, bytes, int]]) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(zips.BadZipError):
        zips.extract(_zip(*members), str(tmp_path / "in"), zips.Limits(ratio=100))
    assert {p.name for p in tmp_path.iterdir()} == {"in"}


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    hostile = _zip(("d", b".", stat.S_IFLNK), ("d/x", b"1", stat.S_IFREG))
    with pytest.raises(zips.BadZipError):
        zips.extract(hostile, str(tmp_path / "in"))


def test_files_links_and_modes_come_out(tmp_path: Path) -> None:
    good = _zip(("bin/run", b"#!", stat.S_IFREG | 0o4755), ("a", b"1", stat.S_IFREG | 0o600), ("l", b"a", stat.S_IFLNK))
    assert zips.extract(good, str(tmp_path)) == 3
    assert stat.S_IMODE((tmp_path / "bin/run").stat().st_mode) == 0o755
    assert (tmp_path / "l").read_text() == "1"


def _bent(at: bytes, offset: int, change: bytes) -> io.BytesIO:
    """An archive of one deflated file, with bytes of a header or of its data replaced."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"content " * 30)
    data = bytearray(file.getvalue())
    where = data.index(at) + offset
    data[where : where + len(change)] = change
    return io.BytesIO(bytes(data))


LOCAL, ENTRY = b"PK\3\4", b"PK\1\2"


@pytest.mark.parametrize(
    ("at", "offset", "change"),
    [
        (ENTRY, 16, b"\0\0\0\0"),  # the checksum
        (ENTRY, 20, (9).to_bytes(4, "little")),  # the packed length
        (ENTRY, 20, (100_000).to_bytes(4, "little")),
        (ENTRY, 24, (239).to_bytes(4, "little")),  # the length
        (ENTRY, 24, (241).to_bytes(4, "little")),
        (ENTRY, 8, b"\1"),  # encrypted
        (ENTRY, 42, b"\5"),  # the place
        (LOCAL, 0, b"PK\5\5"),
        (LOCAL, 31, b"\xff\xff\xff\xff"),  # the data
    ],
)
def test_a_small_file_that_is_not_what_its_archive_says_is_refused(
    tmp_path: Path, at: bytes, offset: int, change: bytes
) -> None:
    assert zips.extract(_bent(ENTRY, 0, b""), str(tmp_path)) == 1
    assert (tmp_path / "a").read_bytes() == b"content " * 30
    (tmp_path / "a").unlink()
    with pytest.raises(zips.BadZipError):
        zips.extract(_bent(at, offset, change), str(tmp_path))
    assert not (tmp_path / "a").exists() or not (tmp_path / "a").read_bytes()
