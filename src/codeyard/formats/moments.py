"""Times between their three forms: integer microseconds (rows), aware datetimes (operations), ISO text (events)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=4096)
def moment(micros: int) -> datetime:
    """The aware datetime of microseconds since the epoch; kept, since answers tell the same times again and again."""
    return _EPOCH + timedelta(microseconds=micros)


def whole_second(micros: int) -> datetime:
    """The aware datetime, cut to its second."""
    return moment(micros - micros % 1_000_000)


def micros_of(value: datetime) -> int:
    """Microseconds since the epoch; a naive datetime counts as UTC."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def iso_z(micros: int) -> str:
    """The time as events and the trail write it: `2026-01-31T08:15:30Z`."""
    return f"{_second(micros // 1_000_000)}Z"


def iso_millis(micros: int) -> str:
    """The time with milliseconds: `2026-01-31T08:15:30.123Z`."""
    return f"{_second(micros // 1_000_000)}.{micros // 1000 % 1000:03d}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    """Kept, since many calls fall in one second."""
    return moment(seconds * 1_000_000).strftime("%Y-%m-%dT%H:%M:%S")
