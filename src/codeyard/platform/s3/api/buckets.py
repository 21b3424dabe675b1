"""Buckets themselves."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Params
from codeyard.formats.moments import whole_second
from codeyard.platform.s3.api.base import Base, owner_of, requester
from codeyard.platform.s3.errors import s3_error
from codeyard.platform.s3.model import headers, listing
from codeyard.platform.s3.model.names import check_bucket_name
from codeyard.platform.s3.store import buckets, uploads
from codeyard.storage import Tx, dumps

ENFORCED = "BucketOwnerEnforced"
BLOCK_ALL = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
MAX_BUCKETS = 10_000


class Buckets(Base):
    """Create, find and delete buckets. Names are shared by every account of the server."""

    def create_bucket(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Make a bucket; BucketAlreadyOwnedByYou when it is the caller's, BucketAlreadyExists when another's."""
        name = str(req["Bucket"])
        check_bucket_name(name)
        if name in self.reserved:
            raise s3_error("BucketAlreadyExists", BucketName=name)
        ownership = str(req.get("ObjectOwnership") or ENFORCED)
        headers.refuse_acl(req, ownership)
        if req.get("ObjectLockEnabledForBucket"):
            raise s3_error("NotImplemented", "Object Lock is not implemented")
        region = self._region(ctx, req)
        tags = {tag["Key"]: tag["Value"] for tag in (req.get("CreateBucketConfiguration") or {}).get("Tags") or []}
        return ctx.write(lambda tx: self._create(tx, ctx, name, region, ownership, dumps(tags)))

    def _create(self, tx: Tx, ctx: Context, name: str, region: str, ownership: str, tags: str) -> dict[str, Any]:
        old = buckets.find(tx, name)
        if old is not None:
            if old.account != ctx.account:
                raise s3_error("BucketAlreadyExists", BucketName=name)
            if ctx.region != "us-east-1" or old.region != region:
                raise s3_error("BucketAlreadyOwnedByYou", BucketName=name)
            return {"Location": f"/{name}"}
        buckets.add(
            tx,
            name=name,
            account=ctx.account,
            region=region,
            created=ctx.now,
            versioning="",
            eventbridge=0,
            policy=None,
            encryption=None,
            tags=tags,
            ownership=ownership,
            public_access=dumps(BLOCK_ALL),
        )
        return {"Location": f"/{name}"}

    def _region(self, ctx: Context, req: Params) -> str:
        asked = (req.get("CreateBucketConfiguration") or {}).get("LocationConstraint")
        if not asked:
            if ctx.region != "us-east-1":
                raise s3_error(
                    "IllegalLocationConstraintException",
                    "The unspecified location constraint is incompatible for the region specific endpoint this "
                    "request was sent to.",
                )
            return ctx.region
        region = {"EU": "eu-west-1"}.get(str(asked), str(asked))
        if ctx.region not in ("us-east-1", region):
            raise s3_error(
                "IllegalLocationConstraintException",
                f"The {asked} location constraint is incompatible for the region specific endpoint this request "
                "was sent to.",
            )
        return region

    def head_bucket(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Whether the bucket is there, and where."""
        row = self._bucket(req)
        return {"BucketRegion": row.region, "BucketArn": f"arn:aws:s3:::{row.name}"}

    def get_bucket_location(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The bucket's region; us-east-1 is shown as none."""
        region = self._bucket(req).region
        return {} if region == "us-east-1" else {"LocationConstraint": region}

    def list_buckets(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The caller's account's buckets by name."""
        limit = int(req.get("MaxBuckets") or MAX_BUCKETS)
        token, prefix = req.get("ContinuationToken"), str(req.get("Prefix") or "")
        after = listing.from_token(str(token)) if token else ""
        rows = self.kit.db.read(lambda tx: buckets.of_account(tx, ctx.account, prefix, after, limit + 1))
        found = [
            {"Name": row.name, "CreationDate": whole_second(row.created), "BucketRegion": row.region}
            for row in rows[:limit]
            if req.get("BucketRegion") in (None, row.region)
        ]
        answer: dict[str, Any] = {"Buckets": found, "Owner": requester(ctx)}
        if prefix:
            answer["Prefix"] = prefix
        if len(rows) > limit:
            answer["ContinuationToken"] = listing.to_token(rows[limit - 1].name)
        return answer

    def delete_bucket(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete an empty bucket with its unfinished uploads; BucketNotEmpty when a version is left."""

        def work(tx: Tx) -> dict[str, Any]:
            row = self._bucket_in(tx, req)
            buckets.remove(tx, row.name)
            for upload_id in buckets.upload_ids(tx, row.name):
                uploads.remove(tx, upload_id)
            return {}

        return ctx.write(work)

    def get_bucket_acl(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The owner with full control: no other list is in force."""
        owner = owner_of(self._bucket(req).account)
        return {"Owner": owner, "Grants": [full_control(owner)]}

    def put_bucket_acl(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Only `private` may be set, which holds anyway."""
        row = self._bucket(req)
        if row.ownership == ENFORCED or req.get("AccessControlPolicy"):
            raise s3_error("AccessControlListNotSupported")
        headers.refuse_acl(req, row.ownership)
        return {}


def full_control(owner: dict[str, str]) -> dict[str, Any]:
    """The grant that every canned private list holds."""
    return {"Grantee": {**owner, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}
