"""The whole of an account's IAM in one list: who is there, and with which policies."""

from __future__ import annotations

from codeyard.contract import Context, Params
from codeyard.formats.moments import whole_second
from codeyard.platform.iam import model
from codeyard.platform.iam.api.base import Answer, Room, boundary_answer, encoded, profile_answer, sliced, tag_list
from codeyard.platform.iam.api.policies import policy_answer, version_answer, versions_of
from codeyard.platform.iam.model import Group, ManagedPolicy, Role, User
from codeyard.platform.iam.store import entities
from codeyard.platform.iam.store import policies as store
from codeyard.platform.iam.store.tables import groups, policies, roles
from codeyard.storage import Tx

_MEMBERS = {"User": "UserDetailList", "Group": "GroupDetailList", "Role": "RoleDetailList"}
Thing = User | Group | Role | ManagedPolicy
Usage = dict[str, tuple[int, int]]


class AccountDetails(Room):
    """The operation that tells everything."""

    def get_account_authorization_details(self, ctx: Context, req: Params) -> Answer:
        """Users, groups, roles and managed policies (of AWS's own, those in use), each with what it holds."""
        wanted = req.get("Filter") or ()

        def get(tx: Tx) -> Answer:
            usage = store.usage(tx, ctx.account)
            found = [one for one in self._everything(tx, ctx, usage) if not wanted or one[0] in wanted]
            shown, more = sliced(req, found, lambda one: one[1])
            answer: Answer = {member: [] for member in (*_MEMBERS.values(), "Policies")}
            for kind, _, thing in shown:
                answer[_MEMBERS.get(kind, "Policies")].append(self._told(tx, thing, usage))
            return {**answer, **more}

        return self._read(get)

    def _everything(self, tx: Tx, ctx: Context, usage: Usage) -> list[tuple[str, str, Thing]]:
        """(kind, place in the list, thing)."""
        found: list[tuple[str, str, Thing]] = [
            ("User", f"1{one.name.lower()}", one) for one in entities.users_of(tx, ctx.account)
        ]
        for kind, place, table, made in (("Group", 2, groups, entities.group_of), ("Role", 3, roles, entities.role_of)):
            rows = tx.all(table.select().where(table.c.account == ctx.account))
            found += [(kind, f"{place}{row.key}", made(row)) for row in rows]
        rows = tx.all(policies.select().where(policies.c.account == ctx.account))
        found += [("LocalManagedPolicy", f"4{row.arn}", store.policy_of(row)) for row in rows]
        return found + [("AWSManagedPolicy", f"5{arn}", one) for arn, one in self.aws.policies.items() if arn in usage]

    def _told(self, tx: Tx, thing: Thing, usage: Usage) -> Answer:
        if isinstance(thing, ManagedPolicy):
            return self._policy_detail(tx, thing, usage)
        kind = type(thing).__name__
        answer: Answer = {
            "Path": thing.path,
            f"{kind}Name": thing.name,
            f"{kind}Id": thing.id,
            "Arn": model.arn(kind.lower(), thing.account, thing.path, thing.name),
            "CreateDate": whole_second(thing.created),
            f"{kind}PolicyList": [
                {"PolicyName": name, "PolicyDocument": encoded(text)}
                for _, name, text in store.inline_policies(tx, [thing.id])
            ],
            "AttachedManagedPolicies": [
                {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for _, arn in store.attached(tx, [thing.id])
            ],
        }
        return answer if isinstance(thing, Group) else answer | _of_user_or_role(tx, thing)

    def _policy_detail(self, tx: Tx, policy: ManagedPolicy, usage: Usage) -> Answer:
        listed = [
            version_answer(one, policy.default_version) | {"Document": encoded(one.document)}
            for one in versions_of(tx, self.aws, policy)
        ]
        return policy_answer(policy, usage, description=True) | {"PolicyVersionList": listed}


def _of_user_or_role(tx: Tx, thing: User | Role) -> Answer:
    answer: Answer = {"Tags": tag_list(thing.tags)} | boundary_answer(thing.boundary)
    if isinstance(thing, User):
        return answer | {"GroupList": [one.name for one in entities.groups_of(tx, thing.id)]}
    last = {"LastUsedDate": whole_second(thing.used), "Region": thing.used_region} if thing.used else {}
    return answer | {
        "AssumeRolePolicyDocument": encoded(thing.trust),
        "InstanceProfileList": [profile_answer(tx, one) for one in entities.profiles_of_role(tx, thing.id)],
        "RoleLastUsed": last,
    }
