"""From an event to the topics of the rules that name it: decided in the outbox's transaction, published once each."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from codeyard.contract import AwsError
from codeyard.engine import EventRow, Kit
from codeyard.services.codestar_notifications import events, store
from codeyard.services.codestar_notifications.model import ACTIVE, SERVICE, UNREACHABLE
from codeyard.services.codestar_notifications.store import Place
from codeyard.storage import Tx

NOTIFY = "codestar-notifications.notify"
_AGAIN = re.compile(r"Throttl|LimitExceeded|TooManyRequests")
log = logging.getLogger(__name__)


class Wish(NamedTuple):
    """A rule as the fan-out needs it."""

    arn: str
    full: bool
    topics: tuple[str, ...]


class Index:
    """The enabled rules of a place by (resource, event type): thousands of them cost an event one look."""

    def __init__(self, version: int, wishes: Iterable[tuple[str, Iterable[str], Wish]]) -> None:
        self.version = version
        self._found: dict[tuple[str, str], list[Wish]] = {}
        for resource, types, wish in wishes:
            for one in types:
                self._found.setdefault((resource, one), []).append(wish)

    def matching(self, event: EventRow) -> list[Wish]:
        """The rules that want the event, once each however many of its types they name."""
        resources, types = events.resources_of(event), events.types_of(event)
        keys = [(resource, one) for resource in resources for one in types]
        return list({wish.arn: wish for key in keys for wish in self._found.get(key, ())}.values())


class Notifier:
    """Matches events with rules and publishes to their topics, as the notification service, by the topics' policies."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._indexes: dict[Place, Index] = {}

    def fan_out(self, tx: Tx, event: EventRow) -> None:
        """Ask for one publication for each topic of each rule that wants the event."""
        if event.bus != "default" or event.source not in events.SOURCES:
            return
        index = self._index(tx, (event.account, event.region))
        for wish in index.matching(event) if index is not None else ():
            text = events.message(event, wish.arn, full=wish.full)
            for topic in wish.topics:
                name = hashlib.sha256(f"{wish.arn}\n{topic}".encode()).hexdigest()[:16]
                payload = {"rule": wish.arn, "topic": topic, "message": text}
                tx.effect(NOTIFY, f"{event.id}-{name}", payload)

    def _index(self, tx: Tx, place: Place) -> Index | None:
        version = store.version(tx, place)
        if version is None:
            return None
        known = self._indexes.get(place)
        if known is not None and known.version == version:
            return known
        made = Index(version, _wishes(tx, place))
        # A transaction that is undone may have given its version to another change: only what is committed is kept.
        tx.after_commit(lambda: self._indexes.__setitem__(place, made))
        return made

    def send(self, token: str, payload: dict[str, Any]) -> None:
        """The effect: publish, and keep whether the topic could be reached; a fault of the server's is tried again."""
        _, _, _, region, account, _ = payload["topic"].split(":", 5)
        client = self._kit.clients.as_service(SERVICE, account=account, region=region, source_arn=payload["rule"])
        asked = {"TopicArn": payload["topic"], "Message": payload["message"], "Token": token}
        status = ACTIVE
        try:
            client.call("sns", "PublishOnce", asked)
        except AwsError as error:
            if (error.status or 400) >= 500 or _AGAIN.search(error.code):
                raise
            log.warning("notification %s was not sent: %s", token, error.code)
            status = UNREACHABLE
        _, _, _, region, account, _ = payload["rule"].split(":", 5)
        self._kit.db.write(lambda tx: store.set_status(tx, (account, region), payload["topic"], status))


def _wishes(tx: Tx, place: Place) -> list[tuple[str, Iterable[str], Wish]]:
    topics: dict[str, list[str]] = {}
    for rule_arn, address, _ in store.links_of(tx, place):
        topics.setdefault(rule_arn, []).append(address)
    wanted = [rule for rule in store.rules_of(tx, place) if rule.status == "ENABLED" and rule.arn in topics]
    return [(r.resource, r.event_types, Wish(r.arn, r.detail_type == "FULL", tuple(topics[r.arn]))) for r in wanted]
