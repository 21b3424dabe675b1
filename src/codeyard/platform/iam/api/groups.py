"""Groups and their members."""

from __future__ import annotations

from codeyard.contract import Context, Params
from codeyard.platform.iam import errors, model
from codeyard.platform.iam.api.base import (
    Answer,
    Room,
    check_quota,
    find_group,
    find_user,
    group_answer,
    page,
    refuse_policies,
    sliced,
    user_answer,
)
from codeyard.platform.iam.store import entities
from codeyard.platform.iam.store.tables import groups
from codeyard.storage import Tx


class Groups(Room):
    """Operations on groups."""

    def create_group(self, ctx: Context, req: Params) -> Answer:
        """Create a group; EntityAlreadyExists when the name is taken."""
        group_id = model.unique_id(self.kit.ids, "AGPA")

        def make(tx: Tx) -> Answer:
            name = req["GroupName"]
            if entities.group(tx, ctx.account, name) is not None:
                raise errors.exists(f"Group with name {name} already exists.")
            check_quota(tx, groups, ctx, model.GROUPS, "GroupsPerAccount")
            path = req.get("Path") or "/"
            entities.insert(tx, groups, id=group_id, account=ctx.account, name=name, path=path, created=ctx.now)
            return {"Group": group_answer(find_group(tx, ctx, name))}

        return ctx.write(make)

    def get_group(self, ctx: Context, req: Params) -> Answer:
        """A group with a page of its users."""
        group = self._read(lambda tx: find_group(tx, ctx, req["GroupName"]))
        users, more = sliced(req, self._read(lambda tx: entities.members(tx, group.id)), lambda user: user.name.lower())
        return {"Group": group_answer(group), "Users": [user_answer(user) for user in users], **more}

    def list_groups(self, ctx: Context, req: Params) -> Answer:
        """The groups under a path, by name."""
        rows, more = self._read(lambda tx: page(tx, groups, ctx, req))
        return {"Groups": [group_answer(entities.group_of(row)) for row in rows], **more}

    def update_group(self, ctx: Context, req: Params) -> Answer:
        """Rename or move a group."""

        def change(tx: Tx) -> Answer:
            group = find_group(tx, ctx, req["GroupName"])
            name, path = req.get("NewGroupName") or group.name, req.get("NewPath") or group.path
            other = entities.group(tx, ctx.account, name)
            if other is not None and other.id != group.id:
                raise errors.exists(f"Group with name {name} already exists.")
            entities.update(tx, groups, group.id, name=name, path=path)
            return {}

        return ctx.write(change)

    def delete_group(self, ctx: Context, req: Params) -> Answer:
        """Delete a group without members and policies."""

        def remove(tx: Tx) -> Answer:
            group = find_group(tx, ctx, req["GroupName"])
            if entities.members(tx, group.id):
                raise errors.conflict("Cannot delete entity, must remove users from group first.")
            refuse_policies(tx, group.id)
            entities.delete(tx, groups, group.id)
            return {}

        return ctx.write(remove)

    def add_user_to_group(self, ctx: Context, req: Params) -> Answer:
        """Put a user into a group; nothing changes when it is in."""

        def add(tx: Tx) -> Answer:
            group, user = find_group(tx, ctx, req["GroupName"]), find_user(tx, ctx, req["UserName"])
            others = {one.id for one in entities.groups_of(tx, user.id)} - {group.id}
            if len(others) >= model.GROUPS_PER_USER:
                raise errors.limit("GroupsPerUser", model.GROUPS_PER_USER)
            entities.join(tx, user.id, group.id)
            return {}

        return ctx.write(add)

    def remove_user_from_group(self, ctx: Context, req: Params) -> Answer:
        """Take a user out of a group."""

        def remove(tx: Tx) -> Answer:
            group, user = find_group(tx, ctx, req["GroupName"]), find_user(tx, ctx, req["UserName"])
            if not entities.leave(tx, user.id, group.id):
                raise errors.no_such(f"The user with name {user.name} is not in group {group.name}.")
            return {}

        return ctx.write(remove)
