"""What every noun of Organizations' API starts from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from codeyard.contract import AwsError, Context, Params
from codeyard.engine import Kit
from codeyard.platform.organizations import store
from codeyard.platform.organizations.errors import invalid, not_in_use, not_yours
from codeyard.platform.organizations.model import Accounts, Organization
from codeyard.storage import Tx

Answer = dict[str, Any]
T = TypeVar("T")
_PAGE = 20


class Room:
    """The ports that operations use."""

    def __init__(self, kit: Kit, accounts: Accounts) -> None:
        self.kit, self.accounts = kit, accounts

    def _read(self, fn: Callable[[Tx], T]) -> T:
        """Read on one snapshot."""
        return self.kit.db.read(fn)


def organization(tx: Tx, ctx: Context) -> Organization:
    """The caller's organization."""
    found = store.organization_of(tx, ctx.account)
    if found is None:
        raise not_in_use()
    return found


def managed(tx: Tx, ctx: Context) -> Organization:
    """The caller's organization, which the caller's account manages."""
    found = organization(tx, ctx)
    if found.management != ctx.account:
        raise not_yours()
    return found


def kind_of(tx: Tx, org: Organization, name: str) -> str | None:
    """Whether an id is the ROOT's, an ORGANIZATIONAL_UNIT's or an ACCOUNT's of the organization; None for others."""
    if name == org.root:
        return "ROOT"
    if any(one.id == name for one in store.units_of(tx, org.id)):
        return "ORGANIZATIONAL_UNIT"
    return "ACCOUNT" if store.member(tx, org.id, name) is not None else None


def parent(tx: Tx, org: Organization, name: str, code: str = "ParentNotFoundException") -> str:
    """The id of a root or unit."""
    if kind_of(tx, org, name) not in ("ROOT", "ORGANIZATIONAL_UNIT"):
        raise AwsError(code, f"We can't find a root or organizational unit (OU) with the ParentId {name}.")
    return name


def sliced(req: Params, items: Sequence[Any], member: str) -> Answer:
    """One page of a list."""
    token = req.get("NextToken") or "0"
    if not (token.isascii() and token.isdigit() and len(token) < 10):
        raise invalid("The NextToken is not valid.", "INVALID_NEXT_TOKEN")
    start, most = int(token), int(req.get("MaxResults") or _PAGE)
    more = {"NextToken": str(start + most)} if start + most < len(items) else {}
    return {member: list(items[start : start + most]), **more}
