"""Digests: once an hour, for each region, a signed list of the log files that were delivered, chained to the last.

A digest's bytes, its signature and the files that stand in it are decided in one transaction, before it is written:
after a crash the same digest is written again.
"""

from __future__ import annotations

import logging
from typing import Any

from codeyard.contract import AwsError
from codeyard.engine import Kit
from codeyard.engine.crash import crash_point, register
from codeyard.platform.cloudtrail import layout
from codeyard.platform.cloudtrail.delivery import put
from codeyard.platform.cloudtrail.model import Trail
from codeyard.platform.cloudtrail.signing import Signing
from codeyard.platform.cloudtrail.store import files, trails

log = logging.getLogger(__name__)
SECOND = 1_000_000
HOUR = 3600 * SECOND
BEHIND = 24  # hours that get a digest each after the server was down; those before share one
_EVER = 2**62
MADE = register("cloudtrail.digest.made", "a digest is signed and names its files, the bucket has nothing of it")
WRITTEN = register("cloudtrail.digest.written", "a digest is in its bucket, its successor does not know of it")


class Digests:
    """Makes and writes digests."""

    def __init__(self, kit: Kit, signing: Signing) -> None:
        self._kit, self._signing = kit, signing

    def deliver(self, trail: Trail, *, ends: int | None) -> bool:
        """Write every digest that is due; False where the bucket refuses.

        `ends` is when the trail ceased to log or to want digests: a last one then closes each chain.
        """
        try:
            for region in self._regions(trail, ends):
                self._region(trail, region, ends)
        except AwsError as refusal:
            log.warning("trail %s cannot deliver a digest: %s", trail.arn, refusal)
            news = {"digest_error": refusal.code}
            self._kit.db.write(lambda tx: trails.note(tx, trail.id, news))
            return False
        return True

    def next_due(self, trail: Trail) -> int | None:
        """When the next digest is."""
        regions = self._kit.db.read(lambda tx: files.chained_regions(tx, trail.id))
        return min((self._chain(trail, region)[0] + HOUR for region in regions), default=None)

    def _regions(self, trail: Trail, ends: int | None) -> list[str]:
        """Those with a chain, and those where one is to begin: at home, and wherever files are."""
        have, found = self._kit.db.read(lambda tx: _known(tx, trail.id))
        new = sorted({trail.region, *found} - set(have)) if ends is None else []
        if new:
            start = self._beginning(trail)
            self._kit.db.write(lambda tx: _begin(tx, trail.id, new, start))
        return [*have, *new]

    def _beginning(self, trail: Trail) -> int:
        """The beginning of the trail's hour that it is now; its hours are counted from when it began to log."""
        first = trail.started - trail.started % SECOND
        return first + (self._kit.clock.now() - first) // HOUR * HOUR

    def _region(self, trail: Trail, region: str, ends: int | None) -> None:
        self._write(trail, region)
        while (span := self._span(trail, region, ends)) is not None:
            self._make(trail, region, span, ended=ends is not None)
            crash_point(MADE)
            self._write(trail, region)
        if ends is not None:
            self._kit.db.write(lambda tx: files.end_chain(tx, trail.id, region))

    def _span(self, trail: Trail, region: str, ends: int | None) -> tuple[int, int] | None:
        """From where to where the next digest is, if one is due."""
        start, _, _ = self._chain(trail, region)
        until = self._kit.clock.now() if ends is None else ends
        hours = (until - start) // HOUR
        if hours >= 1:
            return start, start + max(1, hours - BEHIND + 1) * HOUR
        if ends is None:
            return None
        left = self._kit.db.read(lambda tx: files.undigested(tx, trail.id, region, _EVER))
        end = max(ends - ends % SECOND, start + SECOND)
        return (start, end) if left or ends - start >= SECOND else None

    def _make(self, trail: Trail, region: str, span: tuple[int, int], *, ended: bool) -> None:
        fingerprint = self._signing.current()
        start, last, _ = self._chain(trail, region)
        before = _EVER if ended else span[1]  # a trail that has ceased leaves nothing for a later digest
        found = self._kit.db.read(lambda tx: files.undigested(tx, trail.id, region, before))
        key, content = layout.digest_text(trail, region, span, fingerprint, last, found)
        text = layout.signed_text(span[1], trail.bucket, key, content, last)
        place = {"bucket": trail.bucket, "key": key, "hash": layout.sha256(content)}
        signature = self._signing.sign(fingerprint, text)
        making = {**place, "signature": signature, "end": span[1], "content": content.decode()}

        def work(tx: Any) -> None:
            files.take_into(tx, found, key)
            files.save_chain(tx, trail.id, region, start, last, making)

        self._kit.db.write(work)

    def _write(self, trail: Trail, region: str) -> None:
        _, _, making = self._chain(trail, region)
        if making is None:
            return
        metadata = {"signature": making["signature"], "signature-algorithm": layout.ALGORITHM}
        try:
            put(self._kit, trail, (making["bucket"], making["key"]), making["content"].encode(), metadata)
        except AwsError as refusal:
            if refusal.code == "NoSuchBucket" or making["bucket"] != trail.bucket:
                self._kit.db.write(lambda tx: _undo(tx, trail.id, region, making["key"]))
            raise
        crash_point(WRITTEN)
        now = self._kit.clock.now()
        self._kit.db.write(lambda tx: _written(tx, trail.id, region, making, now))

    def _chain(self, trail: Trail, region: str) -> Any:
        return self._kit.db.read(lambda tx: files.chain(tx, trail.id, region))


def _known(tx: Any, trail: str) -> tuple[list[str], list[str]]:
    return files.chained_regions(tx, trail), files.undigested_regions(tx, trail)


def _begin(tx: Any, trail: str, regions: list[str], start: int) -> None:
    for region in regions:
        files.save_chain(tx, trail, region, start, None, None)


def _written(tx: Any, trail: str, region: str, making: dict[str, Any], now: int) -> None:
    """The digest is where it should be: the next one follows on it."""
    files.digested(tx, trail, making["key"])
    last = {name: making[name] for name in ("bucket", "key", "hash", "signature")}
    files.save_chain(tx, trail, region, making["end"], last, None)
    trails.note(tx, trail, {"digest": now, "digest_error": ""})


def _undo(tx: Any, trail: str, region: str, key: str) -> None:
    """Its bucket is gone, or no longer the trail's: the digest is made again for the one that is."""
    start, last, _ = files.chain(tx, trail, region)
    files.undo_digest(tx, trail, key)
    files.save_chain(tx, trail, region, start, last, None)
