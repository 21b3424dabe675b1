"""Objects under a KMS key: the key of an object's bytes is taken out of its blob and sealed by the key service.

Everything is asked of the key service as the caller, so that key policies, grants and the trail hold; what locks an
object is kept with its headers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from codeyard.contract import AwsError, Context
from codeyard.engine import envelope
from codeyard.platform.s3.api.base import Base
from codeyard.platform.s3.errors import s3_error
from codeyard.platform.s3.model import sse
from codeyard.platform.s3.model.sse import STORED, Wanted
from codeyard.storage import Row, loads

T = TypeVar("T")


class Locking(Base):
    """What puts and gets share of it."""

    def _locked(self, ctx: Context, bucket: str, key: str, blob_id: str, by: Wanted | None) -> dict[str, Any]:
        """Lock a new blob by a key; what is to be kept with the object. A blob that cannot be locked goes."""
        if by is None:
            return {}
        with self._or_drop(blob_id):
            secret, context = self.kit.blobs.lock(blob_id), by.context(bucket, key)
            made = _told(lambda: envelope.seal_named(ctx.forward(), self.kit.ids.bytes, by.key_id, secret, context))
        return {STORED: by.stored(*made)}

    def _named(self, ctx: Context, bucket: str, key: str, by: Wanted | None) -> dict[str, Any]:
        """What an upload keeps of the key that its object will be locked by, which the caller must be able to use."""
        if by is None:
            return {}
        asked = {"KeyId": by.key_id, "KeySpec": "AES_256", "EncryptionContext": by.context(bucket, key)}
        made = _told(lambda: ctx.forward().call("kms", "GenerateDataKeyWithoutPlaintext", asked))
        return {STORED: by.stored(made["KeyId"], b"")}

    def _opened(self, ctx: Context, row: Row) -> bytes:
        """The key of a version's bytes; empty where the blob holds it itself."""
        kept: Mapping[str, Any] = loads(row.headers)
        by = sse.of_stored(kept)
        if by is None:
            return b""
        context = by.context(row.bucket, row.key)
        return _told(lambda: envelope.unseal(ctx.forward(), sse.sealed_in(kept), context))


def _told(call: Callable[[], T]) -> T:
    """The key service's refusals as S3 tells them: AccessDenied, or KMS. before the key service's own name."""
    try:
        return call()
    except AwsError as error:
        if error.code == "AccessDeniedException":
            raise s3_error("AccessDenied", error.message) from None
        if (error.status or 400) >= 500:
            raise
        raise AwsError(f"KMS.{error.code}", error.message, status=400) from None
