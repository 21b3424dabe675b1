"""The events S3 sends to EventBridge, as its user guide's "EventBridge event structure" has them."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Event
from codeyard.platform.s3.model.names import NULL, sequencer
from codeyard.storage import Row

CREATED, DELETED = "Object Created", "Object Deleted"
TAGS_ADDED, TAGS_DELETED = "Object Tags Added", "Object Tags Deleted"
PERMANENT, MARKER = "Permanently Deleted", "Delete Marker Created"


def object_event(ctx: Context, bucket: Row, detail_type: str, thing: dict[str, Any], **more: str) -> Event:
    """An event about one object of a bucket."""
    detail = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": thing,
        "request-id": ctx.request_id,
        "requester": ctx.principal.account or ctx.principal.name,
        "source-ip-address": ctx.origin.source_ip,
        **more,
    }
    arn = f"arn:aws:s3:::{bucket.name}"
    return Event("aws.s3", detail_type, detail, bucket.account, bucket.region, ctx.now, (arn,))


def described(key: str, version_id: str, *, etag: str = "", size: int | None = None, at: int = 0) -> dict[str, Any]:
    """The `object` member: what of it is known."""
    thing: dict[str, Any] = {"key": key}
    if size is not None:
        thing["size"] = size
    if etag:
        thing["etag"] = etag
    if version_id != NULL:
        thing["version-id"] = version_id
    if at:
        thing["sequencer"] = sequencer(at, 0)
    return thing
