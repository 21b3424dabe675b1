"""Instance profiles: the containers by which hosts get a role."""

from __future__ import annotations

from codeyard.contract import Context, Params
from codeyard.platform.iam import errors, model
from codeyard.platform.iam.api.base import (
    Answer,
    Room,
    check_quota,
    find_profile,
    find_role,
    page,
    profile_answer,
    sliced,
)
from codeyard.platform.iam.store import entities
from codeyard.platform.iam.store.tables import profiles
from codeyard.storage import Tx


class InstanceProfiles(Room):
    """Operations on instance profiles."""

    def create_instance_profile(self, ctx: Context, req: Params) -> Answer:
        """Create an empty instance profile."""
        profile_id = model.unique_id(self.kit.ids, "AIPA")
        tags = model.merged_tags((), model.request_tags(req.get("Tags") or ()))

        def make(tx: Tx) -> Answer:
            name = req["InstanceProfileName"]
            if entities.profile(tx, ctx.account, name) is not None:
                raise errors.exists(f"Instance Profile {name} already exists.")
            check_quota(tx, profiles, ctx, model.INSTANCE_PROFILES, "InstanceProfilesPerAccount")
            entities.insert(
                tx,
                profiles,
                id=profile_id,
                account=ctx.account,
                name=name,
                path=req.get("Path") or "/",
                created=ctx.now,
                role_id="",
                tags=tags,
            )
            return {"InstanceProfile": profile_answer(tx, find_profile(tx, ctx, name))}

        return ctx.write(make)

    def get_instance_profile(self, ctx: Context, req: Params) -> Answer:
        """An instance profile with its role."""
        name = req["InstanceProfileName"]
        return self._read(lambda tx: {"InstanceProfile": profile_answer(tx, find_profile(tx, ctx, name))})

    def list_instance_profiles(self, ctx: Context, req: Params) -> Answer:
        """The instance profiles under a path, by name."""

        def get(tx: Tx) -> Answer:
            rows, more = page(tx, profiles, ctx, req)
            return {"InstanceProfiles": [profile_answer(tx, entities.profile_of(row)) for row in rows], **more}

        return self._read(get)

    def list_instance_profiles_for_role(self, ctx: Context, req: Params) -> Answer:
        """The instance profiles that hold a role."""

        def get(tx: Tx) -> Answer:
            found = entities.profiles_of_role(tx, find_role(tx, ctx, req["RoleName"]).id)
            shown, more = sliced(req, found, lambda one: one.name.lower())
            return {"InstanceProfiles": [profile_answer(tx, one) for one in shown], **more}

        return self._read(get)

    def add_role_to_instance_profile(self, ctx: Context, req: Params) -> Answer:
        """Put a role into an instance profile, which holds one."""

        def add(tx: Tx) -> Answer:
            profile, role = find_profile(tx, ctx, req["InstanceProfileName"]), find_role(tx, ctx, req["RoleName"])
            if profile.role_id:
                raise errors.limit("InstanceSessionsPerInstanceProfile", 1)
            entities.update(tx, profiles, profile.id, role_id=role.id)
            return {}

        return ctx.write(add)

    def remove_role_from_instance_profile(self, ctx: Context, req: Params) -> Answer:
        """Take the role out of an instance profile."""

        def remove(tx: Tx) -> Answer:
            profile, role = find_profile(tx, ctx, req["InstanceProfileName"]), find_role(tx, ctx, req["RoleName"])
            if profile.role_id != role.id:
                raise errors.no_such(f"The role with name {role.name} cannot be found in {profile.name}.")
            entities.update(tx, profiles, profile.id, role_id="")
            return {}

        return ctx.write(remove)

    def delete_instance_profile(self, ctx: Context, req: Params) -> Answer:
        """Delete an empty instance profile."""

        def remove(tx: Tx) -> Answer:
            profile = find_profile(tx, ctx, req["InstanceProfileName"])
            if profile.role_id:
                raise errors.conflict("Cannot delete entity, must remove roles from instance profile first.")
            entities.delete(tx, profiles, profile.id)
            return {}

        return ctx.write(remove)
