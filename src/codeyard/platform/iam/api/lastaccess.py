"""What users, groups, roles and policies grant, and what of it was used: to take away what nobody needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from codeyard.contract import Context, Params
from codeyard.formats.moments import whole_second
from codeyard.platform.iam import errors
from codeyard.platform.iam.api.base import Answer, Room, sliced
from codeyard.platform.iam.api.grantors import Grantor, entity_named, grantors
from codeyard.platform.iam.callers import arn_of
from codeyard.platform.iam.granting import granted, grants, service_names
from codeyard.platform.iam.model import Group, ManagedPolicy, Role, User
from codeyard.platform.iam.store import entities, jobs, policies
from codeyard.platform.iam.store.jobs import Use
from codeyard.platform.iam.store.tables import groups, roles, users
from codeyard.storage import Tx

_JOB = "last-accessed"


@dataclass(frozen=True, slots=True)
class _Members:
    """Those whose use counts, by unique id."""

    by_id: dict[str, User | Role]

    def uses(self, tx: Tx) -> list[Use]:
        return jobs.uses_of(tx, self.by_id)


class LastAccess(Room):
    """Operations on service last accessed details."""

    def list_policies_granting_service_access(self, ctx: Context, req: Params) -> Answer:
        """For each service, the policies of a user (its groups' too), group or role that grant some of it."""

        def get(tx: Tx) -> list[Grantor]:
            return grantors(tx, self.aws, entity_named(tx, self.aws, ctx, req["Arn"], policy=False))

        held = self._read(get)
        listed = [
            {"ServiceNamespace": one, "Policies": [grantor.answer() for grantor in held if grants(grantor.text, one)]}
            for one in req["ServiceNamespaces"]
        ]
        shown, more = sliced(req, enumerate(listed), lambda one: f"{one[0]:04d}")
        return {"PoliciesGrantingServiceAccess": [one for _, one in shown], **more}

    def generate_service_last_accessed_details(self, ctx: Context, req: Params) -> Answer:
        """Write a report of what an entity may use and has used."""
        job_id = self.kit.ids.uuid()
        by_action = req.get("Granularity") == "ACTION_LEVEL"

        def make(tx: Tx) -> Answer:
            thing = entity_named(tx, self.aws, ctx, req["Arn"], policy=True)
            texts = [one.text for one in grantors(tx, self.aws, thing)]
            members = _members(tx, ctx, thing)
            rows = _services(granted(texts), members, members.uses(tx))
            report = {"services": rows, "by_action": by_action, "entities": _entities(tx, ctx, thing, members)}
            jobs.add(tx, job_id, ctx.account, _JOB, report, ctx.now)
            return {"JobId": job_id}

        return ctx.write(make)

    def get_service_last_accessed_details(self, ctx: Context, req: Params) -> Answer:
        """The report: each service that the entity may use, and when one last did."""
        made, report = self._job(ctx, req)
        shown, more = sliced(req, report["services"], lambda one: str(one["namespace"]))
        return {
            "JobStatus": "COMPLETED",
            "JobType": "ACTION_LEVEL" if report["by_action"] else "SERVICE_LEVEL",
            "JobCreationDate": whole_second(made),
            "JobCompletionDate": whole_second(made),
            "ServicesLastAccessed": [_service_answer(one, by_action=report["by_action"]) for one in shown],
            **more,
        }

    def get_service_last_accessed_details_with_entities(self, ctx: Context, req: Params) -> Answer:
        """Who may use one service of the report by it, and when each last did."""
        made, report = self._job(ctx, req)
        service = next((one for one in report["services"] if one["namespace"] == req["ServiceNamespace"]), None)
        used = {} if service is None else {one["entity"]: one["used"] for one in service["uses"]}
        listed = report["entities"] if service is not None else []
        shown, more = sliced(req, listed, lambda one: str(one["Arn"]))
        return {
            "JobStatus": "COMPLETED",
            "JobCreationDate": whole_second(made),
            "JobCompletionDate": whole_second(made),
            "EntityDetailsList": [_entity_answer(one, used.get(one["Id"], 0)) for one in shown],
            **more,
        }

    def _job(self, ctx: Context, req: Params) -> tuple[int, Answer]:
        found = self._read(lambda tx: jobs.result(tx, req["JobId"], ctx.account, _JOB))
        if found is None:
            raise errors.no_such(f"JobId {req['JobId']} cannot be found.")
        return found


def _members(tx: Tx, ctx: Context, thing: User | Group | Role | ManagedPolicy) -> _Members:
    if isinstance(thing, User | Role):
        return _Members({thing.id: thing})
    if isinstance(thing, Group):
        return _Members({one.id: one for one in entities.members(tx, thing.id)})
    found: dict[str, User | Role] = {}
    for table, made in ((users, entities.user_of), (roles, entities.role_of)):
        for row in policies.entities_with(tx, table, ctx.account, thing.arn, boundary=False):
            found[row.id] = made(row)
    for row in policies.entities_with(tx, groups, ctx.account, thing.arn, boundary=False):
        found |= {one.id: one for one in entities.members(tx, row.id)}
    return _Members(found)


def _services(namespaces: Iterable[str], members: _Members, uses: Sequence[Use]) -> list[Answer]:
    names, by_service = service_names(), dict[str, list[Use]]()
    for one in uses:
        by_service.setdefault(one.service, []).append(one)
    return [
        {
            "namespace": namespace,
            "name": names[namespace],
            "uses": [_use(one, members) for one in sorted(by_service.get(namespace, ()), key=lambda use: use.used)],
        }
        for namespace in namespaces
    ]


def _use(use: Use, members: _Members) -> Answer:
    arn = arn_of(members.by_id[use.entity_id])
    return {"entity": use.entity_id, "arn": arn, "action": use.action, "used": use.used, "region": use.region}


def _entities(tx: Tx, ctx: Context, thing: User | Group | Role | ManagedPolicy, members: _Members) -> list[Answer]:
    found = [_info(one) for one in members.by_id.values()]
    if isinstance(thing, ManagedPolicy):
        for row in policies.entities_with(tx, groups, ctx.account, thing.arn, boundary=False):
            found.append(_info(entities.group_of(row)))
    return found


def _info(one: User | Group | Role) -> Answer:
    kind = type(one).__name__
    arn = f"arn:aws:iam::{one.account}:{kind.lower()}{one.path}{one.name}"
    return {"Arn": arn, "Name": one.name, "Type": kind.upper(), "Id": one.id, "Path": one.path}


def _service_answer(row: Answer, *, by_action: bool) -> Answer:
    uses = row["uses"]
    answer: Answer = {
        "ServiceName": row["name"],
        "ServiceNamespace": row["namespace"],
        "TotalAuthenticatedEntities": len({one["entity"] for one in uses}),
    }
    if uses:
        answer["LastAuthenticated"] = whole_second(uses[-1]["used"])
        answer["LastAuthenticatedEntity"] = uses[-1]["arn"]
        answer["LastAuthenticatedRegion"] = uses[-1]["region"]
    if by_action:
        latest = {one["action"]: one for one in uses}
        answer["TrackedActionsLastAccessed"] = [_action_answer(latest[name]) for name in sorted(latest)]
    return answer


def _action_answer(use: Answer) -> Answer:
    return {
        "ActionName": use["action"],
        "LastAccessedEntity": use["arn"],
        "LastAccessedTime": whole_second(use["used"]),
        "LastAccessedRegion": use["region"],
    }


def _entity_answer(info: Answer, used: int) -> Answer:
    return {"EntityInfo": info} | ({"LastAuthenticated": whole_second(used)} if used else {})
