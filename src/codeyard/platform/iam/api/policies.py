"""Managed policies and their versions; AWS's own are read only."""

from __future__ import annotations

from collections.abc import Mapping

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import whole_second
from codeyard.platform.iam import errors, model
from codeyard.platform.iam.api.base import Answer, Room, check_quota, encoded, sliced, tag_list
from codeyard.platform.iam.managed import AwsManaged
from codeyard.platform.iam.model import ManagedPolicy, PolicyVersion
from codeyard.platform.iam.policy import parse
from codeyard.platform.iam.store import entities
from codeyard.platform.iam.store import policies as store
from codeyard.platform.iam.store.tables import groups, policies, roles, users
from codeyard.storage import Tx

_HAS_VERSIONS = (
    "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
    "The default version is deleted with the policy."
)


class Policies(Room):
    """Operations on managed policies."""

    def create_policy(self, ctx: Context, req: Params) -> Answer:
        """Create a managed policy with its first version."""
        policy_id = model.unique_id(self.kit.ids, "ANPA")
        name, path, document = req["PolicyName"], req.get("Path") or "/", req["PolicyDocument"]
        tags = model.merged_tags((), model.request_tags(req.get("Tags") or ()))
        arn = model.arn("policy", ctx.account, path, name)
        _check_document(document)

        def make(tx: Tx) -> Answer:
            if tx.one(policies.select().where(policies.c.account == ctx.account, policies.c.key == name.lower())):
                raise errors.exists(f"A policy called {name} already exists. Duplicate names are not allowed.")
            check_quota(tx, policies, ctx, model.POLICIES, "PoliciesPerAccount")
            entities.insert(
                tx,
                policies,
                id=policy_id,
                account=ctx.account,
                name=name,
                path=path,
                created=ctx.now,
                arn=arn,
                description=req.get("Description") or "",
                default_version=1,
                last_version=1,
                updated=ctx.now,
                tags=tags,
            )
            store.add_version(tx, arn, 1, document, ctx.now)
            return {"Policy": policy_answer(self._policy(tx, ctx, arn), {}, tags=True)}

        return ctx.write(make)

    def get_policy(self, ctx: Context, req: Params) -> Answer:
        """A managed policy without its document."""

        def get(tx: Tx) -> Answer:
            policy = self._policy(tx, ctx, req["PolicyArn"])
            return policy_answer(policy, store.usage(tx, ctx.account), tags=True, description=True)

        return {"Policy": self._read(get)}

    def list_policies(self, ctx: Context, req: Params) -> Answer:
        """Managed policies by name: AWS's, the account's, or both; attached ones only, if asked."""
        rows = self._read(lambda tx: tx.all(policies.select().where(policies.c.account == ctx.account)))
        usage = self._read(lambda tx: store.usage(tx, ctx.account))
        own = [store.policy_of(row) for row in rows]
        scope = req.get("Scope") or "All"
        found = (own if scope != "AWS" else []) + (list(self.aws.policies.values()) if scope != "Local" else [])
        prefix = req.get("PathPrefix") or "/"
        wanted = [one for one in found if one.path.startswith(prefix) and _is_wanted(one, req, usage)]
        shown, more = sliced(req, wanted, lambda policy: policy.name.lower() + policy.arn)
        return {"Policies": [policy_answer(policy, usage) for policy in shown], **more}

    def delete_policy(self, ctx: Context, req: Params) -> Answer:
        """Delete a managed policy that is attached to nothing and has one version left."""

        def remove(tx: Tx) -> Answer:
            policy = self._own(tx, ctx, req["PolicyArn"])
            if sum(store.usage(tx, ctx.account).get(policy.arn, (0, 0))):
                raise errors.conflict("Cannot delete a policy attached to entities.")
            if len(store.policy_versions(tx, policy.arn)) > 1:
                raise errors.conflict(_HAS_VERSIONS)
            store.delete_managed(tx, policy)
            return {}

        return ctx.write(remove)

    def create_policy_version(self, ctx: Context, req: Params) -> Answer:
        """Add a version; at most five are kept."""
        document = req["PolicyDocument"]
        _check_document(document)

        def make(tx: Tx) -> Answer:
            policy = self._own(tx, ctx, req["PolicyArn"])
            if len(store.policy_versions(tx, policy.arn)) >= model.POLICY_VERSIONS:
                raise AwsError(
                    "LimitExceededException",
                    "A managed policy can have up to 5 versions. Before you create a new version, you must delete an "
                    "existing version.",
                )
            number = store.next_version(tx, policy.id)
            store.add_version(tx, policy.arn, number, document, ctx.now)
            default = bool(req.get("SetAsDefault"))
            if default:
                entities.update(tx, policies, policy.id, default_version=number, updated=ctx.now)
            version = PolicyVersion(number, document, ctx.now)
            return {"PolicyVersion": version_answer(version, number if default else policy.default_version)}

        return ctx.write(make)

    def get_policy_version(self, ctx: Context, req: Params) -> Answer:
        """One version with its document."""

        def get(tx: Tx) -> Answer:
            policy, version = self._version(tx, ctx, req)
            return {**version_answer(version, policy.default_version), "Document": encoded(version.document)}

        return {"PolicyVersion": self._read(get)}

    def list_policy_versions(self, ctx: Context, req: Params) -> Answer:
        """A policy's versions, newest first, without their documents."""

        def get(tx: Tx) -> tuple[ManagedPolicy, list[PolicyVersion]]:
            policy = self._policy(tx, ctx, req["PolicyArn"])
            return policy, versions_of(tx, self.aws, policy)

        policy, found = self._read(get)
        shown, more = sliced(req, found, lambda version: f"{10**9 - version.number:010d}")
        return {"Versions": [version_answer(version, policy.default_version) for version in shown], **more}

    def delete_policy_version(self, ctx: Context, req: Params) -> Answer:
        """Delete a version that is not the default."""

        def remove(tx: Tx) -> Answer:
            policy, version = self._version(tx, ctx, req, own=True)
            if version.number == policy.default_version:
                raise errors.conflict("Cannot delete the default version of a policy.")
            store.delete_version(tx, policy.arn, version.number)
            return {}

        return ctx.write(remove)

    def set_default_policy_version(self, ctx: Context, req: Params) -> Answer:
        """Put a version in force."""

        def change(tx: Tx) -> Answer:
            policy, version = self._version(tx, ctx, req, own=True)
            entities.update(tx, policies, policy.id, default_version=version.number, updated=ctx.now)
            return {}

        return ctx.write(change)

    def list_entities_for_policy(self, ctx: Context, req: Params) -> Answer:
        """The users, groups and roles that a policy is attached to or bounds."""
        usage = req.get("PolicyUsageFilter")
        kinds = {"User": users, "Group": groups, "Role": roles}
        chosen = {kind: table for kind, table in kinds.items() if req.get("EntityFilter") in (None, kind)}

        def get(tx: Tx) -> list[tuple[str, str, str]]:
            policy = self._policy(tx, ctx, req["PolicyArn"])
            found: dict[tuple[str, str], str] = {}
            for kind, table in chosen.items():
                for boundary in (False, True):
                    if usage not in (None, "PermissionsBoundary" if boundary else "PermissionsPolicy"):
                        continue
                    for row in store.entities_with(tx, table, ctx.account, policy.arn, boundary=boundary):
                        if row.path.startswith(req.get("PathPrefix") or "/"):
                            found[kind, row.name] = row.id
            return [(kind, name, entity) for (kind, name), entity in found.items()]

        shown, more = sliced(req, self._read(get), lambda one: f"{one[0]}/{one[1].lower()}")
        lists = {
            f"Policy{kind}s": [{f"{kind}Name": n, f"{kind}Id": i} for k, n, i in shown if k == kind] for kind in kinds
        }
        return {**lists, **more}

    def _policy(self, tx: Tx, ctx: Context, arn: str) -> ManagedPolicy:
        if arn in self.aws.policies:
            return self.aws.policies[arn]
        policy = store.managed(tx, arn)
        if policy is None or policy.account != ctx.account:
            raise errors.no_such(f"Policy {arn} was not found.")
        return policy

    def _own(self, tx: Tx, ctx: Context, arn: str) -> ManagedPolicy:
        policy = self._policy(tx, ctx, arn)
        if policy.account == "aws":
            raise errors.invalid(f"Policy {arn} is managed by AWS and cannot be changed.")
        return policy

    def _version(self, tx: Tx, ctx: Context, req: Params, *, own: bool = False) -> tuple[ManagedPolicy, PolicyVersion]:
        find = self._own if own else self._policy
        policy = find(tx, ctx, req["PolicyArn"])
        for version in versions_of(tx, self.aws, policy):
            if f"v{version.number}" == req["VersionId"]:
                return policy, version
        raise errors.no_such(f"Policy {policy.arn} version {req['VersionId']} does not exist or is not attachable.")


def _check_document(document: str) -> None:
    parse(document, "identity")
    if model.size(document) > model.MANAGED_POLICY_SIZE:
        raise errors.limit("PolicySize", model.MANAGED_POLICY_SIZE)


def _is_wanted(policy: ManagedPolicy, req: Params, usage: Mapping[str, tuple[int, int]]) -> bool:
    attached, bounding = usage.get(policy.arn, (0, 0))
    chosen = req.get("PolicyUsageFilter")
    if chosen == "PermissionsBoundary" and not bounding:
        return False
    if chosen == "PermissionsPolicy" and not attached:
        return False
    return not req.get("OnlyAttached") or bool(attached or bounding)


def versions_of(tx: Tx, aws: AwsManaged, policy: ManagedPolicy) -> list[PolicyVersion]:
    """A managed policy's documents; one of AWS's own has one."""
    document = aws.document(policy.arn)
    if document is None:
        return store.policy_versions(tx, policy.arn)
    return [PolicyVersion(policy.default_version, document, policy.created)]


def policy_answer(
    policy: ManagedPolicy, usage: Mapping[str, tuple[int, int]], *, tags: bool = False, description: bool = False
) -> Answer:
    """A managed policy as answers carry it; `usage` is (attachments, boundaries) by ARN."""
    attached, bounding = usage.get(policy.arn, (0, 0))
    found: Answer = {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.default_version}",
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": bounding,
        "IsAttachable": True,
        "CreateDate": whole_second(policy.created),
        "UpdateDate": whole_second(policy.updated),
    }
    if description and policy.description:
        found["Description"] = policy.description
    if tags and policy.tags:
        found["Tags"] = tag_list(policy.tags)
    return found


def version_answer(version: PolicyVersion, default: int) -> Answer:
    """A version as answers carry it, without its document."""
    return {
        "VersionId": f"v{version.number}",
        "IsDefaultVersion": version.number == default,
        "CreateDate": whole_second(version.created),
    }
