"""Where else a trail's records go: messages about new files to an SNS topic, and the records to a log group."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from typing import Any

from codeyard.contract import AwsError, Client
from codeyard.engine import Kit
from codeyard.platform.cloudtrail.delivery import as_service
from codeyard.platform.cloudtrail.model import HOST, Trail
from codeyard.platform.cloudtrail.store import files, trails
from codeyard.storage import dumps

log = logging.getLogger(__name__)
GROUP = re.compile(r"arn:aws[a-z-]*:logs:([a-z0-9-]+):(\d{12}):log-group:([^:*]+):\*")
_BATCH, _BATCH_BYTES, _OVERHEAD, _LARGEST = 10_000, 1_048_576, 26, 256 * 1024
_DAY_MS = 86_400_000
_TOO_OLD = 14 * 86_400 * 1_000_000


class Topics:
    """Tells a topic of new files."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def notify(self, token: str, payload: dict[str, Any]) -> None:
        """The effect: one message for one file. A topic that refuses is noted, and not asked again."""
        trail = self._kit.db.read(lambda tx: trails.by_id(tx, payload["trail"]))
        if trail is None:
            return
        message = dumps({"s3Bucket": payload["bucket"], "s3ObjectKey": [payload["key"]]})
        news: dict[str, Any] = {"notification_attempted": self._kit.clock.now()}
        try:
            client = as_service(self._kit, trail)
            client.call("sns", "Publish", {"TopicArn": payload["topic"], "Message": message})
        except AwsError as refusal:
            news |= {"notification_error": refusal.code, "notification_succeeded": 0}
        else:
            now = self._kit.clock.now()
            news |= {"notification": now, "notification_error": "", "notification_succeeded": now}
        self._kit.db.write(lambda tx: trails.note(tx, payload["trail"], news))


class LogGroups:
    """Brings the records of delivered files to a log group, at least once each."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def deliver(self, trail: Trail) -> None:
        """Everything that waits for the log group; what it refuses is tried again at the next delivery."""
        try:
            for mark in self._kit.db.read(lambda tx: files.for_logs(tx, trail.id)):
                self._deliver(trail, mark)
        except AwsError as refusal:
            log.warning("trail %s cannot write to its log group: %s", trail.arn, refusal)
            code = refusal.code
            self._kit.db.write(lambda tx: self._refused(tx, trail.id, code))

    def _refused(self, tx: Any, trail_id: str, code: str) -> None:
        """Tried again for fourteen days: a log group takes nothing that is older."""
        trails.note(tx, trail_id, {"logs_error": code})
        files.drop_older_logs(tx, trail_id, self._kit.clock.now() - _TOO_OLD)

    def _deliver(self, trail: Trail, mark: str) -> None:
        found = self._kit.db.read(lambda tx: files.records(tx, trail.id, mark))
        group = GROUP.fullmatch(str(trail.config.get("CloudWatchLogsLogGroupArn") or ""))
        if group is not None:
            client = logs_client(self._kit, trail.arn, str(trail.config["CloudWatchLogsRoleArn"]), group[1])
            for region in sorted({row.region for row in found}):
                stream = stream_of(trail.account, region)
                open_stream(client, group[3], stream)
                place = {"logGroupName": group[3], "logStreamName": stream}
                for batch in batches([(row.time // 1000, row.record) for row in found if row.region == region]):
                    client.call("logs", "PutLogEvents", {**place, "logEvents": batch})
        news = {"logs": self._kit.clock.now(), "logs_error": ""}
        self._kit.db.write(lambda tx: _brought(tx, trail.id, mark, news))


def _brought(tx: Any, trail: str, mark: str, news: dict[str, Any]) -> None:
    files.drop_records(tx, trail, mark)
    trails.note(tx, trail, news)


def stream_of(account: str, region: str) -> str:
    """The log stream of a region's records."""
    return f"{account}_CloudTrail_{region}"


def logs_client(kit: Kit, trail_arn: str, role_arn: str, region: str) -> Client:
    """CloudWatch Logs as the trail's role."""
    return kit.clients.as_role(role_arn, service=HOST, region=region, session_name="CloudTrail", source_arn=trail_arn)


def open_stream(client: Client, group: str, stream: str) -> None:
    """Make the log stream where it is missing."""
    try:
        client.call("logs", "CreateLogStream", {"logGroupName": group, "logStreamName": stream})
    except AwsError as refusal:
        if refusal.code != "ResourceAlreadyExistsException":
            raise


def batches(records: Sequence[tuple[int, str]]) -> Iterator[list[dict[str, Any]]]:
    """PutLogEvents' batches, within its limits of number, size and a day; what is too big for an event is left out."""
    batch: list[dict[str, Any]] = []
    size = 0
    for time, text in records:
        cost = len(text.encode()) + _OVERHEAD
        if cost > _LARGEST:
            continue
        full = len(batch) == _BATCH or size + cost > _BATCH_BYTES
        if batch and (full or time - batch[0]["timestamp"] >= _DAY_MS):
            yield batch
            batch, size = [], 0
        batch.append({"timestamp": time, "message": text})
        size += cost
    if batch:
        yield batch
