"""The AppSpec file of server deployments, read the way the host agent reads it: pure, text in, facts out.

Used by the deployment agent (which obeys it) and by whoever wants to check a file before it is deployed.
Unknown keys are ignored, as the agent ignores them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from codeyard.formats.globs import starred
from codeyard.formats.yamls import LARGEST, BoundedLoader

EVENT_LIMIT_S = 3600  # user guide, "AppSpec hooks section": all scripts of a lifecycle event together
DEFAULT_TIMEOUT_S = EVENT_LIMIT_S
FILE_EXISTS_BEHAVIORS = ("DISALLOW", "OVERWRITE", "RETAIN")
_TYPES = ("file", "directory")
_PERMISSION_BITS = 4


class AppSpecError(ValueError):
    """The file cannot be deployed; the message says what to mend."""


@dataclass(frozen=True, slots=True)
class FileMapping:
    """One entry of `files`: a path of the bundle and the directory that it is copied into."""

    source: str
    destination: str


@dataclass(frozen=True, slots=True)
class Hook:
    """One script of a lifecycle event; no script may take longer than the whole event."""

    location: str
    timeout: int = DEFAULT_TIMEOUT_S
    runas: str | None = None
    sudo: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """An SELinux label; `level` is the range after the type, where given."""

    type: str
    user: str | None = None
    level: str | None = None


@dataclass(frozen=True, slots=True)
class Permission:
    """One entry of `permissions`; `mode` is up to four octal digits, `acls` are setfacl entries."""

    object: str
    pattern: str = "**"
    excepts: tuple[str, ...] = ()
    types: tuple[str, ...] = _TYPES
    owner: str | None = None
    group: str | None = None
    mode: str | None = None
    acls: tuple[str, ...] = ()
    context: Context | None = None

    def check_for_file(self) -> None:
        """Raise AppSpecError when the entry names a file but speaks of a directory's members."""
        if self.pattern != "**":
            raise AppSpecError(
                f"The deployment failed because the application specification file includes an object "
                f"({self.object}) with an invalid pattern ({self.pattern}), such as a pattern for a file applied "
                "to a directory. Correct the permissions section of the AppSpec file, and then try again."
            )
        if self.excepts:
            raise AppSpecError(
                f"The deployment failed because the except parameter for a pattern in the permissions section "
                f"({list(self.excepts)}) for the object named {self.object} contains an invalid format. "
                "Update the AppSpec file, and then try again."
            )
        if any(acl.startswith(("d:", "default:")) for acl in self.acls):
            raise AppSpecError(
                "The deployment failed because the -d parameter has been specified to apply an acl setting to a "
                "file. This parameter is supported for directories only. Update the AppSpec file, and then try again."
            )

    def covers(self, relative: str) -> bool:
        """Whether a path relative to the object is meant; a pattern other than `**` reaches one level only."""
        wanted = self.pattern == "**" or _glob(relative, self.pattern)
        return wanted and not any(_glob(relative, pattern) for pattern in self.excepts)


@dataclass(frozen=True, slots=True)
class AppSpec:
    """A whole file. `hooks` keeps the file's order of scripts in each event."""

    os: str
    files: tuple[FileMapping, ...] = ()
    permissions: tuple[Permission, ...] = ()
    hooks: Mapping[str, tuple[Hook, ...]] = field(default_factory=dict)
    file_exists_behavior: str | None = None
    version: float = 0.0

    def is_noop(self, event: str) -> bool:
        """Whether the event has no script in this file."""
        return not self.hooks.get(event)


def parse(text: str, *, os: str = "linux") -> AppSpec:
    """The file's facts for a host of that operating system; AppSpecError says why it cannot be deployed."""
    if len(text) > LARGEST:
        raise AppSpecError("The AppSpec file is larger than 1 MB")
    try:
        tree = yaml.load(text, Loader=BoundedLoader)
    except (yaml.YAMLError, ValueError) as error:
        raise AppSpecError(f"The AppSpec file is not valid YAML: {_first_line(error)}") from error
    except RecursionError as error:
        raise AppSpecError("The AppSpec file is not valid YAML: it is nested too deeply") from error
    if not isinstance(tree, dict):
        raise AppSpecError("The AppSpec file is not valid YAML: a mapping is expected at its top")
    _check_version(tree.get("version"))
    return AppSpec(
        os=_os(tree.get("os"), os),
        files=tuple(_file(entry) for entry in _entries(tree.get("files"), "files")),
        permissions=tuple(_permission(entry, os) for entry in _entries(tree.get("permissions"), "permissions")),
        hooks=_hooks(tree.get("hooks")),
        file_exists_behavior=_behavior(tree.get("file_exists_behavior")),
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _check_version(version: Any) -> None:
    if isinstance(version, bool) or not isinstance(version, (int, float)) or version != 0:
        raise AppSpecError(
            f"The deployment failed because an invalid version value ({_shown(version)}) was entered in the "
            'application specification file. Make sure your AppSpec file specifies "0.0" as the version, and then '
            "try again."
        )


def _os(value: Any, host: str) -> str:
    if not isinstance(value, str) or value != host:
        raise AppSpecError(
            "The deployment failed because the application specification file specifies an unsupported operating "
            f'system ({_shown(value)}). Specify either "linux" or "windows" in the os section of the AppSpec file, '
            "and then try again."
        )
    return value


def _behavior(value: Any) -> str | None:
    if value is None:
        return None
    if value not in FILE_EXISTS_BEHAVIORS:
        raise AppSpecError(
            "The deployment failed because an invalid option was specified for file_exists_behavior: "
            f"{_shown(value)}. Valid options include OVERWRITE, RETAIN, and DISALLOW."
        )
    return str(value)


def _entries(value: Any, section: str) -> Sequence[Mapping[str, Any]]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise AppSpecError(f"The {section} section of the AppSpec file must be a list of mappings")
    return value


def _file(entry: Mapping[str, Any]) -> FileMapping:
    source, destination = _text(entry.get("source")), _text(entry.get("destination"))
    if not source or not destination:
        missing = "source" if not source else "destination"
        raise AppSpecError(
            "The deployment failed because the application specification file specifies a file with no "
            f"{missing}. Update the files section of the AppSpec file, and then try again."
        )
    return FileMapping(source, destination)


def _hooks(value: Any) -> dict[str, tuple[Hook, ...]]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise AppSpecError("The hooks section of the AppSpec file must map lifecycle events to lists of scripts")
    return {
        str(event): tuple(_hook(entry) for entry in _entries(scripts or None, str(event)))
        for event, scripts in value.items()
        if scripts != ""
    }


def _hook(entry: Mapping[str, Any]) -> Hook:
    location = _text(entry.get("location"))
    if not location:
        raise AppSpecError(
            "The deployment failed because the application specification file specifies a script with no location "
            "value. Specify the location in the hooks section of the AppSpec file, and then try again."
        )
    return Hook(
        location,
        _timeout(entry.get("timeout"), location),
        _text(entry.get("runas")) or None,
        _true(entry.get("sudo")),
    )


def _timeout(value: Any, location: str) -> int:
    if value is None:
        return DEFAULT_TIMEOUT_S
    try:
        seconds = int(str(value).strip())
    except ValueError:
        seconds = 0
    if seconds <= 0 or isinstance(value, bool):
        raise AppSpecError(
            f"The deployment failed because an invalid timeout value was provided for a script ({location}) in the "
            "application specification file. Make corrections in the hooks section of the AppSpec file, and then "
            "try again."
        )
    return min(seconds, EVENT_LIMIT_S)


def _permission(entry: Mapping[str, Any], os: str) -> Permission:
    name = _text(entry.get("object"))
    if not name:
        raise AppSpecError(
            "The deployment failed because a permission listed in the application specification file has no object "
            "value. Update the permissions section of the AppSpec file, and then try again."
        )
    if os != "linux":
        raise AppSpecError(
            "The deployment failed because the application specification file specifies file permissions, but the "
            "deployment is targeting one or more Windows Server instances. Update the permissions section of the "
            "AppSpec file, and then try again."
        )
    return Permission(
        object=name,
        pattern=_text(entry.get("pattern")) or "**",
        excepts=_strings(entry.get("except"), "except"),
        types=_types(entry.get("type")),
        owner=_text(entry.get("owner")) or None,
        group=_text(entry.get("group")) or None,
        mode=_mode(entry.get("mode")),
        acls=_acls(entry.get("acls")),
        context=_context(entry.get("context")),
    )


def _strings(value: Any, section: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise AppSpecError(f"The {section} value of a permission in the AppSpec file must be a list")
    return tuple(_text(item) for item in value)


def _types(value: Any) -> tuple[str, ...]:
    types = _strings(value, "type") if value is not None else _TYPES
    for kind in types:
        if kind not in _TYPES:
            raise AppSpecError(
                "The deployment failed because the application specification file specifies a permission for an "
                f"object type not supported for permissions ({kind}). Update the permissions section of the AppSpec "
                "file, and then try again."
            )
    return types


def _mode(value: Any) -> str | None:
    if value is None:
        return None
    digits = str(value).strip()
    if not digits or len(digits) > _PERMISSION_BITS or not set(digits) <= set("01234567"):
        raise AppSpecError(
            f"The deployment failed because the mode {_shown(value)} of a permission is not up to four octal digits. "
            "Update the permissions section of the AppSpec file, and then try again."
        )
    return digits


def _acls(value: Any) -> tuple[str, ...]:
    acls = _strings(value, "acls")
    for acl in acls:
        if not acl or acl.startswith("-") or not set(acl) <= _ACL_CHARACTERS or not 1 <= acl.count(":") <= 3:
            raise AppSpecError(
                f"The deployment failed because the acl {_shown(acl)} of a permission has an invalid format. Update "
                "the permissions section of the AppSpec file, and then try again."
            )
    return acls


def _context(value: Any) -> Context | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not _text(value.get("type")):
        raise AppSpecError(
            "The deployment failed because the context of a permission has no type. Update the permissions section "
            "of the AppSpec file, and then try again."
        )
    return Context(_text(value["type"]), _text(value.get("user")) or None, _text(value.get("range")) or None)


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _true(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def _shown(value: Any) -> str:
    return "" if value is None else str(value)[:100]


def _glob(name: str, pattern: str) -> bool:
    """Match with `*` as the only wildcard; a name with a slash matches nothing."""
    return "/" not in name and starred(pattern)(name)


_ACL_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.@-+$ ")
