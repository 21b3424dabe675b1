"""Delivering log files: every record that a trail follows comes to stand in exactly one object of its bucket.

A record is queued with the transaction that it tells of. It is assigned to a file, whose key is chosen then; the file
is written; then it is done with. Whoever goes on after a crash does so with the same records under the same key, so
that an object may be written twice with the same bytes but no record stands in two objects, and none in none.
"""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

from codeyard.contract import AwsError, Client
from codeyard.engine import Kit
from codeyard.engine.crash import crash_point, register
from codeyard.formats.moments import iso_z
from codeyard.platform.cloudtrail import layout
from codeyard.platform.cloudtrail.model import HOST, Trail
from codeyard.platform.cloudtrail.store import files, trails

log = logging.getLogger(__name__)
SECOND = 1_000_000
RECORDS = 2000  # in one file at most
GIVEN_UP = 30 * 86_400 * SECOND
NOTIFY = "cloudtrail.notify"
ASSIGNED = register("cloudtrail.file.assigned", "records belong to a log file, the bucket has nothing of it")
WRITTEN = register("cloudtrail.file.written", "a log file is in its bucket, its records still wait")


def as_service(kit: Kit, trail: Trail) -> Client:
    """CloudTrail itself, on behalf of the trail: the bucket's and the topic's policies decide."""
    return kit.clients.as_service(HOST, account=trail.account, region=trail.region, source_arn=trail.arn)


def put(kit: Kit, trail: Trail, place: tuple[str, str], content: bytes, metadata: dict[str, str] | None = None) -> None:
    """Write an object as CloudTrail does, under the trail's key if it has one; `place` is bucket and key."""
    bucket, key = place
    members = {"Bucket": bucket, "Key": key, "Body": layout.packed(content), "ACL": "bucket-owner-full-control"}
    kind = {"ContentType": "application/json", "ContentEncoding": "gzip", **_encryption(trail)}
    as_service(kit, trail).call("s3", "PutObject", {**members, **kind, **({"Metadata": metadata} if metadata else {})})


def _encryption(trail: Trail) -> dict[str, str]:
    key = trail.config.get("KmsKeyId")
    if not key:
        return {}
    context = base64.b64encode(json.dumps(trail.encryption_context).encode()).decode()
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": str(key), "SSEKMSEncryptionContext": context}


class Files:
    """Writes what waits."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def deliver(self, trail: Trail) -> bool:
        """Write every file that is due, those that a crash left first; False where the bucket refuses."""
        try:
            self._all(trail)
        except AwsError as refusal:
            log.warning("trail %s cannot deliver: %s", trail.arn, refusal)
            news = {"delivery_error": refusal.code, "attempted": self._kit.clock.now(), "succeeded": 0}
            self._kit.db.write(lambda tx: trails.note(tx, trail.id, news))
            self._give_up(trail)
            return False
        return True

    def _all(self, trail: Trail) -> None:
        db = self._kit.db
        self._write_assigned(trail, fresh=False)
        for region in db.read(lambda tx: files.waiting_regions(tx, trail.id)):
            while self._assign(trail, region):
                crash_point(ASSIGNED)
                self._write_assigned(trail, fresh=True)

    def _write_assigned(self, trail: Trail, *, fresh: bool) -> None:
        for one in self._kit.db.read(lambda tx: files.unwritten(tx, trail.id)):
            self._write(trail, one, fresh=fresh)

    def _assign(self, trail: Trail, region: str) -> bool:
        ids, now = self._kit.ids, self._kit.clock.now()
        key = layout.log_key(trail, region, now, ids.token(16, layout.ALPHABET))
        file = {"id": ids.ordered_uuid(now), "bucket": trail.bucket, "key": key}
        return self._kit.db.write(lambda tx: files.assign(tx, trail.id, region, file, RECORDS))

    def _write(self, trail: Trail, file: Any, *, fresh: bool) -> None:
        """Write one file; one that was refused, and so is nowhere, is given up for another key and bucket."""
        found = self._kit.db.read(lambda tx: files.records(tx, trail.id, file.id))
        if not found:  # they were given up
            self._kit.db.write(lambda tx: files.unassign(tx, trail.id, file.id))
            return
        content = layout.log_text([row.record for row in found])
        try:
            put(self._kit, trail, (file.bucket, file.key), content)
        except AwsError as refusal:
            if fresh or refusal.code == "NoSuchBucket":
                self._kit.db.write(lambda tx: files.unassign(tx, trail.id, file.id))
            raise
        crash_point(WRITTEN)
        facts = {"hash": layout.sha256(content), "oldest": found[0].time, "newest": found[-1].time}
        self._kit.db.write(lambda tx: self._written(tx, trail, file, facts))

    def _written(self, tx: Any, trail: Trail, file: Any, facts: dict[str, Any]) -> None:
        now = self._kit.clock.now()
        if trail.validated:
            files.delivered(tx, file.id, {**facts, "delivered": now})
        else:
            files.drop_file(tx, file.id)
        if trail.config.get("CloudWatchLogsLogGroupArn"):
            files.mark(tx, trail.id, file.id, files.TO_LOGS + file.id)
        else:
            files.drop_records(tx, trail.id, file.id)
        if trail.config.get("SnsTopicARN"):
            place = {"topic": trail.config["SnsTopicARN"], "bucket": file.bucket, "key": file.key}
            tx.effect(NOTIFY, file.id, {"trail": trail.id, **place})
        news = {"delivery": now, "delivery_error": "", "attempted": now, "succeeded": now}
        trails.note(tx, trail.id, news)

    def _give_up(self, trail: Trail) -> None:
        """After thirty days, as on AWS; LookupEvents goes on to know the records."""
        before = self._kit.clock.now() - GIVEN_UP
        lost = self._kit.db.write(lambda tx: files.drop_older(tx, trail.id, before))
        if lost:
            log.error("trail %s could not deliver %d records of before %s", trail.arn, lost, iso_z(before))
