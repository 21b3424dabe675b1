"""Revisions that try to leave their folder or their host's root, or never to end: by paths, by links, by depth."""

from __future__ import annotations

import io
import os
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from codeyard.agent import hooks, specification
from codeyard.agent.bundle import BundleError, unpack
from codeyard.agent.executor import Executor
from codeyard.agent.journal import Entry, Journal, Result
from codeyard.formats import appspec
from codeyard.formats.appspec import EVENT_LIMIT_S, AppSpecError, Hook

HEAD = "version: 0.0\nos: linux\n"


class Site:
    """A host with a root of its own, a revision on it, and a secret outside of both."""

    def __init__(self, base: Path) -> None:
        self.root, self.outside = base / "root", base / "outside"
        for folder in (self.root, self.outside):
            folder.mkdir()
        self.secret = self.outside / "secret"
        self.secret.write_text("never: [told")
        self.secret.chmod(0o600)
        config = SimpleNamespace(deployment_root=base / "home", root_directory=self.root, max_revisions=5)
        journal = Journal(base / "journal")
        self.executor = Executor(config, None, journal, lambda: False)  # type: ignore[arg-type]
        self.folder = base / "home" / "g" / "d-1"
        self.archive = self.folder / "deployment-archive"
        self.archive.mkdir(parents=True)
        revision = {"S3Revision": {"Bucket": "b", "Key": "k", "BundleType": "zip"}}
        names = {"DeploymentId": "d-1", "DeploymentGroupId": "g", "DeploymentGroupName": "g", "ApplicationName": "a"}
        self.spec = specification.of({"Revision": revision, **names})

    def put(self, name: str, text: str = "x") -> Path:
        path = self.archive / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def perform(self, event: str, text: str | None = None) -> Result:
        """Carry an event out, by an AppSpec file of that text."""
        if text is not None:
            self.put("appspec.yml", HEAD + text)
        return self.executor.perform(Entry("d-1", event, "c", "begun"), self.spec)

    def untouched(self) -> bool:
        """Whether all is as it was outside of the root."""
        mode = self.secret.stat().st_mode & 0o777
        return os.listdir(self.outside) == ["secret"] and (self.secret.read_text(), mode) == ("never: [told", 0o600)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def files(source: str, destination: str) -> str:
    return f"files:\n  - source: {source}\n    destination: {destination}\n"


SOURCES = [
    "../../../../outside/secret",
    "/../../../../outside",
    "..\\..\\..\\..\\outside",
    "door/secret",
    "a/../door/.",
]


@pytest.mark.parametrize("source", SOURCES)
def test_nothing_outside_the_revision_is_installed(site: Site, source: str) -> None:
    os.symlink(site.outside, site.archive / "door")
    result = site.perform("Install", files(source, "/srv"))
    assert not result.ok or not any(path.name == "secret" for path in site.root.rglob("*"))
    assert "told" not in result.message
    assert site.untouched()


DESTINATIONS = ["/../../outside", "../../outside", "/out", "/out/deeper", "/srv/../out", "/srv/../../../outside"]


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_neither_a_file_nor_a_folder_is_made_outside_the_hosts_root(site: Site, destination: str) -> None:
    os.symlink(site.outside, site.root / "out")
    site.put("site/secret")
    site.put("site/folder/file")
    (site.archive / "site/empty").mkdir()
    site.perform("Install", files("site", destination) + "permissions:\n  - object: /out/secret\n    mode: 777\n")
    assert site.untouched()


def test_no_link_of_a_revision_is_written_through(site: Site) -> None:
    site.put("site/file")
    os.symlink(site.secret, site.archive / "site/.file.codeyard-new")
    result = site.perform("Install", files("site", "/srv"))
    assert not result.ok
    assert site.untouched()


LINKS: dict[str, Callable[[Site], Path]] = {
    "a link out": lambda site: site.secret,
    "a folder that is a link": lambda site: site.outside,
    "a link that leads nowhere": lambda site: site.outside / "none",
    "a link to itself": lambda site: site.archive / "run.sh",
    "a device": lambda site: Path("/dev/zero"),
}


@pytest.mark.parametrize("kind", LINKS)
def test_no_hook_is_run_that_a_link_leads_out_to(site: Site, kind: str) -> None:
    os.symlink(LINKS[kind](site), site.archive / "run.sh")
    result = site.perform("AfterInstall", "hooks:\n  AfterInstall:\n    - location: run.sh\n")
    assert result.code in (hooks.MISSING, hooks.UNKNOWN)
    assert site.untouched()


@pytest.mark.parametrize("location", ["../../../../outside/secret", "/../../x", "..", ".", "/", "door/secret"])
def test_no_hook_is_run_that_lies_elsewhere(site: Site, location: str) -> None:
    os.symlink(site.outside, site.archive / "door")
    result = site.perform("AfterInstall", f"hooks:\n  AfterInstall:\n    - location: {location}\n")
    assert result.code == hooks.MISSING
    assert site.untouched()


@pytest.mark.parametrize("event", ["Install", "AfterInstall"])
def test_no_file_elsewhere_is_read_as_the_appspec_and_told_by_an_error(site: Site, event: str) -> None:
    os.symlink(site.secret, site.archive / "appspec.yml")
    site.executor.is_noop(event, site.spec)
    result = site.perform(event)
    assert not result.ok
    assert "never" not in result.message


def test_an_appspec_that_is_no_text_or_has_no_end_is_a_failure_of_the_event(site: Site) -> None:
    path = site.archive / "appspec.yml"
    for content in (b"\xff\xfe\x00", b"#" * 2_000_000, b"\x00" * 100):
        path.write_bytes(content)
        assert site.executor.is_noop("AfterInstall", site.spec) is False
        assert not site.perform("Install").ok
    with path.open("wb") as file:
        file.truncate(1 << 36)
    assert not site.perform("Install").ok


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_revision_of_folders_without_end_is_refused(tmp_path: Path, kind: str) -> None:
    name, data = "d/" * 1500 + "f", io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr(name, b"x")
    else:
        with tarfile.open(fileobj=data, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(name))
    (tmp_path / "archive").write_bytes(data.getvalue())
    room = SimpleNamespace(max_unpacked_bytes=1 << 20)
    with pytest.raises(BundleError, match="more than 200 deep"):
        unpack(tmp_path / "archive", kind, tmp_path / "out", room)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [f"'{'9' * 400}'", "3601", "86400", "' 4000 '"])
def test_no_script_may_take_longer_than_its_event_may(given: str) -> None:
    found = appspec.parse(HEAD + f"hooks:\n  AfterInstall:\n    - location: a\n      timeout: {given}\n")
    assert found.hooks["AfterInstall"][0].timeout == EVENT_LIMIT_S


@pytest.mark.parametrize("given", ["9" * 5000, ".inf", ".nan", "-1", "1e9", "true", "[1]", "0x"])
def test_a_time_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(AppSpecError):
        appspec.parse(HEAD + f"hooks:\n  AfterInstall:\n    - location: a\n      timeout: {given}\n")


def test_the_scripts_of_an_event_share_its_time(site: Site) -> None:
    begun = hooks.begin(site.folder / "hooks" / "AfterInstall")
    mark = site.folder / "hooks" / "AfterInstall" / "begun"
    os.utime(mark, (begun - EVENT_LIMIT_S - 1,) * 2)
    site.put("run.sh", '#!/bin/sh\ntouch "$CODEYARD_HOST_ROOT/ran"\n')
    result = site.perform("AfterInstall", "hooks:\n  AfterInstall:\n    - location: run.sh\n")
    assert (result.code, result.script) == (hooks.TIMED_OUT, "run.sh")
    assert not (site.root / "ran").exists()


def test_a_script_is_ended_when_its_events_time_is_over(tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    path.write_text("#!/bin/sh\nexec sleep 100\n")
    path.chmod(0o755)
    facts: dict[str, Any] = {"cwd": tmp_path, "environment": {"PATH": "/usr/bin:/bin"}, "until": time.time() + 0.5}
    with pytest.raises(hooks.HookError, match="failed to complete in") as caught:
        hooks.execute(hooks.Script(Hook("run.sh", 60), path, tmp_path / "run", **facts), lambda: False)
    assert caught.value.code == hooks.TIMED_OUT
