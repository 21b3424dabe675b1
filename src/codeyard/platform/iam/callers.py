"""Principals with the policies and keys that bind them, looked up live and kept until something changes."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from codeyard.contract import AwsError, Principal
from codeyard.platform.iam import linked, model
from codeyard.platform.iam.managed import AwsManaged
from codeyard.platform.iam.model import Role, Tags, User
from codeyard.platform.iam.passwordpolicy import SETTING, PasswordPolicy
from codeyard.platform.iam.policy import Caller, Document, Identity, PolicySet, Statement, compile_policy, parse
from codeyard.platform.iam.policy.compile import Rule
from codeyard.platform.iam.policy.document import Kind
from codeyard.platform.iam.policy.request import Values
from codeyard.platform.iam.sessions import SessionPrincipal
from codeyard.platform.iam.store import entities, policies, settings
from codeyard.platform.iam.webidentity import WebIdentity
from codeyard.storage import Database, Tx

K = TypeVar("K")
V = TypeVar("V")

# The texts of service control policies, level by level from the root down to an account; None where nothing bounds it.
Guardrails = Callable[[Tx, str], tuple[tuple[str, ...], ...] | None]

_TYPES: Mapping[str, str] = {
    "root": "Account",
    "user": "User",
    "role": "AssumedRole",
    "federated": "FederatedUser",
    "webidentity": "WebIdentityUser",
    "service": "Service",
    "anonymous": "Anonymous",
}
# What AllowUsersToChangePassword gives to every user of an account.
_OWN_PASSWORD = (
    "AccountPasswordPolicy",
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ChangePassword",'
    '"Resource":"arn:aws:iam::*:user/${aws:username}"},'
    '{"Effect":"Allow","Action":"iam:GetAccountPasswordPolicy","Resource":"*"}]}',
)
_NOTHING = Document("2012-10-17", (Statement("", "Deny", actions=("*",)),))


class Kept:
    """A bounded cache that is emptied at every change; what was read before a change is never kept after it."""

    def __init__(self, bound: int = 8192) -> None:
        self._bound, self._generation = bound, 0
        self._found: dict[object, object] = {}

    def drop(self) -> None:
        """Forget everything."""
        self._generation += 1
        self._found = {}

    def get(self, key: K, make: Callable[[], V | None]) -> V | None:
        """The value of a key, made when it is not there; None is not kept."""
        found = self._found.get(key)
        if found is not None:
            return found  # type: ignore[return-value]
        generation, place = self._generation, self._found
        made = make()
        if made is not None and generation == self._generation:
            if len(place) >= self._bound:
                place.clear()
            place[key] = made
        return made


class Compiler:
    """Policy texts to rules and sets, each text once. A stored text that cannot be read denies everything."""

    def __init__(self) -> None:
        self.rules = lru_cache(maxsize=4096)(self._rules)
        self.resource = lru_cache(maxsize=1024)(self._resource)

    @staticmethod
    def _rules(text: str, kind: Kind = "identity", source: str = "") -> tuple[Rule, ...]:
        try:
            return compile_policy(parse(text, kind), source)
        except AwsError:
            return compile_policy(_NOTHING, source)

    def _resource(self, text: str) -> PolicySet:
        try:
            return PolicySet([compile_policy(parse(text, "resource"))])
        except AwsError:
            everyone = Statement("", "Deny", actions=("*",), principals=(("AWS", "*"),))
            return PolicySet([compile_policy(Document("2012-10-17", (everyone,)))])


@dataclass(frozen=True, slots=True)
class Holdings:
    """The policy texts that an entity holds: (source, document) pairs, and the boundary's."""

    documents: tuple[tuple[str, str], ...]
    boundary: tuple[str, str] | None
    tags: Tags = ()


@dataclass(frozen=True, slots=True)
class Bound:
    """A principal ready to be decided upon."""

    caller: Caller
    keys: Mapping[str, Values]
    entity: User | Role | None


class Callers:
    """Finds what binds a principal."""

    def __init__(
        self,
        db: Database,
        aws: AwsManaged,
        compiler: Compiler,
        guardrails: Guardrails = lambda tx, account: None,
    ) -> None:
        self._db, self._aws, self._compiler, self._guardrails = db, aws, compiler, guardrails
        self._kept = Kept()
        self._nobody = PolicySet()

    def drop(self) -> None:
        """Something in IAM changed."""
        self._kept.drop()

    def bound(self, principal: Principal) -> Bound:
        """The principal with its policies."""
        found = self._kept.get(principal, lambda: self._db.read(lambda tx: self._load(tx, principal)))
        assert found is not None
        return found

    def _load(self, tx: Tx, principal: Principal) -> Bound:
        entity = entity_of(tx, principal)
        held = self.holdings(tx, entity) if entity is not None else Holdings((), None)
        caller = Caller(
            Identity.of(principal),
            self._set(held.documents),
            None if held.boundary is None else self._set([held.boundary]),
            self._session(tx, principal),
            self._levels(tx, principal),
        )
        return Bound(caller, principal_keys(principal, _tags(principal, held.tags)), entity)

    def _levels(self, tx: Tx, principal: Principal) -> tuple[PolicySet, ...]:
        """What the principal's organization lets it do, level by level; services' own roles are not bounded."""
        if principal.kind in ("service", "anonymous", "webidentity") or f":role{linked.PATH}" in principal.role_arn:
            return ()
        found = self._guardrails(tx, principal.account)
        return () if found is None else tuple(self._set(("SCP", text) for text in level) for level in found)

    def holdings(self, tx: Tx, entity: User | Role) -> Holdings:
        """Everything that is attached to a user (its groups included) or a role."""
        owners = [entity.id]
        if isinstance(entity, User):
            owners += [group.id for group in entities.groups_of(tx, entity.id)]
        found = [(name, document) for _, name, document in policies.inline_policies(tx, owners)]
        arns = sorted({arn for _, arn in policies.attached(tx, owners)})
        found += self.documents(tx, arns)
        if isinstance(entity, User) and _may_change_password(tx, entity):
            found.append(_OWN_PASSWORD)
        boundary = self.documents(tx, [entity.boundary]) if entity.boundary else []
        if entity.boundary and not boundary:
            boundary = [(entity.boundary, "")]
        return Holdings(tuple(found), boundary[0] if boundary else None, entity.tags)

    def documents(self, tx: Tx, arns: Iterable[str]) -> list[tuple[str, str]]:
        """(ARN, document in force) of those managed policies that exist."""
        wanted = list(arns)
        own = {arn: text for arn in wanted if (text := self._aws.document(arn)) is not None}
        own |= policies.default_documents(tx, [arn for arn in wanted if arn not in own])
        return [(arn, own[arn]) for arn in wanted if arn in own]

    def _set(self, documents: Iterable[tuple[str, str]]) -> PolicySet:
        return PolicySet(self._compiler.rules(text, "identity", source) for source, text in documents)

    def _session(self, tx: Tx, principal: Principal) -> PolicySet | None:
        """Session policies: texts as they were passed, managed ones by ARN. A federated user has none but these."""
        passed = principal.session_policies
        if not passed:
            return self._nobody if principal.kind == "federated" else None
        arns = [one for one in passed if one.startswith("arn:")]
        texts = [("session", one) for one in passed if not one.startswith("arn:")]
        return self._set([*texts, *self.documents(tx, arns)])


def _may_change_password(tx: Tx, user: User) -> bool:
    policy = settings.get(tx, user.account, SETTING)
    return policy is not None and PasswordPolicy.of(policy).AllowUsersToChangePassword


def entity_of(tx: Tx, principal: Principal) -> User | Role | None:
    """The IAM user or role behind a principal as it stands now; None when it is gone (or made anew since)."""
    if principal.kind == "user":
        if principal.principal_id:
            return entities.user_by_id(tx, principal.principal_id)
        return entities.user(tx, principal.account, principal.arn.rpartition("/")[2])
    if principal.kind == "federated":
        issuer = principal.issuer_id if isinstance(principal, SessionPrincipal) else ""
        return entities.user_by_id(tx, issuer) if issuer else None
    if principal.kind == "role":
        role_id = principal.principal_id.partition(":")[0]
        if role_id:
            return entities.role_by_id(tx, role_id)
        return entities.role(tx, principal.account, principal.role_arn.rpartition("/")[2])
    return None


def arn_of(entity: User | Role) -> str:
    """A user's or role's ARN."""
    kind = "user" if isinstance(entity, User) else "role"
    return model.arn(kind, entity.account, entity.path, entity.name)


def _tags(principal: Principal, own: Tags) -> Tags:
    """A session's tags over its role's own; keys differ by more than case."""
    return tuple({key.lower(): (key, value) for key, value in (*own, *principal.tags)}.values())


def principal_keys(principal: Principal, tags: Tags) -> dict[str, Values]:
    """The global condition keys that the principal itself answers, under lower-case names."""
    keys: dict[str, Values] = {
        "aws:principaltype": _TYPES[principal.kind],
        "aws:principalisawsservice": "true" if principal.kind == "service" else "false",
    }
    if principal.kind == "service":
        keys["aws:principalservicename"] = principal.name
        return keys
    if principal.kind == "anonymous":
        return keys
    if isinstance(principal, WebIdentity):
        return keys | _claims(principal)
    keys["aws:principalarn"] = principal.role_arn if principal.kind == "role" else principal.arn
    keys["aws:principalaccount"] = principal.account
    keys["aws:userid"] = principal.principal_id or principal.account
    if principal.kind == "user":
        keys["aws:username"] = principal.name
    for key, value in tags:
        keys[f"aws:principaltag/{key.lower()}"] = value
    if principal.source_identity:
        keys["aws:sourceidentity"] = principal.source_identity
    if isinstance(principal, SessionPrincipal) and principal.provider:
        keys["aws:federatedprovider"] = principal.provider
    if principal.temporary or principal.mfa_at is not None:
        keys.update(_session_keys(principal))
    return keys


def _claims(principal: WebIdentity) -> dict[str, Values]:
    """What a token says, under its issuer's name."""
    issuer = principal.issuer.lower()
    keys: dict[str, Values] = {"aws:federatedprovider": principal.arn, "aws:userid": principal.principal_id}
    for name, values in principal.claims:
        keys[f"{issuer}:{name.lower()}"] = values[0] if len(values) == 1 else values
    return keys


def _session_keys(principal: Principal) -> dict[str, Values]:
    issued = datetime.datetime.fromtimestamp(principal.issued_at / 1_000_000, datetime.UTC)
    keys: dict[str, Values] = {"aws:multifactorauthpresent": "false" if principal.mfa_at is None else "true"}
    if principal.temporary:
        keys["aws:tokenissuetime"] = issued.strftime("%Y-%m-%dT%H:%M:%SZ")
    return keys
