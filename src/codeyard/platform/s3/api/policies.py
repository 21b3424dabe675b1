"""Bucket policies. The door reads them through access.py at every call."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Params
from codeyard.platform.s3.api.base import Base
from codeyard.platform.s3.errors import s3_error
from codeyard.platform.s3.model import policy
from codeyard.platform.s3.store import buckets
from codeyard.storage import Tx, loads


class Policies(Base):
    """Put, get and delete a bucket's policy."""

    def put_bucket_policy(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Set the policy; AccessDenied for a public one while BlockPublicPolicy is on."""
        name, text = str(req["Bucket"]), str(req["Policy"])
        policy.check(text, name)

        def work(tx: Tx) -> dict[str, Any]:
            row = self._bucket_in(tx, req)
            if loads(row.public_access).get("BlockPublicPolicy") and policy.is_public(text):
                raise s3_error(
                    "AccessDenied",
                    f"User: {ctx.principal.arn} is not authorized to perform: s3:PutBucketPolicy on resource: "
                    f'"arn:aws:s3:::{name}" because public policies are prevented by the BlockPublicPolicy setting '
                    "in S3 Block Public Access.",
                )
            buckets.change(tx, name, policy=text)
            return {}

        return ctx.write(work)

    def get_bucket_policy(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The policy's text; NoSuchBucketPolicy when there is none."""
        text = self._bucket(req).policy
        if not text:
            raise s3_error("NoSuchBucketPolicy")
        return {"Policy": text}

    def get_bucket_policy_status(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Whether the policy makes the bucket public."""
        text = self._bucket(req).policy
        if not text:
            raise s3_error("NoSuchBucketPolicy")
        return {"PolicyStatus": {"IsPublic": policy.is_public(text)}}

    def delete_bucket_policy(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take the policy away."""

        def work(tx: Tx) -> dict[str, Any]:
            buckets.change(tx, self._bucket_in(tx, req).name, policy=None)
            return {}

        return ctx.write(work)
