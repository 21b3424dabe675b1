"""The whole of an account's IAM in one list: who is there, and with which policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import sqlalchemy as sa

from codeyard.contract import Context, Params
from codeyard.formats.moments import whole_second
from codeyard.platform.iam import model
from codeyard.platform.iam.api.base import (
    Answer,
    Room,
    after,
    boundary_answer,
    encoded,
    marker_of,
    profile_answer,
    tag_list,
)
from codeyard.platform.iam.api.policies import policy_answer, version_answer, versions_of
from codeyard.platform.iam.model import Group, ManagedPolicy, Role, User
from codeyard.platform.iam.store import entities
from codeyard.platform.iam.store import policies as store
from codeyard.platform.iam.store.tables import groups, policies, roles, users
from codeyard.storage import Row, Tx

_MEMBERS = {"User": "UserDetailList", "Group": "GroupDetailList", "Role": "RoleDetailList"}
_ORDER = ("User", "Group", "Role", "LocalManagedPolicy", "AWSManagedPolicy")
Thing = User | Group | Role | ManagedPolicy
Usage = dict[str, tuple[int, int]]
_TABLES: Mapping[str, tuple[sa.Table, Callable[[Row], Thing]]] = MappingProxyType(
    {
        "User": (users, entities.user_of),
        "Group": (groups, entities.group_of),
        "Role": (roles, entities.role_of),
        "LocalManagedPolicy": (policies, store.policy_of),
    }
)


class AccountDetails(Room):
    """The operation that tells everything."""

    def get_account_authorization_details(self, ctx: Context, req: Params) -> Answer:
        """Users, groups, roles and managed policies (of AWS's own, those in use), each with what it holds."""
        wanted = req.get("Filter") or ()

        def get(tx: Tx) -> Answer:
            most = int(req.get("MaxItems") or 100)
            found = self._from(tx, ctx, wanted, after(req), most + 1)
            told = [one.arn for _, _, one in found if isinstance(one, ManagedPolicy)]
            usage = store.usage(tx, ctx.account, told) if told else {}
            answer: Answer = {member: [] for member in (*_MEMBERS.values(), "Policies")}
            for kind, _, thing in found[:most]:
                answer[_MEMBERS.get(kind, "Policies")].append(self._told(tx, thing, usage))
            if len(found) <= most:
                return answer | {"IsTruncated": False}
            return answer | {"IsTruncated": True, "Marker": marker_of(found[most - 1][1])}

        return self._read(get)

    def _from(
        self, tx: Tx, ctx: Context, wanted: Sequence[str], behind: str, limit: int
    ) -> list[tuple[str, str, Thing]]:
        """(kind, place in the list, thing), at most so many: no more rows are read than are told."""
        found: list[tuple[str, str, Thing]] = []
        for number, kind in enumerate(_ORDER, 1):
            left, place = limit - len(found), str(number)
            if left and place >= behind[:1] and (not wanted or kind in wanted):
                start = behind[1:] if place == behind[:1] else ""
                found += [(kind, place + key, one) for key, one in self._of_kind(tx, ctx, kind, start, left)]
        return found

    def _of_kind(self, tx: Tx, ctx: Context, kind: str, start: str, limit: int) -> Sequence[tuple[str, Thing]]:
        if kind not in _TABLES:
            in_use = store.usage(tx, ctx.account, list(self.aws.policies))
            return [(arn, self.aws.policies[arn]) for arn in sorted(in_use) if arn > start][:limit]
        table, made = _TABLES[kind]
        return [(row.key, made(row)) for row in entities.page(tx, table, ctx.account, "", start, limit - 1)]

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
