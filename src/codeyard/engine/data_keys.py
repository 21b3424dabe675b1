"""Data keys of KMS that a service keeps in memory for a while, for what it reads and writes too often to ask each time.

They are forgotten after five minutes, and at once when anything about any key changes: a key that is disabled, or a
policy that is narrowed, counts with the next use.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from codeyard.contract import Client, Clock
from codeyard.storage import Database

CHANGED = "kms.keys"  # told by KMS whenever a key, its policy or its grants change
_LIFETIME_US = 5 * 60 * 1_000_000
_BOUND = 1000


class Made(NamedTuple):
    """A new data key: the ARN of the key that wraps it, and it as it may be stored."""

    key: str
    wrapped: bytes


class DataKeys:
    """Makes data keys, and unwraps them as whoever the client is; what KMS answers holds for five minutes at most."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[bytes, tuple[int, bytes]] = OrderedDict()
        db.subscribe(CHANGED, lambda message: self._forget())

    def make(self, client: Client, key_id: str, context: Mapping[str, str]) -> Made:
        """A new data key under the key; KMS's own AwsError where it may not be used."""
        asked = {"KeyId": key_id, "KeySpec": "AES_256", "EncryptionContext": dict(context)}
        kept = self._kept
        made = client.call("kms", "GenerateDataKey", asked)
        found = Made(str(made["KeyId"]), bytes(made["CiphertextBlob"]))
        self._keep(kept, found.wrapped, bytes(made["Plaintext"]))
        return found

    def open(self, client: Client, made: Made, context: Mapping[str, str]) -> bytes:
        """The data key in the clear; KMS's own AwsError where the key may not be used now."""
        kept = self._kept
        known = kept.get(made.wrapped)
        if known is not None and known[0] > self._clock.now():
            return known[1]
        asked = {"KeyId": made.key, "CiphertextBlob": made.wrapped, "EncryptionContext": dict(context)}
        plain = bytes(client.call("kms", "Decrypt", asked)["Plaintext"])
        self._keep(kept, made.wrapped, plain)
        return plain

    def _keep(self, kept: OrderedDict[bytes, tuple[int, bytes]], wrapped: bytes, plain: bytes) -> None:
        """Into what was kept when it was asked: a change of any key meanwhile has put something new in its place."""
        kept[wrapped] = (self._clock.now() + _LIFETIME_US, plain)
        while len(kept) > _BOUND:
            kept.popitem(last=False)

    def _forget(self) -> None:
        self._kept = OrderedDict()
