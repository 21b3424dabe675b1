"""Makes a host known: an IAM user of its own, its registration and tags, and the files that its agent starts from."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from codeyard.agent.client import CommandClient
from codeyard.agent.config import Config, Keys

# call(service, operation, params) -> answer: a signed API call as whoever may enrol hosts
Call = Callable[[str, str, dict[str, Any]], dict[str, Any]]
_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,59}")
USER_PATH = "/codeyard/hosts/"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A host that was made known. `config` is what its agent is started with."""

    name: str
    user_arn: str
    config: Path
    root_directory: Path | None


def enrol(
    call: Call,
    name: str,
    tags: Mapping[str, str],
    *,
    endpoint: str,
    region: str,
    folder: Path,
    buckets: Sequence[str] = (),
    ca: Path | None = None,
    local: bool = True,
) -> Enrolled:
    """Register a host and write its agent's files into `folder`.

    `buckets` are those whose bundles the host may fetch (all of the account when none is named). A `local` host lives
    in its own directory, `folder`/root, beside others on one machine. Nothing is left behind when a step is refused.
    """
    if not _NAME.fullmatch(name) or name.startswith("i-"):
        raise ValueError(
            f"{name!r} is not a name for a host: 1 to 59 of A-Z a-z 0-9 + = , . @ _ -, not beginning with i-"
        )
    undo: list[tuple[str, str, dict[str, Any]]] = []
    try:
        user_arn, keys = _make_user(call, name, buckets, undo)
        _register(call, name, user_arn, tags, undo)
        config = _write_files(folder, user_arn, keys, endpoint, region, ca, local)
    except BaseException:
        for service, operation, params in reversed(undo):
            call(service, operation, params)
        raise
    return Enrolled(name, user_arn, config, folder / "root" if local else None)


def withdraw(call: Call, name: str) -> None:
    """Deregister a host and delete its IAM user with its keys."""
    call("codedeploy", "DeregisterOnPremisesInstance", {"instanceName": name})
    user = {"UserName": user_name(name)}
    for key in call("iam", "ListAccessKeys", user).get("AccessKeyMetadata", []):
        call("iam", "DeleteAccessKey", {**user, "AccessKeyId": key["AccessKeyId"]})
    call("iam", "DeleteUserPolicy", {**user, "PolicyName": "bundles"})
    call("iam", "DeleteUser", user)


def user_name(name: str) -> str:
    """The IAM user that a host's agent calls as."""
    return f"host-{name}"


def bundle_policy(buckets: Sequence[str]) -> str:
    """What a host may do: fetch bundles. Its registration alone lets it poll for commands."""
    names = [f"arn:aws:s3:::{bucket}/*" for bucket in buckets] or ["arn:aws:s3:::*/*"]
    statement = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": names}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _make_user(
    call: Call, name: str, buckets: Sequence[str], undo: list[tuple[str, str, dict[str, Any]]]
) -> tuple[str, Keys]:
    user = {"UserName": user_name(name)}
    made = call("iam", "CreateUser", {**user, "Path": USER_PATH})
    undo.append(("iam", "DeleteUser", user))
    policy = {**user, "PolicyName": "bundles"}
    call("iam", "PutUserPolicy", {**policy, "PolicyDocument": bundle_policy(buckets)})
    undo.append(("iam", "DeleteUserPolicy", policy))
    key = call("iam", "CreateAccessKey", user)["AccessKey"]
    undo.append(("iam", "DeleteAccessKey", {**user, "AccessKeyId": key["AccessKeyId"]}))
    return made["User"]["Arn"], Keys(key["AccessKeyId"], key["SecretAccessKey"])


def _register(
    call: Call, name: str, user_arn: str, tags: Mapping[str, str], undo: list[tuple[str, str, dict[str, Any]]]
) -> None:
    call("codedeploy", "RegisterOnPremisesInstance", {"instanceName": name, "iamUserArn": user_arn})
    undo.append(("codedeploy", "DeregisterOnPremisesInstance", {"instanceName": name}))
    if tags:
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        call("codedeploy", "AddTagsToOnPremisesInstances", {"instanceNames": [name], "tags": pairs})


def _write_files(
    folder: Path, identifier: str, keys: Keys, endpoint: str, region: str, ca: Path | None, local: bool
) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    secret = {"access_key_id": keys.access_key_id, "secret_access_key": keys.secret_access_key}
    _write(folder / "keys.yml", yaml.safe_dump(secret), 0o600)
    tree: dict[str, Any] = {
        "endpoint": endpoint,
        "region": region,
        "host_identifier": identifier,
        "keys_file": "keys.yml",
        "home": "agent",
        "signer_certificate": "signer.pem",
    }
    if local:
        (folder / "root").mkdir(exist_ok=True)
        tree |= {"root_directory": "root", "poll_seconds": 0.25}
    if ca is not None:
        tree["ca"] = str(ca.resolve())
    _write(folder / "signer.pem", _certificate(folder, identifier, endpoint, region, ca), 0o644)
    _write(folder / "agent.yml", yaml.safe_dump(tree, sort_keys=False), 0o644)
    return folder / "agent.yml"


def _certificate(folder: Path, identifier: str, endpoint: str, region: str, ca: Path | None) -> str:
    """The signer that the host will trust from now on, asked for as the host itself."""
    client = CommandClient(
        Config(endpoint.rstrip("/"), region, identifier, folder / "keys.yml", folder / "agent", "", ca=ca)
    )
    try:
        return str(client.call("GetSigningCertificate", HostIdentifier=identifier)["Certificate"])
    finally:
        client.close()


def _write(path: Path, text: str, mode: int) -> None:
    aside = path.with_name(path.name + ".new")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    aside.replace(path)
