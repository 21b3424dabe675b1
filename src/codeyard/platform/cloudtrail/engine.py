"""When a trail delivers: every five minutes while it logs, its digests every hour, and once more when it has ended."""

from __future__ import annotations

from typing import Any

from codeyard.engine import Kit
from codeyard.platform.cloudtrail.delivery import Files
from codeyard.platform.cloudtrail.destinations import LogGroups
from codeyard.platform.cloudtrail.digests import Digests
from codeyard.platform.cloudtrail.model import Trail
from codeyard.platform.cloudtrail.signing import Signing
from codeyard.platform.cloudtrail.store import files, trails

SECOND = 1_000_000
KIND = "cloudtrail.trail"
EVERY = 300 * SECOND
# After StopLogging: for what was being recorded when it came.
GRACE = 60 * SECOND
_NEVER = 2**62


class Delivering:
    """Looks at one trail at a time: files, then digests over them, then the log group."""

    def __init__(self, kit: Kit, signing: Signing) -> None:
        self._kit = kit
        self._files, self._digests, self._logs = Files(kit), Digests(kit, signing), LogGroups(kit)

    def reconcile(self, trail_id: str) -> None:
        """Deliver what is due, and say when to look again."""
        trail = self._kit.db.read(lambda tx: trails.by_id(tx, trail_id))
        if trail is None:
            return
        now, logs = self._kit.clock.now(), trail.logging and not trail.gone
        if not logs and now < trail.stopped + GRACE:
            self._again(trail, trail.stopped + GRACE)
            return
        ends = trail.stopped if not logs else None if trail.validated else now
        held = self._files.deliver(trail) and self._digests.deliver(trail, ends=ends)
        self._logs.deliver(trail)
        self._rest(trail, logs, held)

    def _rest(self, trail: Trail, logs: bool, held: bool) -> None:
        if trail.gone and not held:  # its bucket is closed to it, and nobody is there to open it
            self._kit.db.write(lambda tx: _forget(tx, trail.id))
            return
        now = self._kit.clock.now()
        if logs or self._kit.db.read(lambda tx: files.outstanding(tx, trail.id)):
            digest = self._digests.next_due(trail) if held else None
            self._again(trail, min(now + EVERY, max(digest or _NEVER, now + SECOND)))
        elif trail.gone:
            self._kit.db.write(lambda tx: _forget(tx, trail.id))

    def _again(self, trail: Trail, at: int) -> None:
        self._kit.db.write(lambda tx: tx.timer(KIND, trail.id, at))


def _forget(tx: Any, trail_id: str) -> None:
    files.forget(tx, trail_id)
    trails.forget(tx, trail_id)
