"""Service-linked roles: made for a service by name, and nobody else's to change."""

from __future__ import annotations

from codeyard.contract import AwsError, Context, Params
from codeyard.platform.iam import errors, linked, model
from codeyard.platform.iam.api.base import Answer, Room, check_quota, find_role, role_answer
from codeyard.platform.iam.callers import arn_of
from codeyard.platform.iam.fresh import new_role
from codeyard.platform.iam.model import Role
from codeyard.platform.iam.store import entities, jobs, policies
from codeyard.platform.iam.store.tables import attachments, inline, roles
from codeyard.storage import Tx

_DELETION = "linked-role-deletion"


class LinkedRoles(Room):
    """Operations on service-linked roles."""

    def create_service_linked_role(self, ctx: Context, req: Params) -> Answer:
        """Make a service's role under the name that the service looks for."""
        service = req["AWSServiceName"]
        name, path = _name(service, req.get("CustomSuffix") or ""), f"{linked.PATH}{service}/"
        role_id = model.unique_id(self.kit.ids, "AROA")

        def make(tx: Tx) -> Answer:
            if entities.role(tx, ctx.account, name) is not None:
                raise errors.invalid(
                    f"Service role name {name} has been taken in this account, please try a different suffix."
                )
            check_quota(tx, roles, ctx, model.ROLES, "RolesPerAccount")
            row = new_role(role_id, ctx.account, name, path, linked.trust_policy(service), ctx.now)
            entities.insert(tx, roles, **{**row, "description": req.get("Description") or ""})
            return {"Role": role_answer(find_role(tx, ctx, name), tags=True)}

        return ctx.write(make)

    def delete_service_linked_role(self, ctx: Context, req: Params) -> Answer:
        """Delete a service's role. No service of this server keeps one in use, so the task is done with the answer."""
        token = self.kit.ids.uuid()

        def remove(tx: Tx) -> Answer:
            role = find_role(tx, ctx, req["RoleName"])
            if not is_linked(role):
                raise errors.no_such(f"The role with name {role.name} is not a service-linked role.")
            task = f"task{role.path}{role.name}/{token}"
            for table in (attachments, inline):
                policies.detach_all(tx, table, role.id)
            entities.delete(tx, roles, role.id)
            entities.retarget_trust(tx, arn_of(role), role.id)
            jobs.add(tx, task, ctx.account, _DELETION, {"Status": "SUCCEEDED"}, ctx.now)
            return {"DeletionTaskId": task}

        return ctx.write(remove)

    def get_service_linked_role_deletion_status(self, ctx: Context, req: Params) -> Answer:
        """How a deletion ended."""
        task = req["DeletionTaskId"]
        found = self._read(lambda tx: jobs.result(tx, task, ctx.account, _DELETION))
        if found is None:
            raise errors.no_such(f"No deletion task with id {task} was found.")
        return dict(found[1])


def is_linked(role: Role) -> bool:
    """Whether a role is a service's own."""
    return role.path.startswith(linked.PATH)


def refuse_linked(role: Role) -> None:
    """Refuse to change a service's own role."""
    if is_linked(role):
        raise AwsError(
            "UnmodifiableEntityException",
            f"Cannot perform the operation on the protected role '{role.name}' - this role is only modifiable by AWS",
        )


def _name(service: str, suffix: str) -> str:
    found = linked.SERVICES.get(service)
    if found is None:
        raise errors.invalid(f"The service {service} has no service-linked role.")
    if suffix and not found[1]:
        raise errors.invalid(f"Custom suffix is not allowed for {service}")
    return f"{found[0]}_{suffix}" if suffix else found[0]
