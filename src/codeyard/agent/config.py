"""What an agent is told: a YAML file, written at enrolment, and a file with its keys that nobody else may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

GIB = 1 << 30


class ConfigError(ValueError):
    """The configuration cannot be used; the message says what to mend."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The host's own credentials."""

    access_key_id: str
    secret_access_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        return f"Keys({self.access_key_id})"


@dataclass(frozen=True, slots=True)
class Config:
    """One host's agent.

    `home` holds the agent's state (deployment-root). With `root_directory` set, every destination of an AppSpec and
    every permission's object is taken inside that directory, so that several hosts live on one machine; hooks find it
    in CODEYARD_HOST_ROOT. Without it the host is the machine, as with AWS's agent.
    """

    endpoint: str
    region: str
    host_identifier: str
    keys_file: Path
    home: Path
    signer_certificate: str
    root_directory: Path | None = None
    ca: Path | None = None
    poll_seconds: float = 1.0
    max_revisions: int = 5
    max_bundle_bytes: int = 4 * GIB
    max_unpacked_bytes: int = 16 * GIB

    @property
    def deployment_root(self) -> Path:
        """Where archives, logs and instructions of deployments are kept."""
        return self.home / "deployment-root"

    def keys(self) -> Keys:
        """The credentials; read anew each time, so that they can be changed under a running agent."""
        return read_keys(self.keys_file)


def load(path: Path) -> Config:
    """The configuration in a file; relative paths in it are relative to its folder."""
    try:
        tree = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} is not a YAML mapping")
    return _config(tree, path.resolve().parent)


def _config(tree: Mapping[str, Any], folder: Path) -> Config:
    def given(name: str) -> str:
        value = tree.get(name)
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{name} is missing from the agent's configuration")
        return value

    def path(name: str) -> Path | None:
        return folder / given(name) if tree.get(name) else None

    home, keys = path("home"), path("keys_file")
    certificate = folder / given("signer_certificate")
    if not certificate.is_file():
        raise ConfigError("signer_certificate names no file; enrol the host again to fetch it")
    return Config(
        endpoint=given("endpoint").rstrip("/"),
        region=given("region"),
        host_identifier=given("host_identifier"),
        keys_file=keys or folder / "keys.yml",
        home=home or folder,
        signer_certificate=certificate.read_text(),
        root_directory=path("root_directory"),
        ca=path("ca"),
        **{name: _number(tree, name, default) for name, default in _NUMBERS.items()},
    )


_NUMBERS: dict[str, Any] = {
    "poll_seconds": 1.0,
    "max_revisions": 5,
    "max_bundle_bytes": 4 * GIB,
    "max_unpacked_bytes": 16 * GIB,
}


def _number(tree: Mapping[str, Any], name: str, default: Any) -> Any:
    value = tree.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise ConfigError(f"{name} must be a number above 0")
    return value


def read_keys(path: Path) -> Keys:
    """The keys file: access_key_id, secret_access_key and, for sessions, session_token."""
    try:
        tree = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"the keys file {path} cannot be read") from error
    if not isinstance(tree, dict) or not tree.get("access_key_id") or not tree.get("secret_access_key"):
        raise ConfigError(f"{path} needs access_key_id and secret_access_key")
    names = ("access_key_id", "secret_access_key", "session_token")
    return Keys(*(str(tree.get(name) or "") for name in names))
