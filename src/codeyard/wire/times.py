"""Timestamps in the forms that the protocols use."""

from __future__ import annotations

import datetime
import email.utils
from collections.abc import Callable
from typing import Any

UTC = datetime.UTC
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)


def from_epoch(value: float) -> datetime.datetime:
    """Seconds since the epoch, fractions kept to the microsecond."""
    return _EPOCH + datetime.timedelta(microseconds=round(value * 1_000_000))


def from_text(text: str) -> datetime.datetime:
    """ISO 8601, RFC 822 or a number of seconds, as senders mix them."""
    try:
        return from_epoch(float(text))
    except ValueError:
        pass
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        found = email.utils.parsedate_to_datetime(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def parse(value: Any) -> datetime.datetime:
    """A timestamp however it was sent; ValueError where it is none."""
    if isinstance(value, datetime.datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return from_epoch(value)
    if isinstance(value, str):
        return from_text(value)
    raise ValueError("not a timestamp")


def to_epoch(value: datetime.datetime) -> float | int:
    """Seconds since the epoch; whole seconds as an integer."""
    seconds = (value - _EPOCH).total_seconds()
    return int(seconds) if seconds == int(seconds) else round(seconds, 6)


def to_iso(value: datetime.datetime) -> str:
    """2026-01-31T12:00:00Z, with a fraction only where there is one."""
    value = value.astimezone(UTC)
    text = f"{value.year:04d}-{value.month:02d}-{value.day:02d}T{value.hour:02d}:{value.minute:02d}:{value.second:02d}"
    return f"{text}.{value.microsecond:06d}Z" if value.microsecond else f"{text}Z"


def to_rfc822(value: datetime.datetime) -> str:
    """Sat, 31 Jan 2026 12:00:00 GMT."""
    return email.utils.format_datetime(value.astimezone(UTC).replace(microsecond=0), usegmt=True)


WRITERS: dict[str, Callable[[datetime.datetime], Any]] = {
    "unixtimestamp": to_epoch,
    "iso8601": to_iso,
    "rfc822": to_rfc822,
}


def writer(shape: Any, default: str) -> Callable[[datetime.datetime], Any]:
    """How a shape's time is written, where the protocol's own default is `default`."""
    return WRITERS[str(shape.serialization.get("timestampFormat", default)).lower()]
