"""The things of IAM and their pure rules: names, ARNs, ids, quotas."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from codeyard.contract import AwsError, Ids
from codeyard.platform.iam import errors

UNIQUE = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
SECRET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

# AWS's default quotas.
ACCESS_KEYS_PER_USER = 2
CREDENTIALS_PER_SERVICE = 2
SSH_KEYS_PER_USER = 5
GROUPS_PER_USER = 10
ATTACHED_POLICIES = 10
POLICY_VERSIONS = 5
MANAGED_POLICY_SIZE = 6144
TRUST_POLICY_SIZE = 2048
TAGS = 50
MFA_DEVICES_PER_USER = 8
SIGNING_CERTIFICATES_PER_USER = 2
SERVER_CERTIFICATES = 20
OIDC_PROVIDERS, OIDC_CLIENTS, OIDC_THUMBPRINTS = 100, 100, 5
USERS, GROUPS, ROLES, POLICIES, INSTANCE_PROFILES = 5000, 300, 1000, 1500, 1000
INLINE_SIZE: Mapping[str, int] = {"user": 2048, "group": 5120, "role": 10240}

Tags = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class User:
    """An IAM user. `password` is a scrypt hash, empty without a login profile."""

    id: str
    account: str
    name: str
    path: str
    created: int
    boundary: str
    tags: Tags
    password: str = ""
    password_created: int = 0
    password_reset: bool = False
    password_used: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """An IAM group."""

    id: str
    account: str
    name: str
    path: str
    created: int


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role; `trust` is its trust policy as it was put."""

    id: str
    account: str
    name: str
    path: str
    created: int
    boundary: str
    tags: Tags
    trust: str
    description: str
    max_session: int
    used: int = 0
    used_region: str = ""


@dataclass(frozen=True, slots=True)
class ManagedPolicy:
    """A managed policy without its documents. `account` is `aws` for AWS's own."""

    id: str
    account: str
    name: str
    path: str
    arn: str
    description: str
    default_version: int
    created: int
    updated: int
    tags: Tags = ()


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One document of a managed policy."""

    number: int
    document: str
    created: int


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A user's access key; `secret` is sealed."""

    id: str
    user_id: str
    account: str
    status: str
    secret: bytes
    created: int
    used: int = 0
    used_service: str = ""
    used_region: str = ""


@dataclass(frozen=True, slots=True)
class ServiceCredential:
    """A user name and password for one service, such as Git over HTTPS; `password` is a scrypt hash."""

    id: str
    user_id: str
    service: str
    user_name: str
    password: str
    status: str
    created: int


@dataclass(frozen=True, slots=True)
class SshKey:
    """A user's SSH public key."""

    id: str
    user_id: str
    body: str
    fingerprint: str
    status: str
    uploaded: int


def ssh_fingerprint(key: bytes) -> str:
    """The MD5 fingerprint of an SSH key as OpenSSH encodes it, in AWS's form."""
    return hashlib.md5(key, usedforsecurity=False).digest().hex(":")


@dataclass(frozen=True, slots=True)
class SigningCertificate:
    """A user's X.509 signing certificate."""

    id: str
    user_id: str
    body: str
    status: str
    uploaded: int


@dataclass(frozen=True, slots=True)
class InstanceProfile:
    """A container for a role; `role_id` is empty while it holds none."""

    id: str
    account: str
    name: str
    path: str
    created: int
    role_id: str
    tags: Tags


def arn(kind: str, account: str, path: str, name: str) -> str:
    """The ARN of a user, group, role, policy or instance-profile."""
    return f"arn:aws:iam::{account}:{kind}{path}{name}"


def provider_arn(account: str, url: str) -> str:
    """The ARN of the OIDC provider of an issuer, which is told without its scheme."""
    return arn("oidc-provider", account, "/", url)


def session_arn(account: str, role_name: str, session_name: str) -> str:
    """The ARN of a role session."""
    return f"arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}"


def unique_id(ids: Ids, prefix: str) -> str:
    """A fresh unique id, AIDA… or the like."""
    return prefix + ids.token(17, UNIQUE)


def access_key_id(ids: Ids, prefix: str, account: str) -> str:
    """A fresh access key id; like AWS's own it carries the account's number."""
    body = bytearray((1 << 47 | int(account or "0") << 7).to_bytes(6, "big") + ids.bytes(4))
    body[5] |= ids.bytes(1)[0] & 0x7F
    return prefix + base64.b32encode(bytes(body)).decode("ascii")


def account_of_key(key_id: str) -> str | None:
    """The account that an access key id carries, or None when it is not one."""
    if not re.fullmatch(r"[A-Z]{4}[A-Z2-7]{16}", key_id):
        return None
    number = int.from_bytes(base64.b32decode(key_id[4:])[:6], "big")
    return f"{(number & 0x7FFFFFFFFF80) >> 7:012d}"


def size(document: str) -> int:
    """A policy's length as quotas count it: without white space."""
    return sum(not char.isspace() for char in document)


def merged_tags(old: Tags, new: Iterable[tuple[str, str]]) -> Tags:
    """Tags with others put over them; keys differ by more than case. Raises beyond the quota."""
    found = {key.lower(): (key, value) for key, value in old}
    for key, value in checked_tags(new):
        found[key.lower()] = (key, value)
    if len(found) > TAGS:
        raise errors.limit("TagsPerResource", TAGS)
    return tuple(found.values())


def checked_tags(tags: Iterable[tuple[str, str]]) -> Tags:
    """The tags, unless they are reserved, doubled or too many."""
    found = tuple(tags)
    keys = [key.lower() for key, _ in found]
    if len(set(keys)) != len(keys):
        raise errors.invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(key.startswith("aws:") for key in keys):
        raise errors.invalid("Tag keys starting with 'aws:' are reserved for system use.")
    if len(found) > TAGS:
        raise errors.limit("TagsPerResource", TAGS)
    return found


def without_tags(old: Tags, keys: Iterable[str]) -> Tags:
    """The tags that are left."""
    gone = {key.lower() for key in keys}
    return tuple((key, value) for key, value in old if key.lower() not in gone)


def request_tags(listed: Iterable[Mapping[str, str]]) -> Tags:
    """Tags as a request gives them."""
    return tuple((one["Key"], one["Value"]) for one in listed)


def check_size(document: str, most: int, error: AwsError) -> None:
    """Refuse a document beyond its quota."""
    if size(document) > most:
        raise error
