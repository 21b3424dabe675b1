"""The things of an organization, and the pure rules of their names. Ids look like AWS's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from codeyard.contract import Ids
from codeyard.storage import dumps

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
SCP = "SERVICE_CONTROL_POLICY"
FULL_ACCESS = "p-FullAWSAccess"
FULL_ACCESS_TEXT = dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})

# AWS's default quotas.
ATTACHED, POLICY_SIZE, DEPTH, ACCOUNTS = 5, 5120, 5, 10


class Accounts(Protocol):
    """Opens accounts: IAM's side of it."""

    def open_member(self, tx: Any, account: str, name: str, management: str, role_name: str) -> None:
        """Open an account with a role by which the management account administers it."""


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization; `scp` says whether service control policies count."""

    id: str
    management: str
    root: str
    scp: bool
    features: str
    created: int

    @property
    def arn(self) -> str:
        """Its ARN."""
        return self.arn_of("organization", "")

    def arn_of(self, kind: str, name: str) -> str:
        """The ARN of one of its things."""
        return f"arn:aws:organizations::{self.management}:{kind}/{self.id}" + (f"/{name}" if name else "")


@dataclass(frozen=True, slots=True)
class Unit:
    """An organizational unit."""

    id: str
    org: str
    parent: str
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """An account of an organization."""

    account: str
    org: str
    parent: str
    name: str
    email: str
    method: str
    joined: int


@dataclass(frozen=True, slots=True)
class Policy:
    """A service control policy."""

    id: str
    org: str
    name: str
    description: str
    content: str


FULL = Policy(FULL_ACCESS, "", "FullAWSAccess", "Allows access to every operation", FULL_ACCESS_TEXT)


def fresh(ids: Ids, prefix: str, length: int) -> str:
    """A new id."""
    return f"{prefix}-{ids.token(length, LETTERS)}"


def account_number(ids: Ids) -> str:
    """A new account's number."""
    return ids.token(1, "123456789") + ids.token(11, "0123456789")


def policy_arn(org: Organization, policy_id: str) -> str:
    """A policy's ARN; AWS's own belongs to nobody."""
    if policy_id == FULL_ACCESS:
        return f"arn:aws:organizations::aws:policy/service_control_policy/{policy_id}"
    return f"arn:aws:organizations::{org.management}:policy/{org.id}/service_control_policy/{policy_id}"


def path(org: Organization, parents: Sequence[str]) -> str:
    """Where something stands: `o-…/r-…/ou-…/`."""
    return "/".join((org.id, *parents)) + "/"
