"""Keys, their material, aliases and grants, and the rules of their states. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from codeyard.contract import AwsError
from codeyard.formats.moments import moment
from codeyard.platform.kms.errors import bad_state, disabled, invalid, limit, unsupported
from codeyard.platform.kms.specs import OLDER, SPECS, SYMMETRIC, Spec, algorithms_of

DAY = 86_400 * 1_000_000
ENABLED, DISABLED, DELETING, WAITING = "Enabled", "Disabled", "PendingDeletion", "PendingImport"
CURRENT, FORMER, COMING = "CURRENT", "NON_CURRENT", "PENDING_ROTATION"
OWN, EXTERNAL = "AWS_KMS", "EXTERNAL"
MAX_TAGS = 50
MAX_ALIASES = 50
MAX_GRANTS = 50_000
MAX_ROTATIONS = 25
MAX_CONTEXT = 8192
DEFAULT_ROTATION_DAYS = 365


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its material. Times in microseconds; 0 where there is none; `manager` is CUSTOMER or AWS."""

    id: str
    account: str
    region: str
    description: str
    usage: str
    spec: str
    origin: str
    manager: str
    state: str
    policy: str
    tags: Mapping[str, str]
    created: int
    deletion_at: int = 0
    deletion_days: int = 0
    rotation_days: int = 0
    rotation_at: int = 0
    current: str = ""
    expires: int = 0

    @property
    def arn(self) -> str:
        """The key's ARN."""
        return f"arn:aws:kms:{self.region}:{self.account}:key/{self.id}"

    @property
    def kind(self) -> Spec:
        """The key's spec."""
        return SPECS[self.spec]

    @property
    def symmetric(self) -> bool:
        """Whether it is a symmetric encryption key."""
        return self.spec == SYMMETRIC


@dataclass(frozen=True, slots=True)
class Material:
    """One generation of a key's material; `sealed` is empty for imported material that is gone."""

    key_id: str
    id: str
    number: int
    sealed: bytes
    state: str
    created: int
    rotation: str = ""
    description: str = ""
    expires: int = 0


@dataclass(frozen=True, slots=True)
class Alias:
    """A name for a key."""

    account: str
    region: str
    name: str
    key_id: str
    created: int
    updated: int

    @property
    def arn(self) -> str:
        """The alias's ARN."""
        return f"arn:aws:kms:{self.region}:{self.account}:{self.name}"


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission to use a key that stands beside its policy. Principals are ARNs or service host names."""

    id: str
    key_id: str
    grantee: str
    retiring: str
    operations: tuple[str, ...]
    constraints: Mapping[str, Any]
    name: str
    issuer: str
    created: int


@dataclass(frozen=True, slots=True)
class Found:
    """A key as a request found it: with the names and grants that decide who may use it."""

    key: Key
    aliases: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = field(default=())


def check_usable(key: Key) -> None:
    """Raise what AWS answers where a key's state does not let it be used."""
    if key.state == DISABLED:
        raise disabled(key.arn)
    check_not(key, DELETING, WAITING)


def check_not(key: Key, *states: str) -> None:
    """Raise KMSInvalidStateException for a key in one of these states."""
    if key.state in states:
        said = {DELETING: "is pending deletion.", WAITING: "is pending import.", DISABLED: "is disabled."}
        raise bad_state(f"{key.arn} {said[key.state]}")


def check_rotates(key: Key) -> None:
    """Raise where a key's material cannot be rotated by the service."""
    if not key.symmetric:
        raise unsupported(f"{key.arn} is not a symmetric encryption key: its material can't be rotated.")


def metadata(key: Key) -> dict[str, Any]:
    """A key's facts as DescribeKey and CreateKey tell them."""
    found: dict[str, Any] = {
        "AWSAccountId": key.account,
        "KeyId": key.id,
        "Arn": key.arn,
        "CreationDate": moment(key.created),
        "Enabled": key.state == ENABLED,
        "Description": key.description,
        "KeyUsage": key.usage,
        "KeyState": key.state,
        "Origin": key.origin,
        "KeyManager": key.manager,
        "KeySpec": key.spec,
        "MultiRegion": False,
        **algorithms_of(key.kind, key.usage),
    }
    if key.spec in OLDER:
        found["CustomerMasterKeySpec"] = key.spec
    if key.deletion_at:
        found["DeletionDate"] = moment(key.deletion_at)
    if key.symmetric and key.current:
        found["CurrentKeyMaterialId"] = key.current
    if key.origin == EXTERNAL and key.current:
        found["ExpirationModel"] = "KEY_MATERIAL_EXPIRES" if key.expires else "KEY_MATERIAL_DOES_NOT_EXPIRE"
    if key.expires:
        found["ValidTo"] = moment(key.expires)
    return found


def tags_of(given: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags as a mapping; TagException for a reserved, empty or doubled key or too many."""
    pairs = [(tag["TagKey"], tag["TagValue"]) for tag in given]
    tags = dict(pairs)
    if len(tags) != len(pairs):
        raise AwsError("TagException", "Duplicate tag keys")
    for key in tags:
        if key.lower().startswith("aws:"):
            raise AwsError("TagException", "Tags beginning with aws: are reserved")
    check_tags(tags)
    return tags


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise where a key would have too many tags."""
    if len(tags) > MAX_TAGS:
        raise limit("Too many tags")


def check_context(context: Mapping[str, str]) -> None:
    """Raise for an encryption context beyond KMS's size."""
    if sum(len(key.encode()) + len(value.encode()) for key, value in context.items()) > MAX_CONTEXT:
        raise invalid(f"The encryption context may hold at most {MAX_CONTEXT} bytes.")


def shown_grant(grant: Grant, key_arn: str) -> dict[str, Any]:
    """A grant as the listings tell it."""
    found: dict[str, Any] = {
        "KeyId": key_arn,
        "GrantId": grant.id,
        "CreationDate": moment(grant.created),
        "IssuingAccount": f"arn:aws:iam::{grant.issuer}:root",
        "Operations": list(grant.operations),
    }
    if grant.name:
        found["Name"] = grant.name
    if grant.constraints:
        found["Constraints"] = dict(grant.constraints)
    for member, principal in (("Grantee", grant.grantee), ("Retiring", grant.retiring)):
        if principal:
            found[f"{member}{'Principal' if principal.startswith('arn:') else 'ServicePrincipal'}"] = principal
    return found
