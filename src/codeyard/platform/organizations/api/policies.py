"""Service control policies, and what they are attached to."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.platform.organizations import model, store
from codeyard.platform.organizations.access import arn_of
from codeyard.platform.organizations.api.base import Answer, Room, kind_of, managed, sliced
from codeyard.platform.organizations.api.organization import root_answer
from codeyard.platform.organizations.errors import constraint, invalid
from codeyard.platform.organizations.model import Organization, Policy
from codeyard.storage import Tx, loads


class PolicyOperations(Room):
    """Operations on policies."""

    def enable_policy_type(self, ctx: Context, req: Params) -> Answer:
        """Let service control policies count; FullAWSAccess is attached everywhere, so that nothing is lost at once."""

        def enable(tx: Tx) -> Answer:
            org = _rooted(tx, ctx, req)
            if org.scp:
                message = "The specified policy type is already enabled."
                raise AwsError("PolicyTypeAlreadyEnabledException", message)
            targets = [org.root, *(one.id for one in store.units_of(tx, org.id))]
            for target in (*targets, *(one.account for one in store.members_of(tx, org.id))):
                store.attach(tx, org.id, target)
            store.update(tx, store.organizations, store.organizations.c.id == org.id, scp=1)
            return {"Root": root_answer(managed(tx, ctx))}

        return ctx.write(enable)

    def disable_policy_type(self, ctx: Context, req: Params) -> Answer:
        """Let service control policies count no more; they are detached from everything."""

        def disable(tx: Tx) -> Answer:
            org = _rooted(tx, ctx, req)
            if not org.scp:
                raise _not_enabled()
            store.delete(tx, store.attachments, store.attachments.c.org == org.id)
            store.update(tx, store.organizations, store.organizations.c.id == org.id, scp=0)
            return {"Root": root_answer(managed(tx, ctx))}

        return ctx.write(disable)

    def create_policy(self, ctx: Context, req: Params) -> Answer:
        """Write a service control policy."""
        _only_scp(req["Type"])
        _check(req["Content"])
        policy_id = model.fresh(self.kit.ids, "p", 8)

        def make(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            _refuse_name(tx, org, req["Name"])
            made = Policy(policy_id, org.id, req["Name"], req["Description"], req["Content"])
            store.insert(tx, store.policies, **{name: getattr(made, name) for name in Policy.__slots__})
            return {"Policy": _answer(org, made)}

        return ctx.write(make)

    def describe_policy(self, ctx: Context, req: Params) -> Answer:
        """A policy with its text."""

        def get(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            return {"Policy": _answer(org, _found(tx, org, req["PolicyId"]))}

        return self._read(get)

    def update_policy(self, ctx: Context, req: Params) -> Answer:
        """Change a policy; it counts at once."""
        if "Content" in req:
            _check(req["Content"])

        def change(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            found = _own(tx, org, req["PolicyId"])
            if req.get("Name") and req["Name"] != found.name:
                _refuse_name(tx, org, req["Name"])
            given = {"name": "Name", "description": "Description", "content": "Content"}
            values = {column: req[name] for column, name in given.items() if name in req}
            if values:
                store.update(tx, store.policies, store.policies.c.id == found.id, **values)
            return {"Policy": _answer(org, _found(tx, org, found.id))}

        return ctx.write(change)

    def delete_policy(self, ctx: Context, req: Params) -> Answer:
        """Delete a policy that is attached to nothing."""

        def remove(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            found = _own(tx, org, req["PolicyId"])
            if any(found.id in held for held in store.attached(tx, org.id).values()):
                raise AwsError("PolicyInUseException", "The policy is attached to one or more entities.")
            store.delete(tx, store.policies, store.policies.c.id == found.id)
            return {}

        return ctx.write(remove)

    def list_policies(self, ctx: Context, req: Params) -> Answer:
        """The organization's policies, AWS's own among them."""
        _only_scp(req["Filter"])

        def get(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            return sliced(req, [_summary(org, one) for one in store.policies_of(tx, org.id)], "Policies")

        return self._read(get)

    def attach_policy(self, ctx: Context, req: Params) -> Answer:
        """Bound a root, a unit or an account by a policy."""

        def attach(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            found, target = _found(tx, org, req["PolicyId"]), _target(tx, org, req["TargetId"])
            if not org.scp:
                raise _not_enabled()
            held = store.attached(tx, org.id).get(target, [])
            if found.id in held:
                message = "A policy with the specified name and type is already attached to the target."
                raise AwsError("DuplicatePolicyAttachmentException", message)
            if len(held) >= model.ATTACHED:
                message = "You have attached the maximum number of policies to the target."
                raise constraint(message, "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED")
            store.attach(tx, org.id, target, found.id)
            return {}

        return ctx.write(attach)

    def detach_policy(self, ctx: Context, req: Params) -> Answer:
        """Take a policy off a target, which keeps one at least."""

        def detach(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            found, target = _found(tx, org, req["PolicyId"]), _target(tx, org, req["TargetId"])
            held = store.attached(tx, org.id).get(target, [])
            if found.id not in held:
                message = "The policy isn't attached to the specified target."
                raise AwsError("PolicyNotAttachedException", message)
            if len(held) == 1:
                message = "You must leave at least one policy of this type attached to the target."
                raise constraint(message, "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED")
            rows = store.attachments.c
            store.delete(tx, store.attachments, (rows.target == target) & (rows.policy == found.id))
            return {}

        return ctx.write(detach)

    def list_policies_for_target(self, ctx: Context, req: Params) -> Answer:
        """The policies attached right to a root, unit or account."""
        _only_scp(req["Filter"])

        def get(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            held = store.attached(tx, org.id).get(_target(tx, org, req["TargetId"]), [])
            found = [_summary(org, one) for one in store.policies_of(tx, org.id) if one.id in held]
            return sliced(req, found, "Policies")

        return self._read(get)

    def list_targets_for_policy(self, ctx: Context, req: Params) -> Answer:
        """What a policy is attached to."""

        def get(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            found = _found(tx, org, req["PolicyId"])
            targets = [name for name, held in sorted(store.attached(tx, org.id).items()) if found.id in held]
            return sliced(req, [_target_answer(tx, org, name) for name in targets], "Targets")

        return self._read(get)


def _rooted(tx: Tx, ctx: Context, req: Params) -> Organization:
    _only_scp(req["PolicyType"])
    org = managed(tx, ctx)
    if req["RootId"] != org.root:
        raise AwsError("RootNotFoundException", "We can't find a root with the RootId that you specified.")
    return org


def _only_scp(kind: str) -> None:
    if kind != model.SCP:
        raise invalid(f"Only policies of the type {model.SCP} are offered, not {kind}.", "INVALID_ENUM_POLICY_TYPE")


def _not_enabled() -> AwsError:
    return AwsError("PolicyTypeNotEnabledException", "This operation can be performed only for enabled policy types.")


def _check(content: str) -> None:
    """Refuse what is no policy: one that cannot be read when a call is decided denies everything."""
    if len(content) > model.POLICY_SIZE:
        raise constraint("The policy exceeds the maximum size.", "POLICY_CONTENT_LIMIT_EXCEEDED")
    try:
        found: Any = loads(content)
    except ValueError:
        found = None
    statements = found.get("Statement") if isinstance(found, dict) else None
    listed = statements if isinstance(statements, list) else [statements]
    if not statements or not all(map(_is_statement, listed)) or found.get("Version") != "2012-10-17":
        message = "The provided policy document does not meet the requirements of the specified policy type."
        raise AwsError("MalformedPolicyDocumentException", message)


def _is_statement(one: Any) -> bool:
    if not isinstance(one, dict) or one.get("Effect") not in ("Allow", "Deny"):
        return False
    acts = ("Action" in one) != ("NotAction" in one)
    return acts and ("Resource" in one) != ("NotResource" in one) and not {"Principal", "NotPrincipal"} & set(one)


def _found(tx: Tx, org: Organization, policy_id: str) -> Policy:
    found = next((one for one in store.policies_of(tx, org.id) if one.id == policy_id), None)
    if found is None:
        raise AwsError("PolicyNotFoundException", "We can't find a policy with the PolicyId that you specified.")
    return found


def _own(tx: Tx, org: Organization, policy_id: str) -> Policy:
    found = _found(tx, org, policy_id)
    if found is model.FULL:
        raise invalid("You can't change an AWS managed policy.", "IMMUTABLE_POLICY")
    return found


def _refuse_name(tx: Tx, org: Organization, name: str) -> None:
    if any(one.name == name for one in store.policies_of(tx, org.id)):
        raise AwsError("DuplicatePolicyException", "A policy with the same name already exists.")


def _target(tx: Tx, org: Organization, name: str) -> str:
    if kind_of(tx, org, name) is None:
        message = "We can't find a root, OU, or account with the TargetId that you specified."
        raise AwsError("TargetNotFoundException", message)
    return name


def _target_answer(tx: Tx, org: Organization, name: str) -> Answer:
    units = {one.id: one.name for one in store.units_of(tx, org.id)}
    member = store.member(tx, org.id, name)
    told = "Root" if name == org.root else member.name if member is not None else units.get(name, name)
    return {"TargetId": name, "Arn": arn_of(org, name), "Name": told, "Type": kind_of(tx, org, name)}


def _summary(org: Organization, policy: Policy) -> Answer:
    return {
        "Id": policy.id,
        "Arn": model.policy_arn(org, policy.id),
        "Name": policy.name,
        "Description": policy.description,
        "Type": model.SCP,
        "AwsManaged": policy is model.FULL,
    }


def _answer(org: Organization, policy: Policy) -> Answer:
    return {"PolicySummary": _summary(org, policy), "Content": policy.content}
