"""Unpacking hostile archives."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from codeyard.agent.bundle import BundleError, unpack
from codeyard.agent.config import Config


def config(limit: int = 1 << 20) -> Config:
    return Config("http://x", "r", "h", Path("k"), Path("home"), "", max_unpacked_bytes=limit)


def tar(path: Path, *members: tarfile.TarInfo, data: bytes = b"data", kind: str = "w") -> Path:
    with tarfile.open(path, kind) as archive:  # type: ignore[call-overload]
        for member in members:
            member.size = len(data) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(data))
    return path


def info(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, link, mode
    return made


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(("kind", "mode"), [("tar", "w"), ("tgz", "w:gz")])
def test_a_tar_is_unpacked_with_modes_and_links(tmp_path: Path, kind: str, mode: str) -> None:
    members = (
        info("./bin/run", mode=0o4755),
        info("bin/also", tarfile.LNKTYPE, "bin/run"),
        info("link", tarfile.SYMTYPE, "bin/run"),
        info("empty", tarfile.DIRTYPE),
    )
    unpack(tar(tmp_path / "b", *members, kind=mode), kind, tmp_path / "out", config())
    assert stat.S_IMODE((tmp_path / "out/bin/run").stat().st_mode) == 0o755  # no set-user-id bit
    assert (tmp_path / "out/bin/also").read_bytes() == b"data"
    assert (tmp_path / "out/link").is_symlink()
    assert (tmp_path / "out/empty").is_dir()


def test_a_zip_keeps_execute_bits_and_links(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode, data in (("run", 0o100755, "#!"), ("ln", 0o120777, "run"), ("plain", 0, "x")):
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16 or 0x20  # as made on a system without modes
            archive.writestr(member, data)
    unpack(path, "zip", tmp_path / "out", config())
    assert (tmp_path / "out/run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out/ln").readlink() == Path("run")
    assert (tmp_path / "out/plain").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a\\..\\..\\evil", "C:/evil", "a\nb"])
def test_a_member_outside_the_bundle_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match="outside itself"):
        unpack(tar(tmp_path / "b", info(name)), "tar", tmp_path / "out", config())
    assert not (tmp_path / "evil").exists()
    with pytest.raises(BundleError):
        unpack(zipped(tmp_path / "b.zip", **{name: b"x"}), "zip", tmp_path / "out", config())


@pytest.mark.parametrize("target", ["/tmp", "..", "../.."])
def test_nothing_is_written_through_a_link(tmp_path: Path, target: str) -> None:
    path = tar(tmp_path / "b", info("door", tarfile.SYMTYPE, target), info("door/evil"))
    with pytest.raises(BundleError, match="through a link"):
        unpack(path, "tar", tmp_path / "out", config())
    path = tar(tmp_path / "c", info("door", tarfile.SYMTYPE, target), info("door/evil/", tarfile.DIRTYPE))
    with pytest.raises(BundleError, match="through a link"):
        unpack(path, "tar", tmp_path / "out", config())


def test_a_file_takes_a_links_place_instead_of_writing_through_it(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    path = tar(tmp_path / "b", info("f", tarfile.SYMTYPE, str(victim)), info("f"), info("g"))
    unpack(path, "tar", tmp_path / "out", config())
    assert victim.read_text() == "mine"
    assert (tmp_path / "out/f").read_bytes() == b"data"


def test_a_hard_link_to_the_hosts_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    for link in ("../secret", "/etc/passwd", "sym"):
        members = (info("sym", tarfile.SYMTYPE, str(tmp_path / "secret")), info("got", tarfile.LNKTYPE, link))
        with pytest.raises(BundleError):
            unpack(tar(tmp_path / "b", *members), "tar", tmp_path / "out", config())


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(BundleError, match="device"):
        unpack(tar(tmp_path / "b", info("d", kind), info("e")), "tar", tmp_path / "out", config())


def test_a_bomb_is_stopped(tmp_path: Path) -> None:
    path = zipped(tmp_path / "b.zip", big=b"\0" * (4 << 20))
    assert path.stat().st_size < 10_000
    with pytest.raises(BundleError, match="more than there is room for"):
        unpack(path, "zip", tmp_path / "out", config(1 << 20))
    path = tar(tmp_path / "b.tgz", info("big"), data=b"\0" * (4 << 20), kind="w:gz")
    with pytest.raises(BundleError, match="more than there is room for"):
        unpack(path, "tgz", tmp_path / "out", config(1 << 20))


@pytest.mark.parametrize("kind", ["zip", "tar", "tgz", "rar"])
def test_what_is_no_archive_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "b").write_bytes(b"this is not an archive" * 100)
    with pytest.raises(BundleError):
        unpack(tmp_path / "b", kind, tmp_path / "out", config())


def test_a_bundle_in_one_folder_is_lifted_out_of_it(tmp_path: Path) -> None:
    unpack(zipped(tmp_path / "b.zip", **{"repo-1/appspec.yml": b"x"}), "zip", tmp_path / "out", config())
    assert (tmp_path / "out/appspec.yml").exists()


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_an_extended_header_that_would_fill_the_memory_is_refused_unread(tmp_path: Path, kind: bytes) -> None:
    bomb = tarfile.TarInfo("x")
    bomb.type, bomb.size = kind, 1 << 33  # what it claims; the archive holds none of it
    (tmp_path / "b").write_bytes(bomb.tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(BundleError, match="extended header of more than 1 MiB"):
        unpack(tmp_path / "b", "tar", tmp_path / "out", config())


def test_a_long_name_still_unpacks(tmp_path: Path) -> None:
    name = "a/" * 60 + "f"
    unpack(tar(tmp_path / "b", info(name)), "tar", tmp_path / "out", config())
    assert [path.name for path in (tmp_path / "out").rglob("f")] == ["f"]
