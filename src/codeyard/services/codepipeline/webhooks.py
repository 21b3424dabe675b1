"""What comes in at a webhook's URL: told from what does not, and made a start of its pipeline.

Nobody signs such a request. The URL's token finds the webhook, its definition says who may call and which events count.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from codeyard.contract import AwsError
from codeyard.engine import Kit
from codeyard.services.codepipeline.access import HOST, START_FROM_WEBHOOK
from codeyard.services.codepipeline.model import webhooks as model
from codeyard.services.codepipeline.store import pipelines, webhooks
from codeyard.storage import Row, Tx, loads

PATH = "/v1/webhooks/"
Answer = tuple[int, str]
_IGNORED = (200, "The event does not pass the webhook's filters: nothing was started.")


def sealed(kit: Kit, arn: str, secret: str) -> str:
    """A webhook's secret as it is kept."""
    return base64.b64encode(kit.sealer.seal(secret.encode(), f"codepipeline:{arn}")).decode("ascii")


class Receiver:
    """Takes the requests of every webhook."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def receive(self, token: str, body: bytes, headers: Mapping[str, str], source_ip: str) -> Answer:
        """Status and words for a POST to a webhook's URL, whose pipeline it starts where it passes; headers by
        lower-case name."""
        row = self._kit.db.read(lambda tx: webhooks.by_token(tx, token))
        if row is None:
            return 404, "There is no such webhook."
        definition = loads(row.definition)
        if not model.is_from(definition, self._secret(row), body, headers, source_ip):
            return 403, "The request does not pass the webhook's authentication."
        try:
            event = json.loads(body)
        except (ValueError, RecursionError):
            return 400, "The body must be JSON: set the webhook's content type to application/json."
        configuration = self._kit.db.read(lambda tx: _configuration(tx, row, definition))
        if not model.matches(definition["filters"], event, configuration):
            return _IGNORED
        return self._start(row, definition["targetPipeline"])

    def _start(self, row: Row, pipeline: str) -> Answer:
        client = self._kit.clients.as_service(HOST, account=row.account, region=row.region)
        try:
            client.call("codepipeline", START_FROM_WEBHOOK, {"name": pipeline, "webhook": row.name})
        except AwsError as error:
            code, message = error.code, error.message
            self._kit.db.write(lambda tx: webhooks.update(tx, row, error_code=code, error_message=message))
            return 400, "The pipeline could not be started; ListWebhooks says why."
        return 200, f"The pipeline {pipeline} was started."

    def _secret(self, row: Row) -> str:
        if not row.secret:
            return ""
        arn = f"arn:aws:codepipeline:{row.region}:{row.account}:webhook:{row.name}"
        return self._kit.sealer.open(base64.b64decode(row.secret), f"codepipeline:{arn}").decode()


def _configuration(tx: Tx, row: Row, definition: Mapping[str, Any]) -> Mapping[str, str]:
    """The target action's configuration in the pipeline's current version; empty where either is gone."""
    pipeline = pipelines.by_name(tx, row.account, row.region, definition["targetPipeline"])
    if pipeline is None:
        return {}
    sources = pipelines.definition(tx, pipeline.uid, pipeline.version).sources()
    return next((one.configuration for _, one in sources if one.name == definition["targetAction"]), {})
