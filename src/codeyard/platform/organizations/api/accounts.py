"""The accounts of an organization."""

from __future__ import annotations

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import whole_second
from codeyard.platform.organizations import model, store
from codeyard.platform.organizations.api.base import Answer, Room, managed, organization, parent, sliced
from codeyard.platform.organizations.errors import constraint
from codeyard.platform.organizations.guardrails import parents_of
from codeyard.platform.organizations.model import Member, Organization
from codeyard.storage import Row, Tx

_ROLE = "OrganizationAccountAccessRole"


class AccountOperations(Room):
    """Operations on accounts."""

    def create_account(self, ctx: Context, req: Params) -> Answer:
        """Open an account in the organization, administered by a role that trusts the management account. It is open
        with the answer."""
        account, request = model.account_number(self.kit.ids), model.fresh(self.kit.ids, "car", 32)
        role = req.get("RoleName") or _ROLE

        def make(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            if len(store.members_of(tx, org.id)) >= model.ACCOUNTS:
                message = "You have exceeded the allowed number of AWS accounts."
                raise constraint(message, "ACCOUNT_NUMBER_LIMIT_EXCEEDED")
            self.accounts.open_member(tx, account, req["AccountName"], ctx.account, role)
            fresh = Member(account, org.id, org.root, req["AccountName"], req["Email"], "CREATED", ctx.now)
            store.insert(tx, store.members, **{name: getattr(fresh, name) for name in Member.__slots__})
            if org.scp:
                store.attach(tx, org.id, account)
            asked = {"id": request, "org": org.id, "account": account, "name": req["AccountName"]}
            store.insert(tx, store.requests, **asked, made=ctx.now)
            return {"CreateAccountStatus": _status(_request(tx, org, request))}

        return ctx.write(make)

    def describe_create_account_status(self, ctx: Context, req: Params) -> Answer:
        """How the making of an account went."""

        def get(tx: Tx) -> Answer:
            return {"CreateAccountStatus": _status(_request(tx, managed(tx, ctx), req["CreateAccountRequestId"]))}

        return self._read(get)

    def list_create_account_status(self, ctx: Context, req: Params) -> Answer:
        """Every account that was made, and how it went."""

        def get(tx: Tx) -> Answer:
            org, wanted = managed(tx, ctx), req.get("States") or ("SUCCEEDED",)
            rows = tx.all(store.requests.select().where(store.requests.c.org == org.id).order_by(store.requests.c.id))
            return sliced(req, [_status(row) for row in rows if "SUCCEEDED" in wanted], "CreateAccountStatuses")

        return self._read(get)

    def list_accounts(self, ctx: Context, req: Params) -> Answer:
        """The organization's accounts."""

        def get(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            return sliced(req, [_answer(tx, org, one) for one in store.members_of(tx, org.id)], "Accounts")

        return self._read(get)

    def list_accounts_for_parent(self, ctx: Context, req: Params) -> Answer:
        """The accounts right below a root or unit."""

        def get(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            above = parent(tx, org, req["ParentId"])
            found = [_answer(tx, org, one) for one in store.members_of(tx, org.id) if one.parent == above]
            return sliced(req, found, "Accounts")

        return self._read(get)

    def describe_account(self, ctx: Context, req: Params) -> Answer:
        """One account."""

        def get(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            return {"Account": _answer(tx, org, _found(tx, org, req["AccountId"]))}

        return self._read(get)

    def move_account(self, ctx: Context, req: Params) -> Answer:
        """Move an account below another root or unit."""

        def move(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            found = _found(tx, org, req["AccountId"])
            source = parent(tx, org, req["SourceParentId"], "SourceParentNotFoundException")
            target = parent(tx, org, req["DestinationParentId"], "DestinationParentNotFoundException")
            if found.parent != source:
                raise AwsError("AccountNotFoundException", f"Account {found.account} is not in {source}.")
            if source == target:
                raise AwsError("DuplicateAccountException", "The account is already in the destination.")
            store.update(tx, store.members, store.members.c.account == found.account, parent=target)
            return {}

        return ctx.write(move)

    def remove_account_from_organization(self, ctx: Context, req: Params) -> Answer:
        """Let an account go; it stays as an account of its own."""

        def remove(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            _leave(tx, org, _found(tx, org, req["AccountId"]))
            return {}

        return ctx.write(remove)

    def leave_organization(self, ctx: Context, req: Params) -> Answer:
        """Leave the organization as a member."""

        def leave(tx: Tx) -> Answer:
            org = organization(tx, ctx)
            _leave(tx, org, _found(tx, org, ctx.account))
            return {}

        return ctx.write(leave)


def _leave(tx: Tx, org: Organization, found: Member) -> None:
    if found.account == org.management:
        message = "You can't remove a management account from an organization."
        raise AwsError("MasterCannotLeaveOrganizationException", message)
    store.delete(tx, store.attachments, store.attachments.c.target == found.account)
    store.delete(tx, store.members, store.members.c.account == found.account)


def _found(tx: Tx, org: Organization, account: str) -> Member:
    found = store.member(tx, org.id, account)
    if found is None:
        raise AwsError("AccountNotFoundException", "You specified an account that doesn't exist.")
    return found


def _request(tx: Tx, org: Organization, request_id: str) -> Row:
    found = store.request(tx, org.id, request_id)
    if found is None:
        message = "We can't find a create account request with the id that you specified."
        raise AwsError("CreateAccountStatusNotFoundException", message)
    return found


def _answer(tx: Tx, org: Organization, one: Member) -> Answer:
    return {
        "Id": one.account,
        "Arn": org.arn_of("account", one.account),
        "Email": one.email,
        "Name": one.name,
        "Status": "ACTIVE",
        "State": "ACTIVE",
        "Paths": [model.path(org, (*parents_of(tx, org, one.account), one.account))],
        "JoinedMethod": one.method,
        "JoinedTimestamp": whole_second(one.joined),
    }


def _status(row: Row) -> Answer:
    when = whole_second(row.made)
    return {
        "Id": row.id,
        "AccountName": row.name,
        "State": "SUCCEEDED",
        "RequestedTimestamp": when,
        "CompletedTimestamp": when,
        "AccountId": row.account,
    }
