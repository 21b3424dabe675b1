"""Applications: a name under which deployment groups and revisions stand."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.services.codedeploy.api.common import (
    PAGE,
    Base,
    check_batch,
    read_token,
    the_application,
    time,
    where,
    write_token,
)
from codeyard.services.codedeploy.api.tagging import application_arn, checked_tags
from codeyard.services.codedeploy.store import catalog
from codeyard.storage import Row, Tx

_LIMIT = 1000


class Applications(Base):
    """The application operations."""

    def create_application(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Create an application; ApplicationAlreadyExistsException when the name is taken."""
        name, tags = req["applicationName"], checked_tags(req.get("tags") or [])
        app_id = self._kit.ids.uuid()

        def write(tx: Tx) -> dict[str, Any]:
            _refuse_taken(tx, ctx, name)
            if catalog.count_applications(tx, where(ctx)) >= _LIMIT:
                raise AwsError("ApplicationLimitExceededException", f"At most {_LIMIT} applications may be created")
            catalog.add_application(tx, where(ctx), name, app_id, req.get("computePlatform") or "Server", ctx.now)
            catalog.set_tags(tx, application_arn(ctx, name), tags)
            return {"applicationId": app_id}

        return ctx.write(write)

    def get_application(self, ctx: Context, req: Params) -> dict[str, Any]:
        """One application."""
        row = self._kit.db.read(lambda tx: the_application(tx, ctx, req["applicationName"]))
        return {"application": _info(row)}

    def batch_get_applications(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The applications of these names; ApplicationDoesNotExistException when one is not there."""
        names = list(dict.fromkeys(req["applicationNames"]))
        check_batch(names, "ApplicationNameRequiredException")
        rows = self._kit.db.read(lambda tx: [the_application(tx, ctx, name) for name in names])
        return {"applicationsInfo": [_info(row) for row in rows]}

    def list_applications(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Names of applications, in order."""
        after = read_token(req.get("nextToken"))
        names = self._kit.db.read(lambda tx: catalog.application_names(tx, where(ctx), after, PAGE + 1))
        more = {"nextToken": write_token(names[PAGE - 1])} if len(names) > PAGE else {}
        return {"applications": names[:PAGE], **more}

    def update_application(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Rename an application."""
        if not req.get("applicationName"):
            raise AwsError("ApplicationNameRequiredException", "An application name is required")
        old, new = req["applicationName"], req.get("newApplicationName") or req["applicationName"]

        def write(tx: Tx) -> dict[str, Any]:
            the_application(tx, ctx, old)
            if new != old:
                _refuse_taken(tx, ctx, new)
                _move_tags(tx, ctx, old, new)
                catalog.rename_application(tx, where(ctx), old, new)
            return {}

        return ctx.write(write)

    def delete_application(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete an application with its groups and revisions; one that is not there is no error."""
        name = req["applicationName"]

        def write(tx: Tx) -> dict[str, Any]:
            for group in catalog.group_names(tx, where(ctx), name, "", 10_000):
                catalog.set_tags(tx, ctx.arn(f"deploymentgroup:{name}/{group}", "codedeploy"), {})
            catalog.set_tags(tx, application_arn(ctx, name), {})
            catalog.drop_application(tx, where(ctx), name)
            return {}

        return ctx.write(write)


def _refuse_taken(tx: Tx, ctx: Context, name: str) -> None:
    if catalog.application(tx, where(ctx), name) is not None:
        raise AwsError("ApplicationAlreadyExistsException", f"Application already exists with applicationName: {name}")


def _move_tags(tx: Tx, ctx: Context, old: str, new: str) -> None:
    pairs = [(application_arn(ctx, old), application_arn(ctx, new))]
    for group in catalog.group_names(tx, where(ctx), old, "", 10_000):
        pairs.append(tuple(ctx.arn(f"deploymentgroup:{app}/{group}", "codedeploy") for app in (old, new)))  # type: ignore[arg-type]
    for before, after in pairs:
        tags = catalog.tags_of(tx, before)
        catalog.set_tags(tx, before, {})
        catalog.set_tags(tx, after, tags)


def _info(row: Row) -> dict[str, Any]:
    return {
        "applicationId": row.id,
        "applicationName": row.name,
        "createTime": time(row.created_at),
        "linkedToGitHub": False,
        "computePlatform": row.platform,
    }
