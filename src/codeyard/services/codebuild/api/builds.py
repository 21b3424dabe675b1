"""Operations on builds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from codeyard.contract import INTERNAL, Context, Params
from codeyard.formats import page_tokens
from codeyard.services.codebuild import store
from codeyard.services.codebuild.api.base import PAGE, Base, checked, place
from codeyard.services.codebuild.api.records import new_record
from codeyard.services.codebuild.errors import invalid, no_build
from codeyard.services.codebuild.model import overrides, projects
from codeyard.services.codebuild.views import build_view
from codeyard.storage import Row, Tx, dumps, loads

TOKEN_LIFE = 300_000_000
# A service calls for work that it keeps durably: what it says again, however late, must not begin a second build.
SERVICES_TOKEN_LIFE = 7 * 86_400_000_000


class Builds(Base):
    """Start, stop, retry, read, list and delete builds."""

    def start_build(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Start a build of a project, with overrides; an idempotency token finds the same build for 5 minutes, that of
        a service for as long as it may be said again."""
        return ctx.write(lambda tx: self._start(ctx, tx, req, dict(req)))

    def retry_build(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Start a build as an earlier one was started, its overrides included."""
        if not req.get("id"):
            raise invalid("Invalid build ID: id is required")

        def write(tx: Tx) -> dict[str, Any]:
            row = self._build(ctx, tx, req["id"])
            if row.stage != "ended":
                raise invalid("Build is still in progress and cannot be retried")
            again = {**loads(row.plan)["request"], "idempotencyToken": req.get("idempotencyToken")}
            return self._start(ctx, tx, again, {**req, "retry": row.id})

        return ctx.write(write)

    def stop_build(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Stop a build: its runner kills what runs. One that is over stays as it is."""

        def write(tx: Tx) -> dict[str, Any]:
            row = self._build(ctx, tx, req["id"])
            record = self._engine.end(tx, row, "STOPPED", ctx.now)
            return {"build": build_view(record)}

        return ctx.write(write)

    def batch_get_builds(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Describe builds by id or ARN; those that are not there are named."""
        asked = {given: self._id(ctx, given) for given in req["ids"]}
        rows = self._kit.db.read(lambda tx: store.builds_of(tx, ctx.account, ctx.region, list(asked.values())))
        found = {row.id: row for row in rows}
        there = [build_view(store.record_of(found[i])) for i in dict.fromkeys(asked.values()) if i in found]
        return {"builds": there, "buildsNotFound": [given for given, i in asked.items() if i not in found]}

    def batch_delete_builds(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete builds that are over, with their logs here."""
        asked = {given: self._id(ctx, given) for given in req["ids"]}

        def write(tx: Tx) -> dict[str, Any]:
            rows = {row.id: row for row in store.builds_of(tx, ctx.account, ctx.region, list(asked.values()))}
            gone, kept = [], []
            for given, build_id in asked.items():
                row = rows.pop(build_id, None)
                if row is None:
                    kept.append({"id": given, "statusCode": "BUILD_NOT_FOUND"})
                elif row.stage != "ended":
                    kept.append({"id": given, "statusCode": "BUILD_IN_PROGRESS"})
                else:
                    store.delete_build(tx, row.id)
                    gone.append(ctx.arn(f"build/{row.id}", "codebuild"))
            return {"buildsDeleted": gone or None, "buildsNotDeleted": kept}

        return ctx.write(write)

    def list_builds(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The ids of the account's builds, latest first unless asked otherwise, 100 a page."""
        return self._listing(ctx, req, "")

    def list_builds_for_project(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The ids of a project's builds; ResourceNotFoundException where there is no such project."""
        name: str = self._kit.db.read(lambda tx: self._project(ctx, tx, req["projectName"]).name)
        return self._listing(ctx, req, name)

    def _listing(self, ctx: Context, req: Params, project: str) -> dict[str, Any]:
        order = req.get("sortOrder") or "DESCENDING"
        after = place(req.get("nextToken"), (int, str), project, order)
        last = (after[0], after[1]) if after is not None else None

        def read(tx: Tx) -> list[Row]:
            where = (ctx.account, ctx.region, project)
            return store.page_of_builds(tx, where, oldest_first=order == "ASCENDING", after=last, limit=PAGE + 1)

        rows = self._kit.db.read(read)
        page = rows[:PAGE]
        more = page_tokens.encode((page[-1].created, page[-1].id), project, order) if len(rows) > PAGE else None
        return {"ids": [row.id for row in page], "nextToken": more}

    def _start(self, ctx: Context, tx: Tx, req: Mapping[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
        project = self._project(ctx, tx, req["projectName"])
        token = req.get("idempotencyToken")
        digest = hashlib.sha256(dumps(sorted(asked.items())).encode()).hexdigest()
        if token and (known := self._known(ctx, tx, token, digest)) is not None:
            return {"build": build_view(store.record_of(known))}
        document = checked(ctx, lambda: overrides.applied(loads(project.document), req, project.name))
        _not_missing(document)
        number = store.next_number(tx, ctx.account, ctx.region, project.name)
        record = new_record(ctx, self._kit.ids.uuid(), project.name, number, document)
        request = {k: v for k, v in req.items() if k != "idempotencyToken"}
        plan = {"request": request, "document": document, "network": projects.network(document)}
        if token:
            by_service = ctx.principal.invoked_by and ctx.origin is INTERNAL  # not the role's keys in a build's hands
            life = SERVICES_TOKEN_LIFE if by_service else TOKEN_LIFE
            kept = {"digest": digest, "build": record["id"], "expires": ctx.now + life}
            store.keep_token(tx, ctx.account, ctx.region, token, **kept)
        return {"build": build_view(self._engine.start(tx, record, plan, (ctx.account, ctx.region)))}

    @staticmethod
    def _known(ctx: Context, tx: Tx, token: str, digest: str) -> Row | None:
        known = store.token(tx, ctx.account, ctx.region, token)
        if known is None or known.expires <= ctx.now:
            return None
        if known.digest != digest:
            raise invalid("Idempotency token was used before with other parameters")
        return store.build(tx, known.build)

    def _build(self, ctx: Context, tx: Tx, given: str) -> Row:
        row = store.build(tx, self._id(ctx, given))
        if row is None or (row.account, row.region) != (ctx.account, ctx.region):
            raise no_build(given)
        return row

    @staticmethod
    def _id(ctx: Context, given: str) -> str:
        return given.removeprefix(ctx.arn("build/", "codebuild"))


def _not_missing(document: Mapping[str, Any]) -> None:
    for source in (document["source"], *(document.get("secondarySources") or ())):
        if source["type"] == "CODEPIPELINE" and not source.get("location"):
            raise invalid("Build of a project whose source is CODEPIPELINE must be started by CodePipeline")
