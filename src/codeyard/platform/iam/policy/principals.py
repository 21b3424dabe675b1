"""Who a statement of a resource policy means, and how far its Allow reaches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from codeyard.contract import Principal
from codeyard.platform.iam.policy.document import Statement


class Reach(IntEnum):
    """How a resource policy names the caller; the higher, the more its Allow grants.

    ACCOUNT only delegates to the account's identity policies. LIMITED (a role's ARN, a wildcard) grants as far as
    boundary and session policies allow. DIRECT (the user, the session) grants at once.
    """

    NONE = 0
    ACCOUNT = 1
    LIMITED = 2
    DIRECT = 3


@dataclass(frozen=True, slots=True)
class Identity:
    """The names under which a caller may stand in a Principal element."""

    kind: str
    account: str
    arn: str
    direct: frozenset[str]
    limited: frozenset[str]
    accounts: frozenset[str]

    @classmethod
    def of(cls, principal: Principal, partition: str = "aws") -> Identity:
        """The names of a principal."""
        account = principal.account
        if principal.kind == "webidentity":
            provider = frozenset((principal.arn,))
            return cls(principal.kind, account, principal.arn, provider, frozenset(), frozenset())
        owner = frozenset((account, f"arn:{partition}:iam::{account}:root")) if account else frozenset[str]()
        direct = frozenset(name for name in (principal.arn, principal.principal_id) if name)
        limited: frozenset[str] = frozenset()
        if principal.role_arn:
            limited = frozenset((principal.role_arn, principal.principal_id.partition(":")[0]))
        if principal.kind == "root":
            direct = direct | owner
        return cls(principal.kind, account, principal.arn, direct, limited, owner)


Names = Callable[[Identity], Reach]


def compile_principal(statement: Statement) -> Names | None:
    """How the statement names a caller; None for a statement without principals (an identity policy's)."""
    if statement.principals is not None:
        aws, services = _sets(statement.principals)
        federated = frozenset(value for kind, value in statement.principals if kind == "Federated")
        return lambda who: _federated(who, federated) if who.kind == "webidentity" else _reach(who, aws, services)
    if statement.not_principals is not None:
        aws, services = _sets(statement.not_principals)
        deny = statement.effect == "Deny"
        return lambda who: Reach.NONE if _excepted(who, aws, services, deny) else Reach.LIMITED
    return None


def _sets(pairs: tuple[tuple[str, str], ...]) -> tuple[frozenset[str], frozenset[str]]:
    aws = frozenset(value for kind, value in pairs if kind == "AWS")
    services = frozenset(value for kind, value in pairs if kind == "Service")
    return aws, services


def _reach(who: Identity, aws: frozenset[str], services: frozenset[str]) -> Reach:
    if who.kind == "service":
        return Reach.DIRECT if who.arn in services or "*" in aws else Reach.NONE
    if who.kind == "anonymous":
        return Reach.DIRECT if "*" in aws else Reach.NONE
    if aws & who.direct:
        return Reach.DIRECT
    if aws & who.limited or "*" in aws:
        return Reach.LIMITED
    return Reach.ACCOUNT if aws & who.accounts else Reach.NONE


def _federated(who: Identity, providers: frozenset[str]) -> Reach:
    """The bearer of a provider's token is let in by the provider's name alone: `*` means AWS's principals."""
    return Reach.DIRECT if who.arn in providers else Reach.NONE


def _excepted(who: Identity, aws: frozenset[str], services: frozenset[str], deny: bool) -> bool:
    """Whether NotPrincipal leaves the caller out.

    A Deny leaves out only whom it names in full: the account, the role and the session. An Allow leaves out whoever
    is named at all.
    """
    if "*" in aws:
        return True
    if who.kind == "service":
        return who.arn in services
    if who.kind in ("anonymous", "webidentity"):
        return False
    names = [group for group in (who.direct, who.limited, who.accounts) if group]
    return all(aws & group for group in names) if deny else any(aws & group for group in names)
