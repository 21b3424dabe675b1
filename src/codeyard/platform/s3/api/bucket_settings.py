"""Settings of a bucket: versioning, notifications, encryption, ownership, public access, tags."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Params
from codeyard.platform.s3.api.base import Base
from codeyard.platform.s3.errors import s3_error
from codeyard.platform.s3.model import sse, tags
from codeyard.platform.s3.store import buckets
from codeyard.storage import Row, Tx, dumps, loads

OWNERSHIPS = ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")


class BucketSettings(Base):
    """A put, get and delete for each setting."""

    def put_bucket_versioning(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Enable or suspend versioning."""
        wanted = req["VersioningConfiguration"]
        if wanted.get("MFADelete") == "Enabled":
            raise s3_error("NotImplemented", "MFA delete is not implemented")
        status = wanted.get("Status")
        if status not in ("Enabled", "Suspended"):
            raise s3_error("MalformedXML")
        return self._change(ctx, req, versioning=status)

    def get_bucket_versioning(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The versioning state; nothing for a bucket that never was versioned."""
        status = self._bucket(req).versioning
        return {"Status": status} if status else {}

    def put_bucket_notification_configuration(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Send this bucket's events to EventBridge, or stop. Other targets are refused."""
        wanted = req["NotificationConfiguration"]
        for name in ("TopicConfigurations", "QueueConfigurations", "LambdaFunctionConfigurations"):
            if wanted.get(name):
                raise s3_error("NotImplemented", "Only EventBridge notifications are implemented")
        return self._change(ctx, req, eventbridge=int(wanted.get("EventBridgeConfiguration") is not None))

    def get_bucket_notification_configuration(self, ctx: Context, req: Params) -> dict[str, Any]:
        """EventBridgeConfiguration when events are sent."""
        return {"EventBridgeConfiguration": {}} if self._bucket(req).eventbridge else {}

    def put_bucket_encryption(self, ctx: Context, req: Params) -> dict[str, Any]:
        """What new objects are encrypted by that do not say it: AES256, or a KMS key."""
        return self._change(ctx, req, encryption=sse.default_from(req["ServerSideEncryptionConfiguration"]))

    def get_bucket_encryption(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The default: AES256 where nothing else was said."""
        rule = sse.rule_of(self._bucket(req).encryption)
        return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}

    def delete_bucket_encryption(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Back to AES256."""
        return self._change(ctx, req, encryption=None)

    def put_public_access_block(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Set the four switches; those left out are off."""
        wanted = req["PublicAccessBlockConfiguration"]
        names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        return self._change(ctx, req, public_access=dumps({name: bool(wanted.get(name)) for name in names}))

    def get_public_access_block(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The four switches; NoSuchPublicAccessBlockConfiguration after they were deleted."""
        switches = loads(self._bucket(req).public_access)
        if not switches:
            raise s3_error("NoSuchPublicAccessBlockConfiguration")
        return {"PublicAccessBlockConfiguration": switches}

    def delete_public_access_block(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take the switches away: nothing is blocked."""
        return self._change(ctx, req, public_access="{}")

    def put_bucket_ownership_controls(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Set who owns objects."""
        rules = req["OwnershipControls"].get("Rules") or []
        if len(rules) != 1 or rules[0].get("ObjectOwnership") not in OWNERSHIPS:
            raise s3_error("MalformedXML")
        return self._change(ctx, req, ownership=rules[0]["ObjectOwnership"])

    def get_bucket_ownership_controls(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Who owns objects; OwnershipControlsNotFoundError after it was deleted."""
        ownership = self._bucket(req).ownership
        if not ownership:
            raise s3_error("OwnershipControlsNotFoundError")
        return {"OwnershipControls": {"Rules": [{"ObjectOwnership": ownership}]}}

    def delete_bucket_ownership_controls(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take the rule away."""
        return self._change(ctx, req, ownership="")

    def put_bucket_tagging(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Replace the bucket's tags."""
        return self._change(ctx, req, tags=dumps(tags.from_set(req["Tagging"], tags.BUCKET_LIMIT)))

    def get_bucket_tagging(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The bucket's tags; NoSuchTagSet when there is none."""
        found = loads(self._bucket(req).tags)
        if not found:
            raise s3_error("NoSuchTagSet")
        return {"TagSet": tags.as_set(found)}

    def delete_bucket_tagging(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take every tag away."""
        return self._change(ctx, req, tags="{}")

    def _change(self, ctx: Context, req: Params, **values: Any) -> dict[str, Any]:
        def work(tx: Tx) -> dict[str, Any]:
            row: Row = self._bucket_in(tx, req)
            if values:
                buckets.change(tx, row.name, **values)
            return {}

        return ctx.write(work)
