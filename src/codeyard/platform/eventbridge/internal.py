"""Events for other rooms of this program: each subscription is called once an event, at least, as an effect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from codeyard.engine import EventRow
from codeyard.platform.eventbridge.events import envelope
from codeyard.storage import Tx


class Subscriber(Protocol):
    """Whoever wants events: of one source, of some detail types (none named: all)."""

    @property
    def source(self) -> str: ...

    @property
    def detail_types(self) -> Iterable[str]: ...

    @property
    def handler(self) -> Callable[[dict[str, Any]], None]: ...


@dataclass(frozen=True, slots=True)
class Subscription:
    """The plain Subscriber."""

    source: str
    handler: Callable[[dict[str, Any]], None]
    detail_types: frozenset[str] = field(default_factory=frozenset)


class InternalBus:
    """Hands each event to the in-process subscribers; a handler that raises is called again later."""

    def __init__(self, subscribers: Iterable[Subscriber]) -> None:
        self._subscribers = tuple(subscribers)

    def fan_out(self, tx: Tx, event: EventRow) -> None:
        """Write an effect for each subscriber of the event."""
        for number, one in enumerate(self._subscribers):
            if one.source == event.source and (not one.detail_types or event.detail_type in one.detail_types):
                tx.effect(_kind(number), event.id, envelope(event))

    def effects(self) -> Mapping[str, Callable[[str, dict[str, Any]], None]]:
        """The effects by kind, for the Part."""
        return {_kind(number): _call(one) for number, one in enumerate(self._subscribers)}


def _kind(number: int) -> str:
    return f"events.internal.{number}"


def _call(one: Subscriber) -> Callable[[str, dict[str, Any]], None]:
    return lambda token, event: one.handler(event)
