"""Which trails want which records: kept in memory, so that a call pays nothing where no trail does."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codeyard.platform.cloudtrail import selectors
from codeyard.platform.cloudtrail.model import HOST, Trail
from codeyard.platform.cloudtrail.selectors import Wanted
from codeyard.platform.cloudtrail.store import trails
from codeyard.storage import Database
from codeyard.storage.trail import nobody

CHANNEL = "cloudtrail-trails"
_GLOBAL = frozenset({"iam.amazonaws.com", "sts.amazonaws.com", "organizations.amazonaws.com"})
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Follower:
    """One trail's wishes."""

    trail: str
    region: str
    everywhere: bool
    globally: bool
    recursive: bool
    chosen: Wanted

    def wants(self, record: Record) -> bool:
        """Whether the record is to be delivered to the trail."""
        if not self.everywhere and record.get("awsRegion") != self.region:
            return False
        if not self.globally and record.get("eventSource") in _GLOBAL:
            return False
        if not self.recursive and (record.get("userIdentity") or {}).get("invokedBy") == HOST:
            return False
        return self.chosen(record)


class Following:
    """Read anew whenever a trail changes, in every process; what is being written then may still go by what was."""

    def __init__(self, db: Database) -> None:
        self._db, self._lock = db, threading.Lock()
        self._followers: dict[str, tuple[Follower, ...]] = {}
        self._data: frozenset[tuple[str, str]] = frozenset()

    def start(self) -> None:
        """Begin to follow."""
        self._db.subscribe(CHANNEL, lambda message: self._read())
        self._read()

    def trails(self, record: Record) -> list[str]:
        """The ids of the trails that a record is to be delivered to."""
        found = self._followers.get(str(record.get("recipientAccountId")))
        return [one.trail for one in found if one.wants(record)] if found else []

    def selects_data(self, service: str, account: str) -> bool:
        """Whether a trail of the account selects any data events of the service."""
        return (service, account) in self._data

    def _read(self) -> None:
        with self._lock:
            found = self._db.read(trails.logging)
            followers: dict[str, tuple[Follower, ...]] = {}
            for trail in found:
                followers[trail.account] = (*followers.get(trail.account, ()), _follower(trail))
            self._followers = followers
            self._db.followers.of = self.trails if followers else nobody
            self._data = frozenset(
                (service, trail.account)
                for trail in found
                for service in selectors.data_services(trail.basic, trail.advanced)
            )


def _follower(trail: Trail) -> Follower:
    config = trail.config
    chosen = selectors.wanted(trail.basic, trail.advanced)
    globally, recursive = bool(config["IncludeGlobalServiceEvents"]), config.get("RecursiveLogging") is not False
    return Follower(trail.id, trail.region, trail.everywhere, globally, recursive, chosen)
