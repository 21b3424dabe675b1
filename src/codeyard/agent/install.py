"""The Install event: removes what the last installation put there, copies the bundle's files, sets permissions.

What is put on the host is written, line by line and before it is made, to `<group>-cleanup`, so that the next
installation, or a rollback, removes exactly that.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from codeyard.agent.bundle import walk
from codeyard.formats.appspec import AppSpec, FileMapping, Permission


class InstallError(Exception):
    """The installation failed; the message is for the deployment's record."""


class Places:
    """Maps an AppSpec's absolute paths to this host: as they are, or inside the host's own root directory."""

    def __init__(self, root: Path | None) -> None:
        self._root = root.resolve() if root else None

    def at(self, path: str) -> Path:
        """Where the path is on this host; InstallError where it would leave the host's root."""
        if "\0" in path or "\n" in path:
            raise InstallError("A path of the AppSpec file has a character that paths cannot have")
        if self._root is None:
            return Path(os.path.normpath(os.path.join("/", path)))
        inside = Path(os.path.normpath("/" + path.lstrip("/"))).relative_to("/")
        found = self._root / inside
        self.check(found)
        return found

    def check(self, path: Path) -> None:
        """InstallError where a link on the way leads out of the host's root."""
        if self._root is not None and path != self._root:
            above = Path(os.path.realpath(path.parent))
            if above != self._root and self._root not in above.parents:
                raise InstallError(f"{path} leads outside the host's root directory")


@dataclass
class Plan:
    """What an installation does, in order: folders to make, files to copy, permissions to set."""

    folders: dict[Path, None] = field(default_factory=dict)
    copies: dict[Path, Path] = field(default_factory=dict)
    permissions: list[tuple[Path, Permission]] = field(default_factory=list)
    retained: set[Path] = field(default_factory=set)


class Installer:
    """Installs bundles of one deployment group on this host."""

    def __init__(self, instructions: Path, group: str, places: Places) -> None:
        self._cleanup = instructions / f"{group}-cleanup"
        self._record = instructions / f"{group}-install.json"
        self._places = places

    def install(self, archive: Path, spec: AppSpec, behavior: str) -> None:
        """Replace the group's files on this host by those of the archive."""
        self._remove_last()
        plan = self._plan(archive, spec, behavior)
        self._record.write_text(json.dumps({"copies": {str(d): str(s) for d, s in plan.copies.items()}}))
        with self._cleanup.open("w") as lines:
            for folder in plan.folders:
                _note(lines.write, folder)
                lines.flush()
                self._places.check(folder)
                folder.mkdir(exist_ok=True)
            for destination, source in plan.copies.items():
                _note(lines.write, destination)
                lines.flush()
                self._places.check(destination)
                _copy(source, destination)
        for path, permission in plan.permissions:
            _apply(path, permission)

    def _remove_last(self) -> None:
        """Remove what the last installation made: files always, folders when they are empty."""
        if not self._cleanup.exists():
            return
        for line in reversed(self._cleanup.read_text().splitlines()):
            path = Path(line)
            self._places.check(path)
            if path.is_symlink() or path.is_file():
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        self._cleanup.unlink()

    def _plan(self, archive: Path, spec: AppSpec, behavior: str) -> Plan:
        plan = Plan()
        for mapping in spec.files:
            for source, destination, is_folder in self._entries(archive, mapping):
                self._add(plan, source, destination, is_folder, behavior)
        for permission in spec.permissions:
            plan.permissions.extend(self._matches(plan, permission))
        return plan

    def _entries(self, archive: Path, mapping: FileMapping) -> Iterator[tuple[Path, Path, bool]]:
        source, destination = _source(archive, mapping.source), self._places.at(mapping.destination)
        if source.is_dir() and not source.is_symlink():
            yield source, destination, True
            for path, is_folder in walk(source):
                yield path, destination / path.relative_to(source), is_folder
        elif source.exists() or source.is_symlink():
            yield source, destination / source.name, False
        else:
            raise InstallError(f"No such file or directory in the bundle: {mapping.source}")

    def _add(self, plan: Plan, source: Path, destination: Path, is_folder: bool, behavior: str) -> None:
        for above in reversed(destination.parents):
            if not above.exists() and above not in plan.folders:
                plan.folders[above] = None
        if is_folder:
            if not destination.is_dir():
                plan.folders[destination] = None
            return
        if destination in plan.copies:
            raise InstallError(
                f"The deployment failed because the application specification file specifies two source files named "
                f"{source} and {plan.copies[destination]} for the same destination ({destination}). Remove one of "
                "the source file paths from the AppSpec file, and then try again."
            )
        if not (destination.exists() or destination.is_symlink()) or behavior == "OVERWRITE":
            plan.copies[destination] = source
        elif behavior == "DISALLOW":
            raise InstallError(
                f"The deployment failed because a specified file already exists at this location: {destination}"
            )

    def _matches(self, plan: Plan, permission: Permission) -> Iterator[tuple[Path, Permission]]:
        target = self._places.at(permission.object)
        if target in plan.copies:
            if "file" in permission.types:
                permission.check_for_file()
                yield target, permission
            return
        if target not in plan.folders and not target.is_dir():
            return
        kinds = (("file", plan.copies), ("directory", plan.folders))
        for path in (path for kind, paths in kinds if kind in permission.types for path in paths):
            if target in path.parents and permission.covers(str(path.relative_to(target))):
                yield path, permission


def _note(write: object, path: Path) -> None:
    if "\n" in str(path):
        raise InstallError("A file name of the bundle has a line break")
    write(f"{path}\n")  # type: ignore[operator]


def _source(archive: Path, name: str) -> Path:
    root = archive.resolve()
    found = Path(os.path.normpath(root / name.replace("\\", "/").lstrip("/")))
    above = Path(os.path.realpath(found.parent))
    if found != root and above != root and root not in above.parents:
        raise InstallError(f"{name} is not in the bundle")
    return found


def _copy(source: Path, destination: Path) -> None:
    if destination.is_symlink():
        destination.unlink()
    if destination.is_dir():
        raise InstallError(f"There is a directory at {destination}")
    if source.is_symlink():
        if destination.exists():
            destination.unlink()
        os.symlink(os.readlink(source), destination)
        return
    aside = destination.with_name(f".{destination.name[:200]}.codeyard-new")
    if aside.is_symlink():  # a bundle's own: it must not be written through
        raise InstallError(f"There is a link at {aside}")
    shutil.copy(source, aside)
    aside.replace(destination)


def _apply(path: Path, permission: Permission) -> None:
    if path.is_symlink():
        return
    try:
        if permission.owner:
            shutil.chown(path, user=permission.owner)
        if permission.group:
            shutil.chown(path, group=permission.group)
        if permission.mode:
            path.chmod(int(permission.mode, 8))
    except (LookupError, OSError) as error:
        raise InstallError(f"The permissions of {path} cannot be set: {error}") from error
    if permission.acls:
        _run(["setfacl", "-m", ",".join(permission.acls), "--", str(path)])
    if permission.context:
        label = permission.context
        options = [*(["-u", label.user] if label.user else []), *(["-l", label.level] if label.level else [])]
        _run(["chcon", *options, "-t", label.type, "--", str(path)])


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{command[0]} could not be run: {error}") from error
    if done.returncode:
        raise InstallError(f"{command[0]} failed: {done.stderr.strip()[:500]}")
