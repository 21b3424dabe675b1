"""On-premises instances: hosts registered by the IAM identity that their agent calls as."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.services.codedeploy import model
from codeyard.services.codedeploy.api.common import Base, check_batch, page, time, told, where
from codeyard.services.codedeploy.store import hosts
from codeyard.storage import Row, Tx, dumps

_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,100}")
_USER = re.compile(r"arn:[a-z-]+:iam::\d{12}:user/[\w+=,.@/-]{1,576}")
_SESSION = re.compile(r"arn:[a-z-]+:sts::\d{12}:assumed-role/[\w+=,.@-]{1,64}/[\w+=,.@-]{2,64}")
_TAGS = 50
_CALL = 100


class Hosts(Base):
    """The on-premises instance operations."""

    def register_on_premises_instance(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Register a host under the IAM user or session that its agent polls as."""
        name, user, session = req["instanceName"], req.get("iamUserArn"), req.get("iamSessionArn")
        _check_name(name)
        _check_bearer(user, session)
        arn = ctx.arn(f"instance/{name}_{self._kit.ids.token(10)}", "codedeploy")

        def write(tx: Tx) -> dict[str, Any]:
            row = hosts.instance(tx, where(ctx), name)
            if row is not None and row.deregistered_at is None:
                raise AwsError("InstanceNameAlreadyRegisteredException", f"{name} is already registered")
            self._refuse_borne(tx, ctx, user, session)
            values = {"arn": arn, "iam_user_arn": user, "iam_session_arn": session, "registered_at": ctx.now}
            cleared = {"deregistered_at": None, "seen_at": None, "tags": dumps({})}
            hosts.put_instance(tx, where(ctx), name, values | cleared)
            tx.after_commit(self._hosts.forget)
            return {}

        return ctx.write(write)

    def _refuse_borne(self, tx: Tx, ctx: Context, user: str | None, session: str | None) -> None:
        if user and hosts.bearer(tx, ctx.region, user) is not None:
            raise AwsError("IamUserArnAlreadyRegisteredException", f"{user} is already registered with an instance")
        if session and hosts.bearer(tx, ctx.region, session) is not None:
            raise AwsError("IamSessionArnAlreadyRegisteredException", f"{session} is already registered")

    def deregister_on_premises_instance(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Deregister a host: its agent is refused from now on. One that is not there is no error."""
        name = req["instanceName"]
        _check_name(name)

        def write(tx: Tx) -> dict[str, Any]:
            row = hosts.instance(tx, where(ctx), name)
            if row is not None and row.deregistered_at is None:
                hosts.put_instance(tx, where(ctx), name, dict(_columns(row)) | {"deregistered_at": ctx.now})
                tx.after_commit(self._hosts.forget)
            return {}

        return ctx.write(write)

    def get_on_premises_instance(self, ctx: Context, req: Params) -> dict[str, Any]:
        """One host, also after it was deregistered."""
        name = req["instanceName"]
        _check_name(name)
        return {"instanceInfo": _info(self._kit.db.read(lambda tx: _the_instance(tx, ctx, name)))}

    def batch_get_on_premises_instances(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The hosts of these names that are there."""
        names = list(dict.fromkeys(req["instanceNames"]))
        check_batch(names, "InstanceNameRequiredException")
        for name in names:
            _check_name(name)
        rows = self._kit.db.read(lambda tx: [hosts.instance(tx, where(ctx), name) for name in names])
        return {"instanceInfos": [_info(row) for row in rows if row is not None]}

    def list_on_premises_instances(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Names of hosts by registration status and tags."""
        status, filters = req.get("registrationStatus"), req.get("tagFilters") or []
        for entry in filters:
            if not entry.get("Key") and entry.get("Type") != "VALUE_ONLY":
                raise AwsError("InvalidTagFilterException", "A tag filter needs a key")
        rows = self._kit.db.read(lambda tx: hosts.instances_of(tx, where(ctx)))
        names = [row.name for row in rows if _wanted(row, status, filters)]
        return page(names, req.get("nextToken"), "instanceNames")

    def add_tags_to_on_premises_instances(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Add or change tags of hosts; all hosts or none."""
        tags = _host_tags(req["tags"])
        return self._retag(ctx, req["instanceNames"], lambda old: old | tags)

    def remove_tags_from_on_premises_instances(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Remove tags of hosts by key (and value, where one is given); all hosts or none."""
        drop = _host_tags(req["tags"])

        def left(old: dict[str, str]) -> dict[str, str]:
            return {k: v for k, v in old.items() if k not in drop or drop[k] not in ("", v)}

        return self._retag(ctx, req["instanceNames"], left)

    def _retag(
        self, ctx: Context, names: Sequence[str], change: Callable[[dict[str, str]], dict[str, str]]
    ) -> dict[str, Any]:
        if not names:
            raise AwsError("InstanceNameRequiredException", "At least one instance name is required")
        if len(names) > _CALL:
            raise AwsError("InstanceLimitExceededException", f"At most {_CALL} instances may be given")
        for name in names:
            _check_name(name)

        def write(tx: Tx) -> dict[str, Any]:
            for name in dict.fromkeys(names):
                row = _the_instance(tx, ctx, name)
                if row.deregistered_at is not None:
                    raise AwsError("InstanceNotRegisteredException", f"{name} is not registered")
                tags = change(hosts.tags_of(row))
                if len(tags) > _TAGS:
                    raise AwsError("TagLimitExceededException", f"An instance has at most {_TAGS} tags")
                hosts.set_instance_tags(tx, where(ctx), name, tags)
            return {}

        return ctx.write(write)


def _columns(row: Row) -> Mapping[str, Any]:
    names = ("arn", "iam_user_arn", "iam_session_arn", "registered_at", "seen_at", "tags")
    return {name: getattr(row, name) for name in names}


def _the_instance(tx: Tx, ctx: Context, name: str) -> Row:
    row = hosts.instance(tx, where(ctx), name)
    if row is None:
        raise AwsError("InstanceNotRegisteredException", f"{name} is not registered")
    return row


def _check_name(name: str) -> None:
    if not name:
        raise AwsError("InstanceNameRequiredException", "An instance name is required")
    if not _NAME.fullmatch(name) or name.startswith("i-"):
        raise AwsError("InvalidInstanceNameException", f"{name[:100]} is not a name for an on-premises instance")


def _check_bearer(user: str | None, session: str | None) -> None:
    if user and session:
        raise AwsError("MultipleIamArnsProvidedException", "Give an IAM user ARN or an IAM session ARN, not both")
    if not user and not session:
        raise AwsError("IamArnRequiredException", "An IAM user ARN or an IAM session ARN is required")
    if user and not _USER.fullmatch(user):
        raise AwsError("InvalidIamUserArnException", "The IAM user ARN is not valid")
    if session and not _SESSION.fullmatch(session):
        raise AwsError("InvalidIamSessionArnException", "The IAM session ARN is not valid")


def _host_tags(tags: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    if not tags:
        raise AwsError("TagRequiredException", "At least one tag is required")
    found: dict[str, str] = {}
    for tag in tags:
        key, value = tag.get("Key") or "", tag.get("Value") or ""
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise AwsError("InvalidTagException", f"The tag {key[:128]!r} is not valid")
        found[key] = value
    if len(found) > _TAGS:
        raise AwsError("TagLimitExceededException", f"An instance has at most {_TAGS} tags")
    return found


def _wanted(row: Row, status: str | None, filters: Sequence[Mapping[str, Any]]) -> bool:
    now = "Registered" if row.deregistered_at is None else "Deregistered"
    if status and now != status:
        return False
    return not filters or model.matches_any(filters, hosts.tags_of(row))


def _info(row: Row) -> dict[str, Any]:
    return told(
        instanceName=row.name,
        iamUserArn=row.iam_user_arn,
        iamSessionArn=row.iam_session_arn,
        instanceArn=row.arn,
        registerTime=time(row.registered_at),
        deregisterTime=time(row.deregistered_at),
        tags=[{"Key": k, "Value": v} for k, v in sorted(hosts.tags_of(row).items())],
    )
