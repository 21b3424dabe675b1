"""Carries one lifecycle event out on this host."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from codeyard.agent import hooks
from codeyard.agent.bundle import BundleError, download, unpack
from codeyard.agent.client import CallError, CommandClient
from codeyard.agent.config import Config
from codeyard.agent.install import Installer, InstallError, Places
from codeyard.agent.journal import Entry, Journal, Result
from codeyard.agent.specification import Specification
from codeyard.formats import appspec, yamls
from codeyard.formats.appspec import AppSpec, AppSpecError

_OF_LAST_REVISION = ("ApplicationStop", "BeforeBlockTraffic", "AfterBlockTraffic")
_PASSED_ON = ("PATH", "HOME", "LANG", "USER", "LOGNAME", "SHELL", "TZ")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Executor:
    """Knows where a deployment's things lie on this host. `stopping` tells that the agent is to end."""

    def __init__(self, config: Config, client: CommandClient, journal: Journal, stopping: Callable[[], bool]) -> None:
        self._config, self._client, self._journal, self._stopping = config, client, journal, stopping
        self._root = config.deployment_root
        self._instructions = self._root / "deployment-instructions"
        self._instructions.mkdir(parents=True, exist_ok=True)

    def is_noop(self, event: str, spec: Specification) -> bool:
        """Whether the event has nothing to do here: no script of the revision that it runs from names it."""
        if event in ("DownloadBundle", "Install"):
            return False
        archive = self._archive_for(event, spec)
        if archive is None:
            return True
        try:
            return self._appspec(archive, spec).is_noop(event)
        except (ValueError, OSError):
            return False

    def perform(self, entry: Entry, spec: Specification) -> Result:
        """Do the event and tell how it ended; InterruptedError when the agent is to end and a script still runs."""
        try:
            if entry.event == "DownloadBundle":
                self._download(spec)
                return Result()
            if entry.event == "Install":
                self._install(spec)
                return Result()
            return self._hooks(entry, spec)
        except hooks.HookError as error:
            return Result(error.code, error.script, error.message, self._logged(entry, spec, error.log))
        except (BundleError, InstallError, AppSpecError, CallError) as error:
            return Result(hooks.UNKNOWN, "", str(error))
        except InterruptedError:
            raise
        except (OSError, ValueError) as error:
            return Result(hooks.UNKNOWN, "", f"{type(error).__name__}: {error}")

    def after_restart(self, entry: Entry, spec: Specification) -> Result:
        """Go on with an event that an earlier agent process had begun: attach to its script, or give it up."""
        run = self._run_folder(entry, spec)
        if entry.event in ("DownloadBundle", "Install") or not hooks.begun(run) or hooks.give_up(run):
            return Result(hooks.RESTARTED, "", f"The agent restarted while it ran {entry.event}")
        return self.perform(entry, spec)

    def _folder(self, spec: Specification) -> Path:
        return self._root / spec.group / spec.deployment

    def _archive(self, spec: Specification) -> Path:
        return self._folder(spec) / "deployment-archive"

    def _run_folder(self, entry: Entry, spec: Specification) -> Path:
        return self._folder(spec) / "hooks" / entry.event / str(entry.script)

    def _pointer(self, spec: Specification, name: str) -> Path:
        return self._instructions / f"{spec.group}_{name}"

    def _archive_for(self, event: str, spec: Specification) -> Path | None:
        archive = self._archive(spec)
        if event in _OF_LAST_REVISION:
            pointer = self._pointer(spec, "last_successful_install")
            archive = Path(pointer.read_text().strip()) / "deployment-archive" if pointer.exists() else Path("/none")
        return archive if archive.is_dir() else None

    def _appspec(self, archive: Path, spec: Specification) -> AppSpec:
        path = archive / spec.appspec
        if not path.is_file() and spec.appspec == "appspec.yml" and (archive / "appspec.yaml").is_file():
            path = archive / "appspec.yaml"
        if not path.is_file():
            raise AppSpecError(
                "The CodeDeploy agent did not find an AppSpec file within the unpacked revision directory at "
                f'revision-relative path "{spec.appspec}". The revision was unpacked to directory "{archive}", and the '
                "AppSpec file was expected but not found."
            )
        if not _within(archive, path):
            raise AppSpecError("The AppSpec file is a link that leads out of the bundle")
        with path.open("rb") as file:
            return appspec.parse(file.read(yamls.LARGEST + 1).decode())

    def _download(self, spec: Specification) -> None:
        folder = self._folder(spec)
        self._prune(spec)
        folder.mkdir(parents=True, exist_ok=True)
        bundle = folder / "bundle"
        download(self._client, spec.revision, bundle, self._config.max_bundle_bytes)
        unpack(bundle, spec.revision["BundleType"], self._archive(spec), self._config)
        bundle.unlink()
        self._appspec(self._archive(spec), spec)
        _write(self._pointer(spec, "most_recent_install"), str(folder))

    def _install(self, spec: Specification) -> None:
        archive = self._archive(spec)
        found = self._appspec(archive, spec)
        behavior = spec.behavior if spec.behavior not in (None, "DISALLOW") else found.file_exists_behavior
        if behavior not in (None, *appspec.FILE_EXISTS_BEHAVIORS):
            raise InstallError(
                "The deployment failed because an invalid option was specified for fileExistsBehavior: "
                f"{behavior}. Valid options include OVERWRITE, RETAIN, and DISALLOW."
            )
        installer = Installer(self._instructions, spec.group, Places(self._config.root_directory))
        installer.install(archive, found, behavior or "DISALLOW")
        _write(self._pointer(spec, "last_successful_install"), str(self._folder(spec)))

    def _hooks(self, entry: Entry, spec: Specification) -> Result:
        archive = self._archive_for(entry.event, spec)
        scripts = self._appspec(archive, spec).hooks.get(entry.event, ()) if archive else ()
        written = f"LifecycleEvent - {entry.event}\n" if scripts else ""
        for index, hook in enumerate(scripts):
            if index < entry.script:
                continue
            assert archive is not None
            if index > entry.script:
                entry = self._journal.put(entry, script=index)
            written += hooks.execute(self._script(entry, spec, hook, archive), self._stopping)
        return Result(log=self._logged(entry, spec, written) if scripts else "")

    def _script(self, entry: Entry, spec: Specification, hook: appspec.Hook, archive: Path) -> hooks.Script:
        path = Path(os.path.normpath(archive / hook.location.lstrip("/")))
        if archive not in path.parents or not _within(archive, path):
            message = f"Script does not exist at specified location: {hook.location}"
            raise hooks.HookError(hooks.MISSING, hook.location, message)
        cwd = self._config.root_directory or Path("/")
        until = hooks.begin(self._folder(spec) / "hooks" / entry.event) + appspec.EVENT_LIMIT_S
        return hooks.Script(hook, path, self._run_folder(entry, spec), cwd, self._environment(entry, spec), until)

    def _environment(self, entry: Entry, spec: Specification) -> dict[str, str]:
        place = spec.revision
        told = {
            "LIFECYCLE_EVENT": entry.event,
            "DEPLOYMENT_ID": spec.deployment,
            "APPLICATION_NAME": spec.application,
            "DEPLOYMENT_GROUP_NAME": spec.group_name,
            "DEPLOYMENT_GROUP_ID": spec.group,
            "BUNDLE_BUCKET": place["Bucket"],
            "BUNDLE_KEY": place["Key"],
            "BUNDLE_VERSION": place.get("Version"),
            "BUNDLE_ETAG": place.get("ETag"),
            "CODEYARD_HOST_ROOT": str(self._config.root_directory) if self._config.root_directory else None,
        }
        passed = {"PATH": _PATH} | {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return passed | {name: str(value) for name, value in told.items() if value}

    def _logged(self, entry: Entry, spec: Specification, text: str) -> str:
        logs = self._folder(spec) / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        with (logs / "scripts.log").open("a") as file:
            file.write("".join(f"{stamp} {line}\n" for line in text.splitlines()))
        return text[-hooks.LOG_TAIL :]

    def _prune(self, spec: Specification) -> None:
        """Keep the newest archives of the group, and always the one that was installed last."""
        group, pointer = self._root / spec.group, self._pointer(spec, "last_successful_install")
        kept = pointer.read_text().strip() if pointer.exists() else ""
        if not group.is_dir():
            return
        folders = sorted((f for f in group.iterdir() if f.is_dir()), key=lambda f: f.stat().st_mtime, reverse=True)
        for folder in folders[self._config.max_revisions - 1 :]:
            if str(folder) != kept and folder.name != spec.deployment:
                shutil.rmtree(folder, ignore_errors=True)


def _within(archive: Path, path: Path) -> bool:
    """Whether the path, its links followed, lies in the archive."""
    return Path(os.path.realpath(archive)) in Path(os.path.realpath(path)).parents


def _write(path: Path, text: str) -> None:
    aside = path.with_name(path.name + ".new")
    aside.write_text(text)
    aside.replace(path)
