"""Pipelines: create, read, change, list, delete; and the action types that they may use."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params, access_denied
from codeyard.formats.moments import moment
from codeyard.services.codepipeline import sources
from codeyard.services.codepipeline.api.base import Base
from codeyard.services.codepipeline.api.tags import as_list, checked_tags
from codeyard.services.codepipeline.model import catalog, paging, secrets, structure
from codeyard.services.codepipeline.model.definition import normalized, parse
from codeyard.services.codepipeline.starts import Start, begin, resolved_variables
from codeyard.services.codepipeline.store import custom, pipelines
from codeyard.storage import Row, Tx, dumps, loads

MAX_PIPELINES = 1000


class Pipelines(Base):
    """Operations on pipelines."""

    def create_pipeline(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Create a pipeline and start its first execution; PipelineNameInUseException when the name is taken."""
        kinds = self._checked(ctx, req["pipeline"])
        declaration = self._vault(ctx, req["pipeline"]["name"]).sealed(normalized(req["pipeline"], 1), kinds, {})
        tags = checked_tags({}, req.get("tags", []))
        uid = self._kit.ids.uuid()
        return ctx.write(lambda tx: self._create(tx, ctx, uid, declaration, tags))

    def _create(
        self, tx: Tx, ctx: Context, uid: str, declaration: dict[str, Any], tags: dict[str, str]
    ) -> dict[str, Any]:
        name = declaration["name"]
        if pipelines.by_name(tx, ctx.account, ctx.region, name) is not None:
            raise AwsError("PipelineNameInUseException", f"A pipeline with the name '{name}' already exists in account")
        if pipelines.count(tx, ctx.account, ctx.region) >= MAX_PIPELINES:
            raise AwsError(
                "LimitExceededException", f"The account has {MAX_PIPELINES} pipelines in this region already"
            )
        row = {
            "uid": uid,
            "account": ctx.account,
            "region": ctx.region,
            "name": name,
            "mode": declaration["executionMode"],
            "type": declaration["pipelineType"],
            "role_arn": declaration["roleArn"],
            "created": ctx.now,
            "tags": dumps(tags),
        }
        pipelines.create(tx, row, declaration)
        self._watch(tx, uid, declaration, ctx.now)
        self._first_execution(tx, ctx, uid)
        return {"pipeline": secrets.redacted(declaration)} | ({"tags": as_list(tags)} if tags else {})

    def _first_execution(self, tx: Tx, ctx: Context, uid: str) -> None:
        """AWS starts a new pipeline at once, unless a variable needs a value."""
        pipeline = pipelines.by_uid(tx, uid)
        if pipeline is None:
            return
        try:
            resolved_variables(self._current(tx, pipeline), {})
        except AwsError:
            return
        begin(tx, self._engine, pipeline, Start("CreatePipeline", ctx.principal.arn), ctx.now)

    @staticmethod
    def _watch(tx: Tx, uid: str, declaration: dict[str, Any], now: int) -> None:
        pipeline, definition = pipelines.by_uid(tx, uid), parse(declaration)
        if pipeline is not None:
            pipelines.set_watches(tx, pipeline, sources.watches(definition))
            sources.arm(tx, uid, definition, now)

    def update_pipeline(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Replace the pipeline's structure; its version grows by one, whatever version the caller sent."""
        kinds = self._checked(ctx, req["pipeline"])
        return ctx.write(lambda tx: self._update(tx, ctx, req["pipeline"], kinds))

    def _checked(self, ctx: Context, declaration: dict[str, Any]) -> catalog.Kinds:
        """The action types that a sound declaration may use."""
        kinds = self._kit.db.read(lambda tx: custom.kinds(tx, ctx.account, ctx.region))
        structure.check(declaration, ctx.region, kinds)
        _check_role(ctx, declaration["roleArn"])
        return kinds

    def _vault(self, ctx: Context, name: str) -> secrets.Vault:
        return secrets.Vault(self._kit.sealer, ctx.arn(name))

    def _update(self, tx: Tx, ctx: Context, sent: dict[str, Any], kinds: catalog.Kinds) -> dict[str, Any]:
        pipeline = self._pipeline(tx, ctx, sent["name"])
        stored = pipelines.declaration(tx, pipeline.uid, pipeline.version) or sent
        fresh = normalized(sent, pipeline.version + 1)
        declaration = self._vault(ctx, sent["name"]).sealed(fresh, kinds, stored)
        pipelines.new_version(tx, pipeline.uid, declaration, ctx.now)
        self._watch(tx, pipeline.uid, declaration, ctx.now)
        return {"pipeline": secrets.redacted(declaration)}

    def get_pipeline(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The pipeline's structure, its current or an earlier version; PipelineVersionNotFoundException."""
        return self._kit.db.read(lambda tx: self._get(tx, ctx, req["name"], req.get("version")))

    def _get(self, tx: Tx, ctx: Context, name: str, version: int | None) -> dict[str, Any]:
        pipeline = self._pipeline(tx, ctx, name)
        declaration = pipelines.declaration(tx, pipeline.uid, version or pipeline.version)
        if declaration is None:
            raise AwsError(
                "PipelineVersionNotFoundException", f"Pipeline '{name}' does not have a version with number {version}"
            )
        metadata = {
            "pipelineArn": ctx.arn(pipeline.name),
            "created": moment(pipeline.created),
            "updated": moment(pipeline.updated),
        }
        return {"pipeline": secrets.redacted(declaration), "metadata": metadata}

    def list_pipelines(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The account's pipelines by name, page by page."""
        after = paging.decode_text("pipelines", req.get("nextToken")) or ""
        limit = req.get("maxResults", 1000)
        rows = self._kit.db.read(lambda tx: pipelines.page(tx, ctx.account, ctx.region, after, limit + 1))
        answer: dict[str, Any] = {"pipelines": [_summary(row) for row in rows[:limit]]}
        if len(rows) > limit:
            answer["nextToken"] = paging.encode("pipelines", rows[limit - 1].name)
        return answer

    def delete_pipeline(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete the pipeline and its history; a name that is not there is no error, as on AWS."""

        def delete(tx: Tx) -> dict[str, Any]:
            pipeline = pipelines.by_name(tx, ctx.account, ctx.region, req["name"])
            if pipeline is not None:
                tx.cancel_timer(sources.POLL, pipeline.uid)
                pipelines.delete(tx, pipeline.uid)
            return {}

        return ctx.write(delete)

    def list_action_types(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The action types that this server can run, and the account's own; by owner where one is named."""
        paging.decode_number("actiontypes", req.get("nextToken"))
        owner, region = req.get("actionOwnerFilter"), req.get("regionFilter", ctx.region)
        own = self._kit.db.read(lambda tx: custom.living(tx, ctx.account, region))
        shown = [loads(row.shape) for row in own]
        if region == ctx.region:
            shown = [kind.shape() for kind in catalog.ACTION_TYPES.values()] + shown
        return {"actionTypes": [one for one in shown if owner in (None, one["id"]["owner"])]}


def _check_role(ctx: Context, role_arn: str) -> None:
    """A role is passed within its account only, whatever its trust policy says."""
    if role_arn.split(":")[4] != ctx.account:
        raise access_denied("Cross-account pass role is not allowed.")


def _summary(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "version": row.version,
        "pipelineType": row.type,
        "executionMode": row.mode,
        "created": moment(row.created),
        "updated": moment(row.updated),
    }
