"""The event as a service emits it; the outbox gives it its id when the transaction commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """An EventBridge event without envelope ids. `time` is in microseconds since the epoch."""

    source: str
    detail_type: str
    detail: Mapping[str, Any]
    account: str
    region: str
    time: int
    resources: Sequence[str] = ()
    bus: str = "default"
