"""Roles: their trust policies, durations and boundaries."""

from __future__ import annotations

import re
from typing import Any

from codeyard.contract import Context, Params
from codeyard.platform.iam import errors, linked, model
from codeyard.platform.iam.api.base import (
    Answer,
    Room,
    check_boundary,
    check_quota,
    find_role,
    page,
    refuse_policies,
    role_answer,
)
from codeyard.platform.iam.api.linked import refuse_linked
from codeyard.platform.iam.callers import arn_of
from codeyard.platform.iam.fresh import new_role
from codeyard.platform.iam.policy import parse
from codeyard.platform.iam.policy.document import malformed
from codeyard.platform.iam.store import entities, jobs
from codeyard.platform.iam.store.tables import roles
from codeyard.storage import Tx

_NAMED = re.compile(r"arn:aws:iam::(\d{12}):(user|role)(/(?:.+/)?)([\w+=,.@-]+)")


class Roles(Room):
    """Operations on roles."""

    def create_role(self, ctx: Context, req: Params) -> Answer:
        """Create a role with its trust policy, whose principals must exist."""
        role_id = model.unique_id(self.kit.ids, "AROA")
        tags = model.merged_tags((), model.request_tags(req.get("Tags") or ()))
        trust = req["AssumeRolePolicyDocument"]

        def make(tx: Tx) -> Answer:
            name = req["RoleName"]
            if entities.role(tx, ctx.account, name) is not None:
                raise errors.exists(f"Role with name {name} already exists.")
            check_quota(tx, roles, ctx, model.ROLES, "RolesPerAccount")
            check_trust(tx, trust)
            boundary = check_boundary(tx, self.aws, ctx, req.get("PermissionsBoundary") or "")
            entities.insert(tx, roles, **{**_row(ctx, req, role_id, trust, boundary), "tags": tags})
            return {"Role": role_answer(find_role(tx, ctx, name), tags=True)}

        return ctx.write(make)

    def get_role(self, ctx: Context, req: Params) -> Answer:
        """A role."""
        return {"Role": role_answer(self._read(lambda tx: find_role(tx, ctx, req["RoleName"])), tags=True)}

    def list_roles(self, ctx: Context, req: Params) -> Answer:
        """The roles under a path, by name."""
        rows, more = self._read(lambda tx: page(tx, roles, ctx, req))
        return {"Roles": [role_answer(entities.role_of(row)) for row in rows], **more}

    def update_role(self, ctx: Context, req: Params) -> Answer:
        """Change a role's description and longest session."""
        return ctx.write(lambda tx: self._update(tx, ctx, req))

    def update_role_description(self, ctx: Context, req: Params) -> Answer:
        """Change a role's description."""

        def change(tx: Tx) -> Answer:
            self._update(tx, ctx, req)
            return {"Role": role_answer(find_role(tx, ctx, req["RoleName"]), tags=True)}

        return ctx.write(change)

    def update_assume_role_policy(self, ctx: Context, req: Params) -> Answer:
        """Replace a role's trust policy."""

        def change(tx: Tx) -> Answer:
            role = find_role(tx, ctx, req["RoleName"])
            refuse_linked(role)
            check_trust(tx, req["PolicyDocument"])
            entities.update(tx, roles, role.id, trust=req["PolicyDocument"])
            return {}

        return ctx.write(change)

    def delete_role(self, ctx: Context, req: Params) -> Answer:
        """Delete a role that nothing hangs on; its sessions end."""

        def remove(tx: Tx) -> Answer:
            role = find_role(tx, ctx, req["RoleName"])
            refuse_linked(role)
            refuse_policies(tx, role.id)
            if entities.profiles_of_role(tx, role.id):
                raise errors.conflict("Cannot delete entity, must remove roles from instance profile first.")
            entities.delete(tx, roles, role.id)
            jobs.forget(tx, role.id)
            entities.retarget_trust(tx, arn_of(role), role.id)
            return {}

        return ctx.write(remove)

    def put_role_permissions_boundary(self, ctx: Context, req: Params) -> Answer:
        """Bound a role's permissions by a managed policy."""

        def put(tx: Tx) -> Answer:
            role = find_role(tx, ctx, req["RoleName"])
            refuse_linked(role)
            entities.update(tx, roles, role.id, boundary=check_boundary(tx, self.aws, ctx, req["PermissionsBoundary"]))
            return {}

        return ctx.write(put)

    def delete_role_permissions_boundary(self, ctx: Context, req: Params) -> Answer:
        """Take a role's boundary away."""

        def remove(tx: Tx) -> Answer:
            role = find_role(tx, ctx, req["RoleName"])
            refuse_linked(role)
            if not role.boundary:
                raise errors.no_such(f"The role with name {role.name} does not have a permissions boundary.")
            entities.update(tx, roles, role.id, boundary="")
            return {}

        return ctx.write(remove)

    @staticmethod
    def _update(tx: Tx, ctx: Context, req: Params) -> Answer:
        role = find_role(tx, ctx, req["RoleName"])
        duration = int(req.get("MaxSessionDuration") or role.max_session)
        description = req.get("Description")
        entities.update(
            tx,
            roles,
            role.id,
            max_session=duration,
            description=role.description if description is None else description,
        )
        return {}


def _row(ctx: Context, req: Params, role_id: str, trust: str, boundary: str) -> dict[str, Any]:
    path = req.get("Path") or "/"
    if path.startswith(linked.PATH):
        raise errors.invalid(f"The path {linked.PATH} is reserved for service-linked roles.")
    row = new_role(role_id, ctx.account, req["RoleName"], path, trust, ctx.now)
    return {
        **row,
        "description": req.get("Description") or "",
        "boundary": boundary,
        "max_session": int(req.get("MaxSessionDuration") or 3600),
    }


def check_trust(tx: Tx, trust: str) -> None:
    """Refuse a trust policy that is malformed, too long, or names users or roles of this server that are not there."""
    model.check_size(trust, model.TRUST_POLICY_SIZE, errors.limit("ACLSizePerRole", model.TRUST_POLICY_SIZE))
    for statement in parse(trust, "trust").statements:
        for kind, value in (*(statement.principals or ()), *(statement.not_principals or ())):
            if kind == "AWS" and not _principal_there(tx, value):
                malformed(f'Invalid principal in policy: "AWS":"{value}"')


def _principal_there(tx: Tx, value: str) -> bool:
    named = _NAMED.fullmatch(value)
    if named is None:
        return True
    account, kind, path, name = named.groups()
    if entities.account_alias(tx, account) is None:
        return True
    found = entities.user(tx, account, name) if kind == "user" else entities.role(tx, account, name)
    return found is not None and found.path == path
