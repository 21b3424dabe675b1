"""When keys and roles were last used, and for what: written down at most once a minute each."""

from __future__ import annotations

from collections.abc import Mapping

from codeyard.contract import AwsError, Check, Clock, Principal
from codeyard.platform.iam.policy.request import Values
from codeyard.platform.iam.store import jobs, keys
from codeyard.storage import Database, Tx

_EVERY = 60_000_000
_MOST = 100_000
_Place = tuple[str, str, str]


class Touches:
    """Remembers uses."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self._touched: dict[_Place, int] = {}

    def touch(self, principal: Principal, check: Check, call: Mapping[str, Values]) -> None:
        """A user or a role asks for an action, whether or not it may."""
        entity = principal.principal_id.partition(":")[0]
        if not entity.startswith(("AIDA", "AROA")):
            return
        key = principal.access_key_id if principal.access_key_id.startswith("AKIA") else ""
        place, now = (entity, key, check.action), self._clock.now()
        if now - self._touched.get(place, -_EVERY) < _EVERY:
            return
        if len(self._touched) > _MOST:
            self._touched.clear()
        self._touched[place] = now
        region = str(call.get("aws:RequestedRegion", ""))
        try:
            self._db.write(lambda tx: _write(tx, place, now, region))
        except AwsError:  # a busy store: the last use is told later, and nobody is refused for it
            self._touched.pop(place, None)


def _write(tx: Tx, place: _Place, now: int, region: str) -> None:
    entity, key, action = place
    service, _, name = action.partition(":")
    if key:
        keys.touch_key(tx, key, now, service, region)
    if entity.startswith("AROA"):
        keys.touch_role(tx, entity, now, region)
    jobs.use(tx, entity, service, name, now, region)
