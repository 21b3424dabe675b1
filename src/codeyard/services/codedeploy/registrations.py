"""Which principal is which host, cached: every poll asks, and none may touch the database for it."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass

from codeyard.engine import Kit
from codeyard.services.codedeploy.store import hosts

_FRESH = 30_000_000


@dataclass(frozen=True, slots=True)
class Registration:
    """A registered host. `identifier` is its IAM user's or session's ARN, which its agent calls itself by."""

    account: str
    region: str
    name: str
    arn: str
    identifier: str

    def policy(self) -> str:
        """The resource policy that the registration amounts to: this principal may speak for this host."""
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": self.identifier},
            "Action": "codedeploy-commands-secure:*",
            "Resource": self.arn,
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Registrations:
    """Registrations by (region, principal ARN); read whole, dropped when one changes, re-read after 30 seconds."""

    def __init__(self, kit: Kit) -> None:
        self._kit, self._lock = kit, threading.Lock()
        self._found: dict[tuple[str, str], Registration] | None = None
        self._read_at = 0

    def of(self, region: str, principal_arn: str) -> Registration | None:
        """The host that the principal is registered for in the region."""
        with self._lock:
            found = self._found
            if found is None or self._kit.clock.now() - self._read_at > _FRESH:
                found = self._found = self._read()
        return found.get((region, principal_arn))

    def forget(self) -> None:
        """A registration changed."""
        with self._lock:
            self._found = None

    def _read(self) -> dict[tuple[str, str], Registration]:
        self._read_at = self._kit.clock.now()
        found = {}
        for row in self._kit.db.read(hosts.registered):
            identifier = row.iam_user_arn or row.iam_session_arn
            found[row.region, identifier] = Registration(row.account, row.region, row.name, row.arn, identifier)
        return found
