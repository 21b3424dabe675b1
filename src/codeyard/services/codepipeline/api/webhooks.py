"""Webhooks: made, listed and deleted; and the start by one, which `webhooks.Receiver` asks for."""

from __future__ import annotations

import base64
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.engine import Kit
from codeyard.formats.moments import moment
from codeyard.services.codepipeline.api.base import Base
from codeyard.services.codepipeline.api.tags import as_list, checked_tags
from codeyard.services.codepipeline.model import paging
from codeyard.services.codepipeline.model import webhooks as model
from codeyard.services.codepipeline.model.secrets import MASK
from codeyard.services.codepipeline.starts import Start, begin
from codeyard.services.codepipeline.store import webhooks
from codeyard.services.codepipeline.webhooks import PATH, sealed
from codeyard.storage import Row, Tx, dumps, loads


class Webhooks(Base):
    """Operations on webhooks."""

    def put_webhook(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Make a webhook, or change the one of that name, whose URL stays."""
        definition, tags = dict(req["webhook"]), checked_tags({}, req.get("tags", []))
        model.check(definition)
        arn = ctx.arn(f"webhook:{definition['name']}")
        secret = definition["authenticationConfiguration"].get("SecretToken", "")
        if secret:
            definition["authenticationConfiguration"] = {"SecretToken": MASK}
        kept = sealed(self._kit, arn, secret) if secret not in ("", MASK) else ""
        token = base64.urlsafe_b64encode(self._kit.ids.bytes(33)).decode()
        return ctx.write(lambda tx: self._put_hook(tx, ctx, definition, kept, token, tags))

    def _put_hook(
        self, tx: Tx, ctx: Context, definition: dict[str, Any], secret: str, token: str, tags: dict[str, str]
    ) -> dict[str, Any]:
        pipeline = self._pipeline(tx, ctx, definition["targetPipeline"])
        model.check_target(self._current(tx, pipeline), pipeline.name, definition["targetAction"])
        before = webhooks.get(tx, ctx.account, ctx.region, definition["name"])
        values = {"definition": dumps(definition), "secret": _secret(definition, secret, before)}
        if before is not None:
            webhooks.update(tx, before, **values, tags=dumps(tags) if tags else before.tags)
        elif webhooks.count(tx, ctx.account, ctx.region) >= model.MAX_WEBHOOKS:
            raise AwsError("LimitExceededException", f"An account has up to {model.MAX_WEBHOOKS} webhooks in a region")
        else:
            place = {"account": ctx.account, "region": ctx.region, "name": definition["name"]}
            webhooks.insert(tx, **place, **values, token=token, tags=dumps(tags))
        made = webhooks.get(tx, ctx.account, ctx.region, definition["name"])
        return {"webhook": _shown(self._kit, ctx, made)}

    def list_webhooks(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The account's webhooks in the region by name, page by page."""
        after, limit = paging.decode_text("webhooks", req.get("NextToken")) or "", req.get("MaxResults", 100)
        rows = self._kit.db.read(lambda tx: webhooks.page(tx, ctx.account, ctx.region, after, limit + 1))
        answer: dict[str, Any] = {"webhooks": [_shown(self._kit, ctx, row) for row in rows[:limit]]}
        if len(rows) > limit:
            answer["NextToken"] = paging.encode("webhooks", rows[limit - 1].name)
        return answer

    def delete_webhook(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a webhook, and its URL with it; a name that is not there is no error, as on AWS."""

        def delete(tx: Tx) -> dict[str, Any]:
            webhooks.delete(tx, ctx.account, ctx.region, req["name"])
            return {}

        return ctx.write(delete)

    def start_pipeline_execution_from_webhook(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A door for webhooks: start the pipeline (`name`) for a request that passed the webhook's every test."""

        def start(tx: Tx) -> dict[str, Any]:
            pipeline, arn = self._pipeline(tx, ctx, req["name"]), ctx.arn(f"webhook:{req['webhook']}")
            execution = begin(tx, self._engine, pipeline, Start("Webhook", arn), ctx.now)
            row = webhooks.get(tx, ctx.account, ctx.region, req["webhook"])
            if row is not None:
                webhooks.update(tx, row, triggered=ctx.now, error_code="", error_message="")
            return {"pipelineExecutionId": execution}

        return ctx.write(start)


def _secret(definition: Params, fresh: str, before: Row | None) -> str:
    """The sealed secret to keep; a mask stands for the stored one."""
    if fresh or "SecretToken" not in definition["authenticationConfiguration"]:
        return fresh
    if before is None or not before.secret:
        message = "SecretToken is masked, and no secret is stored for this webhook"
        raise AwsError("InvalidWebhookAuthenticationParametersException", message)
    return str(before.secret)


def _shown(kit: Kit, ctx: Context, row: Any) -> dict[str, Any]:
    shown = {
        "definition": loads(row.definition),
        "url": f"{kit.settings.base_url}{PATH}{row.token}",
        "arn": ctx.arn(f"webhook:{row.name}"),
    }
    if row.triggered:
        shown["lastTriggered"] = moment(row.triggered)
    if row.error_code:
        shown |= {"errorCode": row.error_code, "errorMessage": row.error_message}
    tags = as_list(loads(row.tags))
    return shown | ({"tags": tags} if tags else {})
