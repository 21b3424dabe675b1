"""Users."""

from __future__ import annotations

from codeyard.contract import Context, Params
from codeyard.platform.iam import errors, model
from codeyard.platform.iam.api.base import (
    Answer,
    Room,
    check_boundary,
    check_quota,
    find_user,
    group_answer,
    page,
    refuse_policies,
    sliced,
    user_answer,
    user_name,
)
from codeyard.platform.iam.callers import arn_of
from codeyard.platform.iam.fresh import new_user
from codeyard.platform.iam.model import AccessKey, ServiceCredential, SigningCertificate, SshKey, User
from codeyard.platform.iam.store import devices, entities, jobs, keys, settings
from codeyard.platform.iam.store.tables import users
from codeyard.storage import Tx


class Users(Room):
    """Operations on users."""

    def create_user(self, ctx: Context, req: Params) -> Answer:
        """Create a user; EntityAlreadyExists when the name is taken, in whatever case."""
        user_id = model.unique_id(self.kit.ids, "AIDA")
        tags = model.merged_tags((), model.request_tags(req.get("Tags") or ()))

        def make(tx: Tx) -> Answer:
            name = req["UserName"]
            if entities.user(tx, ctx.account, name) is not None:
                raise errors.exists(f"User with name {name} already exists.")
            check_quota(tx, users, ctx, model.USERS, "UsersPerAccount")
            row = new_user(user_id, ctx.account, name, req.get("Path") or "/", ctx.now)
            row["boundary"] = check_boundary(tx, self.aws, ctx, req.get("PermissionsBoundary") or "")
            entities.insert(tx, users, **{**row, "tags": tags})
            return {"User": user_answer(find_user(tx, ctx, name), tags=True)}

        return ctx.write(make)

    def get_user(self, ctx: Context, req: Params) -> Answer:
        """A user; the caller's own without a name."""
        name = user_name(ctx, req)
        return {"User": user_answer(self._read(lambda tx: find_user(tx, ctx, name)), tags=True)}

    def list_users(self, ctx: Context, req: Params) -> Answer:
        """The users under a path, by name."""
        rows, more = self._read(lambda tx: page(tx, users, ctx, req))
        return {"Users": [user_answer(entities.user_of(row)) for row in rows], **more}

    def update_user(self, ctx: Context, req: Params) -> Answer:
        """Rename or move a user; its keys, groups and policies stay."""

        def change(tx: Tx) -> Answer:
            user = find_user(tx, ctx, req["UserName"])
            name, path = req.get("NewUserName") or user.name, req.get("NewPath") or user.path
            other = entities.user(tx, ctx.account, name)
            if other is not None and other.id != user.id:
                raise errors.exists(f"User with name {name} already exists.")
            entities.update(tx, users, user.id, name=name, path=path)
            entities.retarget_trust(tx, arn_of(user), model.arn("user", ctx.account, path, name))
            return {}

        return ctx.write(change)

    def delete_user(self, ctx: Context, req: Params) -> Answer:
        """Delete a user that nothing hangs on."""

        def remove(tx: Tx) -> Answer:
            user = find_user(tx, ctx, req["UserName"])
            _refuse_in_use(tx, user)
            entities.delete(tx, users, user.id)
            jobs.forget(tx, user.id)
            settings.forget_passwords(tx, user.id)
            entities.retarget_trust(tx, arn_of(user), user.id)
            return {}

        return ctx.write(remove)

    def list_groups_for_user(self, ctx: Context, req: Params) -> Answer:
        """The groups that a user is in."""
        found = self._read(lambda tx: entities.groups_of(tx, find_user(tx, ctx, req["UserName"]).id))
        shown, more = sliced(req, found, lambda group: group.name.lower())
        return {"Groups": [group_answer(group) for group in shown], **more}

    def put_user_permissions_boundary(self, ctx: Context, req: Params) -> Answer:
        """Bound a user's permissions by a managed policy."""

        def put(tx: Tx) -> Answer:
            user = find_user(tx, ctx, req["UserName"])
            entities.update(tx, users, user.id, boundary=check_boundary(tx, self.aws, ctx, req["PermissionsBoundary"]))
            return {}

        return ctx.write(put)

    def delete_user_permissions_boundary(self, ctx: Context, req: Params) -> Answer:
        """Take a user's boundary away."""

        def remove(tx: Tx) -> Answer:
            user = find_user(tx, ctx, req["UserName"])
            if not user.boundary:
                raise errors.no_such(f"The user with name {user.name} does not have a permissions boundary.")
            entities.update(tx, users, user.id, boundary="")
            return {}

        return ctx.write(remove)


def _refuse_in_use(tx: Tx, user: User) -> None:
    refuse_policies(tx, user.id)
    if entities.groups_of(tx, user.id):
        raise errors.conflict("Cannot delete entity, must remove users from group first.")
    if user.password:
        raise errors.conflict("Cannot delete entity, must delete login profile first.")
    if keys.of_user(tx, AccessKey, user.id):
        raise errors.conflict("Cannot delete entity, must delete access keys first.")
    if devices.of_user(tx, user.id):
        raise errors.conflict("Cannot delete entity, must delete MFA device first.")
    if keys.of_user(tx, SigningCertificate, user.id):
        raise errors.conflict("Cannot delete entity, must delete signing certificates first.")
    credentials, ssh_keys = keys.of_user(tx, ServiceCredential, user.id), keys.of_user(tx, SshKey, user.id)
    if credentials or ssh_keys:
        raise errors.conflict("Cannot delete entity, must delete referenced objects first.")
