"""The Install event on a host with a root directory of its own, and on the machine itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codeyard.agent.install import Installer, InstallError, Places
from codeyard.formats import appspec

HEAD = "version: 0.0\nos: linux\n"


class Host:
    """A host's root, an archive, and an installer for one group."""

    def __init__(self, base: Path) -> None:
        self.root, self.archive, self.notes = base / "root", base / "archive", base / "notes"
        for folder in (self.root, self.archive, self.notes):
            folder.mkdir()

    def put(self, name: str, text: str = "x") -> Path:
        path = self.archive / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def install(self, text: str, behavior: str = "DISALLOW", group: str = "g", root: bool = True) -> None:
        places = Places(self.root if root else None)
        Installer(self.notes, group, places).install(self.archive, appspec.parse(HEAD + text), behavior)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def files(*pairs: tuple[str, str]) -> str:
    return "files:\n" + "".join(f"  - source: {s}\n    destination: {d}\n" for s, d in pairs)


def test_a_directory_is_copied_into_its_destination_and_a_file_under_its_name(host: Host) -> None:
    host.put("site/a/b.txt")
    host.put("one.conf")
    host.install(files(("site", "/srv"), ("one.conf", "/etc/app")))
    assert (host.root / "srv/a/b.txt").exists()
    assert (host.root / "etc/app/one.conf").exists()


def test_the_whole_bundle_is_a_slash(host: Host) -> None:
    host.put("a.txt")
    host.install(files(("/", "/srv")))
    assert (host.root / "srv/a.txt").exists()


def test_links_are_copied_as_links(host: Host) -> None:
    (host.archive / "site").mkdir()
    os.symlink("/etc/hosts", host.archive / "site/link")
    host.install(files(("site", "/srv")))
    assert (host.root / "srv/link").readlink() == Path("/etc/hosts")


def test_the_cleanup_file_lists_what_was_made_and_the_next_installation_removes_it(host: Host) -> None:
    old = host.put("site/old.txt")
    host.install(files(("site", "/srv/app")))
    listed = (host.notes / "g-cleanup").read_text().splitlines()
    assert listed == [str(host.root / "srv"), str(host.root / "srv/app"), str(host.root / "srv/app/old.txt")]
    old.unlink()
    host.put("site/new.txt")
    host.install(files(("site", "/srv/app")))
    assert sorted(p.name for p in (host.root / "srv/app").iterdir()) == ["new.txt"]


def test_another_group_is_left_alone(host: Host) -> None:
    host.put("site/x.txt")
    host.install(files(("site", "/srv")), group="one")
    host.install(files(("site", "/opt")), group="two")
    assert (host.root / "srv/x.txt").exists()
    with pytest.raises(InstallError, match="already exists"):
        host.install(files(("site", "/srv")), group="two")


def test_a_source_outside_the_bundle_is_refused(host: Host) -> None:
    (host.archive.parent / "secret").write_text("s")
    with pytest.raises(InstallError, match="not in the bundle"):
        host.install(files(("../secret", "/srv")))
    os.symlink(host.archive.parent, host.archive / "door")
    with pytest.raises(InstallError, match="not in the bundle"):
        host.install(files(("door/secret", "/srv")))


def test_a_source_that_is_not_there_is_named(host: Host) -> None:
    with pytest.raises(InstallError, match=r"in the bundle: nothing"):
        host.install(files(("nothing", "/srv")))


def test_destinations_stay_inside_the_hosts_root(host: Host, tmp_path: Path) -> None:
    host.put("site/a.txt")
    host.install(files(("site", "/../../up")))
    assert (host.root / "up/a.txt").exists()
    os.symlink(tmp_path, host.root / "out")
    with pytest.raises(InstallError, match="outside the host's root"):
        host.install(files(("site", "/out/there")))
    assert not (tmp_path / "there").exists()


def test_a_link_of_the_bundle_cannot_lead_a_later_file_out(host: Host, tmp_path: Path) -> None:
    (host.archive / "one").mkdir()
    os.symlink(tmp_path, host.archive / "one/door")
    host.put("two/evil.txt")
    with pytest.raises(InstallError):
        host.install(files(("one", "/srv"), ("two", "/srv/door")))
    assert not (tmp_path / "evil.txt").exists()


def test_without_a_root_destinations_are_the_machines(host: Host, tmp_path: Path) -> None:
    host.put("site/a.txt")
    host.install(files(("site", f"{tmp_path}/real")), root=False)
    assert (tmp_path / "real/a.txt").exists()


def test_two_sources_of_one_name_for_one_place_are_refused(host: Host) -> None:
    host.put("a/x.txt")
    host.put("b/x.txt")
    with pytest.raises(InstallError, match="two source files"):
        host.install(files(("a", "/srv"), ("b", "/srv")))


def test_permissions_reach_what_was_installed_and_nothing_else(host: Host) -> None:
    (host.root / "srv").mkdir()
    (host.root / "srv/theirs.sh").write_text("x")
    (host.root / "srv/theirs.sh").chmod(0o600)
    for name in ("run.sh", "no.sh", "deep/in.sh", "text"):
        host.put(f"site/{name}").chmod(0o644)
    host.install(
        files(("site", "/srv"))
        + "permissions:\n  - object: /srv\n    pattern: '*.sh'\n    except: [no.sh]\n    mode: 755\n    type: [file]\n"
        + "  - object: /srv\n    mode: 700\n    type: [directory]\n"
        + "  - object: /srv/text\n    mode: 600\n"
    )
    modes = {name: (host.root / "srv" / name).stat().st_mode & 0o777 for name in ("run.sh", "no.sh", "deep/in.sh")}
    assert modes == {"run.sh": 0o755, "no.sh": 0o644, "deep/in.sh": 0o644}
    assert (host.root / "srv/theirs.sh").stat().st_mode & 0o777 == 0o600
    assert (host.root / "srv/deep").stat().st_mode & 0o777 == 0o700
    assert (host.root / "srv/text").stat().st_mode & 0o777 == 0o600


def test_a_user_that_is_not_there_is_told(host: Host) -> None:
    host.put("site/a")
    with pytest.raises(InstallError, match="permissions of"):
        host.install(files(("site", "/srv")) + "permissions:\n  - object: /srv\n    owner: nobody-of-that-name\n")


def test_a_file_is_replaced_whole(host: Host) -> None:
    (host.root / "srv").mkdir()
    open_file = (host.root / "srv/a.txt").open("w+")
    open_file.write("old")
    open_file.flush()
    host.put("site/a.txt", "new")
    host.install(files(("site", "/srv")), "OVERWRITE")
    open_file.seek(0)
    assert open_file.read() == "old"  # a running program keeps its file
    open_file.close()
    assert (host.root / "srv/a.txt").read_text() == "new"
