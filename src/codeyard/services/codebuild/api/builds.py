"""Builds: start, stop, look."""

from __future__ import annotations

import hashlib
from typing import Any

from codeyard.contract import Context, Params
from codeyard.formats import page_tokens
from codeyard.services.codebuild import model, store, views
from codeyard.services.codebuild.api.base import Room
from codeyard.storage import Tx, dumps, loads

_PAGE = 100
_TOKEN_FOR = 5 * model.MINUTE


class Builds(Room):
    """The operations on builds."""

    def start_build(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Queue a build; the same idempotencyToken within five minutes answers the same build."""
        name = req["projectName"].rpartition("/")[2]
        uuid = self._kit.ids.uuid()

        def write(tx: Tx) -> dict[str, Any]:
            if (again := self._known(tx, ctx, req)) is not None:
                return {"build": views.build(again)}
            row = store.project_row(tx, ctx.account, ctx.region, name)
            if row is None:
                raise model.missing(f"Project cannot be found: {ctx.arn('project/' + name)}")
            spec = model.with_overrides(loads(row.doc), req)
            doc = self._engine.begin(tx, ctx, spec, uuid, req.get("sourceVersion", ""))
            if token := req.get("idempotencyToken"):
                until = ctx.now + _TOKEN_FOR
                store.save_token(tx, ctx.account, ctx.region, token, doc["id"], _digest(req), until)
            return {"build": views.build(doc)}

        return ctx.write(write)

    def retry_build(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Run a build again as it was."""
        uuid = self._kit.ids.uuid()

        def write(tx: Tx) -> dict[str, Any]:
            before = self._mine(tx, ctx, req.get("id", ""))
            if not before["complete"]:
                raise model.invalid(f"Build {before['id']} is still in progress")
            doc = self._engine.begin(tx, ctx, before["spec"], uuid, before.get("sourceVersion", ""))
            return {"build": views.build(doc)}

        return ctx.write(write)

    def stop_build(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Stop a build: at once while it is queued, else as soon as its runner hears of it."""

        def write(tx: Tx) -> dict[str, Any]:
            doc = self._mine(tx, ctx, req["id"])
            self._engine.stop(tx, doc, ctx.now)
            return {"build": views.build(doc)}

        return ctx.write(write)

    def batch_get_builds(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Builds by id or ARN; unknown ones are listed in buildsNotFound."""

        def read(tx: Tx) -> dict[str, Any]:
            found, unknown = [], []
            for given in dict.fromkeys(req["ids"]):
                doc = store.build(tx, _id(given))
                if doc is None or (doc["account"], doc["region"]) != (ctx.account, ctx.region):
                    unknown.append(given)
                else:
                    found.append(views.build(doc))
            return {"builds": found, "buildsNotFound": unknown}

        return self._kit.db.read(read)

    def batch_delete_builds(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Forget builds that have ended."""

        def write(tx: Tx) -> dict[str, Any]:
            gone, kept = [], []
            for given in dict.fromkeys(req["ids"]):
                doc = store.build(tx, _id(given))
                if doc is None or (doc["account"], doc["region"]) != (ctx.account, ctx.region):
                    kept.append({"id": given, "statusCode": "BUILD_NOT_FOUND"})
                elif not doc["complete"]:
                    kept.append({"id": given, "statusCode": "BUILD_IN_PROGRESS"})
                else:
                    store.delete_build(tx, doc["id"])
                    gone.append(doc["arn"])
            return {"buildsDeleted": gone, "buildsNotDeleted": kept}

        return ctx.write(write)

    def list_builds(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Every build's id, newest first unless asked otherwise, 100 a page."""
        return self._list(ctx, req, None)

    def list_builds_for_project(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A project's build ids; ResourceNotFoundException where there is no such project."""
        name = req["projectName"].rpartition("/")[2]
        if self._kit.db.read(lambda tx: store.project_row(tx, ctx.account, ctx.region, name)) is None:
            raise model.missing(f"Project cannot be found: {ctx.arn('project/' + name)}")
        return self._list(ctx, req, name)

    def _list(self, ctx: Context, req: Params, project: str | None) -> dict[str, Any]:
        order = req.get("sortOrder", "DESCENDING")
        place = self._place(req.get("nextToken"), (int, str), "builds", project or "", order)
        after = (int(place[0]), str(place[1])) if place else None
        found = self._kit.db.read(
            lambda tx: store.build_ids(tx, ctx.account, ctx.region, project, order == "DESCENDING", after, _PAGE + 1)
        )
        answer: dict[str, Any] = {"ids": [build_id for _, build_id in found[:_PAGE]]}
        if len(found) > _PAGE:
            answer["nextToken"] = page_tokens.encode(found[_PAGE - 1], "builds", project or "", order)
        return answer

    def _mine(self, tx: Tx, ctx: Context, given: str) -> dict[str, Any]:
        doc = store.build(tx, _id(given))
        if doc is None or (doc["account"], doc["region"]) != (ctx.account, ctx.region):
            raise model.missing(f"Build cannot be found: {given}")
        return doc

    @staticmethod
    def _known(tx: Tx, ctx: Context, req: Params) -> dict[str, Any] | None:
        token = req.get("idempotencyToken")
        row = store.token_row(tx, ctx.account, ctx.region, token) if token else None
        if row is None or row.until <= ctx.now:
            return None
        if row.request != _digest(req):
            raise model.invalid("The idempotency token was used with other parameters")
        return store.build(tx, row.build)


def _id(given: str) -> str:
    return given.rpartition("build/")[2] if given.startswith("arn:") else given


def _digest(req: Params) -> str:
    return hashlib.sha256(dumps(dict(req)).encode()).hexdigest()
