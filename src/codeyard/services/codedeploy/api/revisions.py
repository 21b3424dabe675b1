"""Application revisions: what was registered, and when it was used."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.services.codedeploy import revisions
from codeyard.services.codedeploy.api.common import (
    Base,
    check_batch,
    cut,
    read_token,
    the_application,
    time,
    told,
    where,
)
from codeyard.services.codedeploy.store import catalog
from codeyard.storage import Row, Tx, dumps, loads

_COLUMNS = {"registerTime": "registered_at", "firstUsedTime": "first_used_at", "lastUsedTime": "last_used_at"}


class Revisions(Base):
    """The revision operations."""

    def register_application_revision(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Register a revision; once more is no error and renews its description."""
        location = revisions.checked(req["revision"])
        check_description(req.get("description"))

        def write(tx: Tx) -> dict[str, Any]:
            the_application(tx, ctx, req["applicationName"])
            note(tx, where(ctx), req["applicationName"], location, ctx.now, description=req.get("description"))
            return {}

        return ctx.write(write)

    def get_application_revision(self, ctx: Context, req: Params) -> dict[str, Any]:
        """One registered revision; RevisionDoesNotExistException."""
        application, location = req["applicationName"], revisions.checked(req["revision"])

        def read(tx: Tx) -> dict[str, Any]:
            the_application(tx, ctx, application)
            row = catalog.revision(tx, where(ctx), application, revisions.key(location))
            if row is None:
                raise AwsError("RevisionDoesNotExistException", "The revision was not registered")
            info = _info(row, catalog.groups_at(tx, where(ctx), application))
            return {"applicationName": application, "revision": loads(row.location), "revisionInfo": info}

        return self._kit.db.read(read)

    def batch_get_application_revisions(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Registered revisions; those that are not there are told in errorMessage."""
        application = req["applicationName"]
        check_batch(req["revisions"], "RevisionRequiredException")
        wanted = [revisions.checked(location) for location in req["revisions"]]

        def read(tx: Tx) -> dict[str, Any]:
            the_application(tx, ctx, application)
            at = catalog.groups_at(tx, where(ctx), application)
            rows = [catalog.revision(tx, where(ctx), application, revisions.key(one)) for one in wanted]
            found = [{"revisionLocation": loads(r.location), "genericRevisionInfo": _info(r, at)} for r in rows if r]
            error = None if all(rows) else "One or more revisions were not registered"
            return told(applicationName=application, revisions=found, errorMessage=error)

        return self._kit.db.read(read)

    def list_application_revisions(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Revisions by bucket, key prefix and whether they are deployed; sorted as asked."""
        application = req["applicationName"]
        if req.get("s3KeyPrefix") and not req.get("s3Bucket"):
            raise AwsError("BucketNameFilterRequiredException", "A key prefix needs a bucket name")

        def read(tx: Tx) -> tuple[list[Row], dict[str, list[str]]]:
            the_application(tx, ctx, application)
            return catalog.revisions_of(tx, where(ctx), application), catalog.groups_at(tx, where(ctx), application)

        rows, at = self._kit.db.read(read)
        column = _COLUMNS[req.get("sortBy") or "registerTime"]
        rows = [row for row in rows if _wanted(row, req, at)]
        rows.sort(key=lambda row: (getattr(row, column) or 0, row.key), reverse=req.get("sortOrder") == "descending")
        return _page([(row.key, loads(row.location)) for row in rows], req.get("nextToken"))


def note(tx: Tx, where: tuple[str, str], application: str, location: dict[str, Any], now: int, **values: Any) -> None:
    """Register a revision, or change these columns of the registered one."""
    key, place = revisions.key(location), location.get("s3Location") or {}
    found = catalog.revision(tx, where, application, key)
    changed = {name: value for name, value in values.items() if value is not None}
    if found is None:
        changed |= {"registered_at": now}
    elif "first_used_at" in changed and found.first_used_at is not None:
        del changed["first_used_at"]
    base = {"location": dumps(location), "bucket": place.get("bucket"), "object": place.get("key")}
    if found is None or changed:
        kept = {} if found is None else {"registered_at": found.registered_at}
        catalog.put_revision(tx, where, application, key, base | kept | changed)


def check_description(text: str | None) -> None:
    """DescriptionTooLongException beyond 1,000 characters."""
    if text and len(text) > 1000:
        raise AwsError("DescriptionTooLongException", "A description has at most 1000 characters")


def _wanted(row: Row, req: Params, at: dict[str, list[str]]) -> bool:
    if req.get("s3Bucket") and row.bucket != req["s3Bucket"]:
        return False
    if req.get("s3KeyPrefix") and not (row.object or "").startswith(req["s3KeyPrefix"]):
        return False
    deployed = row.location in at
    return {"include": deployed, "exclude": not deployed}.get(req.get("deployed") or "ignore", True)


def _page(found: list[tuple[str, dict[str, Any]]], token: str | None) -> dict[str, Any]:
    after = read_token(token)
    keys = [key for key, _ in found]
    if after and after not in keys:
        raise AwsError("InvalidNextTokenException", "The next token is not valid")
    rest = found[keys.index(after) + 1 :] if after else found
    page = cut(rest, "revisions", lambda pair: str(pair[0]))
    return page | {"revisions": [location for _, location in page["revisions"]]}


def _info(row: Row, at: dict[str, list[str]]) -> dict[str, Any]:
    return told(
        description=row.description,
        deploymentGroups=sorted(at.get(row.location, [])),
        firstUsedTime=time(row.first_used_at),
        lastUsedTime=time(row.last_used_at),
        registerTime=time(row.registered_at),
    )
