"""Tags of objects."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Params
from codeyard.platform.s3 import events
from codeyard.platform.s3.api.base import Base, version_member
from codeyard.platform.s3.model import tags
from codeyard.platform.s3.store import objects
from codeyard.storage import Tx, dumps, loads


class Tagging(Base):
    """Put, get and delete an object's tags."""

    def put_object_tagging(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Replace a version's tags."""
        found = tags.from_set(req["Tagging"], tags.OBJECT_LIMIT)
        return self._set(ctx, req, dumps(found), events.TAGS_ADDED)

    def delete_object_tagging(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take a version's tags away."""
        return self._set(ctx, req, "{}", events.TAGS_DELETED)

    def get_object_tagging(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A version's tags, perhaps none."""

        def look(tx: Tx) -> dict[str, Any]:
            bucket = self._bucket_in(tx, req)
            row = objects.readable(tx, bucket.name, str(req["Key"]), req.get("VersionId"))
            return {"TagSet": tags.as_set(loads(row.tags)), **version_member(bucket, row.version_id)}

        with self._unlisted(ctx, str(req["Bucket"])):
            return self.kit.db.read(look)

    def _set(self, ctx: Context, req: Params, text: str, detail_type: str) -> dict[str, Any]:
        def work(tx: Tx) -> dict[str, Any]:
            bucket = self._bucket_in(tx, req)
            row = objects.readable(tx, bucket.name, str(req["Key"]), req.get("VersionId"))
            objects.set_tags(tx, row, text)
            if bucket.eventbridge:
                thing = events.described(row.key, row.version_id, etag=row.etag)
                tx.emit(events.object_event(ctx, bucket, detail_type, thing))
            return version_member(bucket, row.version_id)

        with self._unlisted(ctx, str(req["Bucket"])):
            return ctx.write(work)
