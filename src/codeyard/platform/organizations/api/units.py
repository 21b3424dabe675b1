"""Organizational units, and what stands above and below them."""

from __future__ import annotations

from codeyard.contract import AwsError, Context, Params
from codeyard.platform.organizations import model, store
from codeyard.platform.organizations.api.base import Answer, Room, kind_of, managed, parent, sliced
from codeyard.platform.organizations.errors import constraint
from codeyard.platform.organizations.guardrails import parents_of
from codeyard.platform.organizations.model import Organization, Unit
from codeyard.storage import Tx


class UnitOperations(Room):
    """Operations on units."""

    def create_organizational_unit(self, ctx: Context, req: Params) -> Answer:
        """Make a unit below the root or another unit, five deep at most."""
        token = self.kit.ids.token(8, model.LETTERS)

        def make(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            above = parent(tx, org, req["ParentId"])
            if len(parents_of(tx, org, above)) >= model.DEPTH:
                message = "You have exceeded the maximum depth of the organization's tree."
                raise constraint(message, "OU_DEPTH_LIMIT_EXCEEDED")
            _refuse_name(tx, org, above, req["Name"])
            unit_id = f"ou-{org.root.removeprefix('r-')}-{token}"
            store.insert(tx, store.units, id=unit_id, org=org.id, parent=above, name=req["Name"])
            if org.scp:
                store.attach(tx, org.id, unit_id)
            return {"OrganizationalUnit": _answer(tx, org, _unit(tx, org, unit_id))}

        return ctx.write(make)

    def describe_organizational_unit(self, ctx: Context, req: Params) -> Answer:
        """A unit."""

        def get(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            return {"OrganizationalUnit": _answer(tx, org, _unit(tx, org, req["OrganizationalUnitId"]))}

        return self._read(get)

    def update_organizational_unit(self, ctx: Context, req: Params) -> Answer:
        """Rename a unit."""

        def change(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            found = _unit(tx, org, req["OrganizationalUnitId"])
            if req.get("Name") and req["Name"] != found.name:
                _refuse_name(tx, org, found.parent, req["Name"])
                store.update(tx, store.units, store.units.c.id == found.id, name=req["Name"])
            return {"OrganizationalUnit": _answer(tx, org, _unit(tx, org, found.id))}

        return ctx.write(change)

    def delete_organizational_unit(self, ctx: Context, req: Params) -> Answer:
        """Delete an empty unit."""

        def remove(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            found = _unit(tx, org, req["OrganizationalUnitId"])
            if _children(tx, org, found.id):
                raise AwsError("OrganizationalUnitNotEmptyException", "The organizational unit isn't empty.")
            store.delete(tx, store.attachments, store.attachments.c.target == found.id)
            store.delete(tx, store.units, store.units.c.id == found.id)
            return {}

        return ctx.write(remove)

    def list_organizational_units_for_parent(self, ctx: Context, req: Params) -> Answer:
        """The units right below a root or unit."""

        def get(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            above = parent(tx, org, req["ParentId"])
            found = [_answer(tx, org, one) for one in store.units_of(tx, org.id) if one.parent == above]
            return sliced(req, found, "OrganizationalUnits")

        return self._read(get)

    def list_children(self, ctx: Context, req: Params) -> Answer:
        """The accounts or units right below a root or unit."""

        def get(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            found = _children(tx, org, parent(tx, org, req["ParentId"]))
            return sliced(req, [one for one in found if one["Type"] == req["ChildType"]], "Children")

        return self._read(get)

    def list_parents(self, ctx: Context, req: Params) -> Answer:
        """What stands right above an account or unit."""

        def get(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            above = parents_of(tx, org, req["ChildId"])
            if not above:
                message = f"We can't find an organizational unit (OU) or AWS account with the ChildId {req['ChildId']}."
                raise AwsError("ChildNotFoundException", message)
            return sliced(req, [{"Id": above[-1], "Type": kind_of(tx, org, above[-1])}], "Parents")

        return self._read(get)


def _unit(tx: Tx, org: Organization, unit_id: str) -> Unit:
    found = next((one for one in store.units_of(tx, org.id) if one.id == unit_id), None)
    if found is None:
        message = f"We can't find an organizational unit (OU) with the OrganizationalUnitId {unit_id}."
        raise AwsError("OrganizationalUnitNotFoundException", message)
    return found


def _answer(tx: Tx, org: Organization, unit: Unit) -> Answer:
    above = (*parents_of(tx, org, unit.id), unit.id)
    return {"Id": unit.id, "Arn": org.arn_of("ou", unit.id), "Name": unit.name, "Path": model.path(org, above)}


def _refuse_name(tx: Tx, org: Organization, above: str, name: str) -> None:
    if any((one.parent, one.name) == (above, name) for one in store.units_of(tx, org.id)):
        raise AwsError("DuplicateOrganizationalUnitException", "An OU with the same name already exists.")


def _children(tx: Tx, org: Organization, above: str) -> list[Answer]:
    units = [{"Id": one.id, "Type": "ORGANIZATIONAL_UNIT"} for one in store.units_of(tx, org.id) if one.parent == above]
    accounts = [{"Id": one.account, "Type": "ACCOUNT"} for one in store.members_of(tx, org.id) if one.parent == above]
    return units + accounts
