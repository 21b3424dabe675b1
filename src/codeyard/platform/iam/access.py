"""What each operation of IAM needs. A user's or role's ARN holds its path, so entries look it up; who is not there
goes by the plain path, so that a stranger learns nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from codeyard.contract import Access, Check, Params, Scope, anywhere, request_tags, text
from codeyard.engine import Kit
from codeyard.platform.iam import model
from codeyard.platform.iam.access_more import Keys, more_access, resource_tags
from codeyard.platform.iam.model import AccessKey
from codeyard.platform.iam.store import entities, keys, policies
from codeyard.storage import Tx

Found = tuple[str, Keys]
_BOUNDED = frozenset(
    f"{verb}{kind}{what}"
    for kind in ("User", "Role")
    for verb, what in (
        ("Put", "Policy"),
        ("Delete", "Policy"),
        ("Attach", "Policy"),
        ("Detach", "Policy"),
        ("Put", "PermissionsBoundary"),
        ("Delete", "PermissionsBoundary"),
    )
)
_USER = (
    "GetUser UpdateUser DeleteUser ListGroupsForUser PutUserPermissionsBoundary DeleteUserPermissionsBoundary "
    "PutUserPolicy GetUserPolicy DeleteUserPolicy ListUserPolicies AttachUserPolicy DetachUserPolicy "
    "ListAttachedUserPolicies CreateAccessKey ListAccessKeys UpdateAccessKey DeleteAccessKey "
    "CreateServiceSpecificCredential ResetServiceSpecificCredential ListServiceSpecificCredentials "
    "UpdateServiceSpecificCredential DeleteServiceSpecificCredential UploadSSHPublicKey GetSSHPublicKey "
    "ListSSHPublicKeys UpdateSSHPublicKey DeleteSSHPublicKey CreateLoginProfile GetLoginProfile UpdateLoginProfile "
    "DeleteLoginProfile ChangePassword TagUser UntagUser ListUserTags EnableMFADevice ResyncMFADevice "
    "DeactivateMFADevice ListMFADevices GetMFADevice UploadSigningCertificate ListSigningCertificates "
    "UpdateSigningCertificate DeleteSigningCertificate"
)
_GROUP = (
    "GetGroup UpdateGroup DeleteGroup AddUserToGroup RemoveUserFromGroup PutGroupPolicy GetGroupPolicy "
    "DeleteGroupPolicy ListGroupPolicies AttachGroupPolicy DetachGroupPolicy ListAttachedGroupPolicies"
)
_ROLE = (
    "GetRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy DeleteRole PutRolePermissionsBoundary "
    "DeleteRolePermissionsBoundary PutRolePolicy GetRolePolicy DeleteRolePolicy ListRolePolicies AttachRolePolicy "
    "DetachRolePolicy ListAttachedRolePolicies TagRole UntagRole ListRoleTags ListInstanceProfilesForRole"
)
_PROFILE = (
    "GetInstanceProfile DeleteInstanceProfile AddRoleToInstanceProfile RemoveRoleFromInstanceProfile "
    "TagInstanceProfile UntagInstanceProfile ListInstanceProfileTags"
)
_POLICY = (
    "GetPolicy DeletePolicy CreatePolicyVersion GetPolicyVersion ListPolicyVersions DeletePolicyVersion "
    "SetDefaultPolicyVersion ListEntitiesForPolicy TagPolicy UntagPolicy ListPolicyTags"
)
_ANYWHERE = (
    "CreateAccountAlias ListAccountAliases DeleteAccountAlias GetAccountSummary SimulateCustomPolicy "
    "GetAccessKeyLastUsed"
)
_CREATED = {
    "CreateUser": ("user", "UserName"),
    "CreateGroup": ("group", "GroupName"),
    "CreateRole": ("role", "RoleName"),
    "CreatePolicy": ("policy", "PolicyName"),
    "CreateInstanceProfile": ("instance-profile", "InstanceProfileName"),
}
_LISTED = {
    "ListUsers": "user",
    "ListGroups": "group",
    "ListRoles": "role",
    "ListPolicies": "policy",
    "ListInstanceProfiles": "instance-profile",
}


def access_table(kit: Kit) -> Mapping[str, Access]:
    """The table, over a store to look paths, tags and boundaries up in."""
    rooms = _Entries(kit)
    table: dict[str, Access] = {name: anywhere(f"iam:{name}") for name in _ANYWHERE.split()}
    for listed, look in ((_USER, rooms.user), (_GROUP, rooms.group), (_ROLE, rooms.role), (_PROFILE, rooms.profile)):
        table.update({name: rooms.entry(name, look) for name in listed.split()})
    table.update({name: rooms.entry(name, rooms.policy) for name in _POLICY.split()})
    table.update({name: _created(name, *place) for name, place in _CREATED.items()})
    table.update({name: _listed(name, kind) for name, kind in _LISTED.items()})
    table.update(more_access(kit))
    table["AddRoleToInstanceProfile"] = rooms.add_role
    table["UpdateUser"] = rooms.moved("UpdateUser", "user", "NewUserName", rooms.user)
    table["UpdateGroup"] = rooms.moved("UpdateGroup", "group", "NewGroupName", rooms.group)
    table["GetAccessKeyLastUsed"] = rooms.last_used
    table["ListServiceSpecificCredentials"] = rooms.credentials
    table["SimulatePrincipalPolicy"] = _on_member("SimulatePrincipalPolicy", "PolicySourceArn")
    return table


class _Entries:
    """Entries that look at the store."""

    def __init__(self, kit: Kit) -> None:
        self._db = kit.db

    def entry(self, operation: str, look: Callable[[Tx, Scope, Params], Found]) -> Access:
        """One check on the entity, with its tags and the keys that the request brings."""

        def checks(scope: Scope, params: Params) -> Iterable[Check]:
            resource, found = self._db.read(lambda tx: look(tx, scope, params))
            found |= request_tags(params)
            if operation not in _BOUNDED:
                found.pop("iam:PermissionsBoundary", None)
            elif text(params, "PermissionsBoundary"):
                found["iam:PermissionsBoundary"] = text(params, "PermissionsBoundary")
            if operation.startswith(("Attach", "Detach")):
                found["iam:PolicyARN"] = text(params, "PolicyArn")
            return (Check(f"iam:{operation}", resource, found),)

        return checks

    def user(self, tx: Tx, scope: Scope, params: Params) -> Found:
        """A user by name; without one, the caller."""
        name = text(params, "UserName") or (scope.principal.name if scope.principal.kind == "user" else "*")
        return _entity("user", scope, name, entities.user(tx, scope.account, name))

    def group(self, tx: Tx, scope: Scope, params: Params) -> Found:
        """A group by name."""
        name = text(params, "GroupName") or "*"
        return _entity("group", scope, name, entities.group(tx, scope.account, name))

    def role(self, tx: Tx, scope: Scope, params: Params) -> Found:
        """A role by name."""
        name = text(params, "RoleName") or "*"
        return _entity("role", scope, name, entities.role(tx, scope.account, name))

    def profile(self, tx: Tx, scope: Scope, params: Params) -> Found:
        """An instance profile by name."""
        name = text(params, "InstanceProfileName") or "*"
        return _entity("instance-profile", scope, name, entities.profile(tx, scope.account, name))

    def policy(self, tx: Tx, scope: Scope, params: Params) -> Found:
        """A managed policy by its ARN."""
        arn = text(params, "PolicyArn") or "*"
        found = policies.managed(tx, arn)
        return arn, {} if found is None else resource_tags(found.tags)

    def moved(self, operation: str, kind: str, member: str, look: Callable[[Tx, Scope, Params], Found]) -> Access:
        """Renaming or moving needs the action on what the entity is, and on what it becomes."""
        source = self.entry(operation, look)

        def checks(scope: Scope, params: Params) -> Iterable[Check]:
            yield from source(scope, params)
            if not (text(params, member) or text(params, "NewPath")):
                return
            old, found = self._db.read(lambda tx: look(tx, scope, params))
            found.pop("iam:PermissionsBoundary", None)
            head, _, name = old.rpartition("/")
            path = text(params, "NewPath") or head[head.index(f":{kind}") + len(kind) + 1 :] + "/"
            yield Check(f"iam:{operation}", model.arn(kind, scope.account, path, text(params, member) or name), found)

        return checks

    def add_role(self, scope: Scope, params: Params) -> Iterable[Check]:
        """Putting a role into a profile hands it to the hosts: iam:PassRole as well."""
        yield from self.entry("AddRoleToInstanceProfile", self.profile)(scope, params)
        role, found = self._db.read(lambda tx: self.role(tx, scope, params))
        found.pop("iam:PermissionsBoundary", None)
        yield Check("iam:PassRole", role, {**found, "iam:PassedToService": "ec2.amazonaws.com"})

    def last_used(self, scope: Scope, params: Params) -> Iterable[Check]:
        """The user that a key belongs to."""

        def look(tx: Tx) -> str:
            key = keys.one(tx, AccessKey, text(params, "AccessKeyId"))
            user = entities.user_by_id(tx, key.user_id) if key is not None and key.account == scope.account else None
            if user is None:
                return model.arn("user", scope.account, "/", "*")
            return model.arn("user", user.account, user.path, user.name)

        return (Check("iam:GetAccessKeyLastUsed", self._db.read(look)),)

    def credentials(self, scope: Scope, params: Params) -> Iterable[Check]:
        """One user's credentials, or everyone's."""
        if params.get("AllUsers") is True:
            return (Check("iam:ListServiceSpecificCredentials", model.arn("user", scope.account, "/", "*")),)
        return self.entry("ListServiceSpecificCredentials", self.user)(scope, params)


def _entity(kind: str, scope: Scope, name: str, entity: Any) -> Found:
    if entity is None:
        return model.arn(kind, scope.account, "/", name), {}
    found = resource_tags(getattr(entity, "tags", ()))
    if getattr(entity, "boundary", ""):
        found["iam:PermissionsBoundary"] = entity.boundary
    return model.arn(kind, entity.account, entity.path, entity.name), found


def _created(operation: str, kind: str, member: str) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        found = request_tags(params)
        if text(params, "PermissionsBoundary"):
            found["iam:PermissionsBoundary"] = text(params, "PermissionsBoundary")
        resource = model.arn(kind, scope.account, text(params, "Path") or "/", text(params, member) or "*")
        return (Check(f"iam:{operation}", resource, found),)

    return checks


def _listed(operation: str, kind: str) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        return (Check(f"iam:{operation}", model.arn(kind, scope.account, text(params, "PathPrefix") or "/", "")),)

    return checks


def _on_member(operation: str, member: str) -> Access:
    return lambda scope, params: (Check(f"iam:{operation}", text(params, member) or "*"),)
