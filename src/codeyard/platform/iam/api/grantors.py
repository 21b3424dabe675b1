"""The policies that users, groups and roles hold, each with where it comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from codeyard.contract import Context
from codeyard.platform.iam import errors
from codeyard.platform.iam.api.base import Answer, find_group, find_role, find_user
from codeyard.platform.iam.managed import AwsManaged
from codeyard.platform.iam.model import Group, ManagedPolicy, Role, User
from codeyard.platform.iam.store import entities, policies
from codeyard.storage import Tx

_ARN = re.compile(r"arn:aws:iam::(\d{12}|aws):(user|group|role|policy)/(?:.*/)?([\w+=,.@-]+)")


@dataclass(frozen=True, slots=True)
class Grantor:
    """A policy of an entity; `arn` is empty for an inline one."""

    name: str
    arn: str
    text: str
    owner_kind: str
    owner_name: str

    def answer(self) -> Answer:
        """As ListPoliciesGrantingServiceAccess tells it."""
        if self.arn:
            return {"PolicyName": self.name, "PolicyType": "MANAGED", "PolicyArn": self.arn}
        return {
            "PolicyName": self.name,
            "PolicyType": "INLINE",
            "EntityType": self.owner_kind,
            "EntityName": self.owner_name,
        }


def entity_named(
    tx: Tx, aws: AwsManaged, ctx: Context, arn: str, *, policy: bool
) -> User | Group | Role | ManagedPolicy:
    """The user, group, role or (if asked) managed policy of an ARN; NoSuchEntity, or InvalidInput for another's."""
    named = _ARN.fullmatch(arn)
    if named is None or (named.group(2) == "policy" and not policy):
        raise errors.invalid(f"Invalid ARN: {arn}")
    account, kind, name = named.groups()
    if kind == "policy":
        found = aws.policies.get(arn) or policies.managed(tx, arn)
        if found is None or found.account not in ("aws", ctx.account):
            raise errors.no_such_policy(arn)
        return found
    if account != ctx.account:
        raise errors.no_such(f"ARN {arn} is not found.")
    if kind == "group":
        return find_group(tx, ctx, name)
    return find_user(tx, ctx, name) if kind == "user" else find_role(tx, ctx, name)


def grantors(tx: Tx, aws: AwsManaged, thing: User | Group | Role | ManagedPolicy) -> list[Grantor]:
    """Every policy that counts for a thing: its own, and for a user those of its groups."""
    if isinstance(thing, ManagedPolicy):
        return [Grantor(thing.name, thing.arn, _document(tx, aws, thing.arn), "", "")]
    owners: list[User | Group | Role] = [thing]
    if isinstance(thing, User):
        owners += entities.groups_of(tx, thing.id)
    found: dict[str, Grantor] = {}
    for owner in owners:
        kind = type(owner).__name__.upper()
        for _, name, text in policies.inline_policies(tx, [owner.id]):
            found[f"{owner.id}/{name}"] = Grantor(name, "", text, kind, owner.name)
        for _, arn in policies.attached(tx, [owner.id]):
            found[arn] = Grantor(arn.rpartition("/")[2], arn, _document(tx, aws, arn), kind, owner.name)
    return list(found.values())


def _document(tx: Tx, aws: AwsManaged, arn: str) -> str:
    return aws.document(arn) or policies.default_documents(tx, [arn]).get(arn, "")
