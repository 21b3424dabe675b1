"""Scalars between Python and the wires: times, blobs, numbers, booleans. Bad text raises ValueError."""

from __future__ import annotations

import base64
import binascii
import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)


def aware(value: Any) -> datetime:
    """A time as an aware datetime in UTC; numbers are seconds since the epoch."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return from_epoch(value)


def from_epoch(value: float) -> datetime:
    """Seconds since the epoch as a datetime, exact to the microsecond."""
    try:
        return EPOCH + timedelta(microseconds=round(value * 1_000_000))
    except (OverflowError, ValueError) as error:
        raise ValueError("not a time") from error


def to_epoch(value: Any) -> int | float:
    """Seconds since the epoch: an int where there is no fraction."""
    micros = (aware(value) - EPOCH) // _MICROSECOND
    return micros // 1_000_000 if micros % 1_000_000 == 0 else micros / 1_000_000


def from_text(text: str) -> datetime:
    """A time from ISO 8601, an HTTP date, or seconds since the epoch."""
    text = text.strip()
    if text[:1].isdigit() or text[:1] in "-+":
        try:
            return aware(datetime.fromisoformat(text)) if "-" in text[1:] else from_epoch(float(text))
        except ValueError:
            return aware(datetime.fromisoformat(text))
    try:
        return aware(parsedate_to_datetime(text))
    except (TypeError, IndexError, OverflowError) as error:
        raise ValueError("not a time") from error


def iso(value: Any, *, always_millis: bool = False) -> str:
    """ISO 8601 in UTC with as many fraction digits as are needed: none, three or six."""
    time = aware(value)
    micros = time.microsecond
    if micros % 1000:
        fraction = f".{micros:06d}"
    else:
        fraction = f".{micros // 1000:03d}" if micros or always_millis else ""
    text = f"{time.year:04d}-{time.month:02d}-{time.day:02d}T{time.hour:02d}:{time.minute:02d}:{time.second:02d}"
    return f"{text}{fraction}Z"


def http_date(value: Any) -> str:
    """An HTTP date; fractions are dropped, the form has none."""
    return format_datetime(aware(value).replace(microsecond=0), usegmt=True)


def stamp(value: Any, form: str) -> str:
    """A time as text in a model's timestampFormat: iso8601, rfc822 or unixtimestamp."""
    if form == "rfc822":
        return http_date(value)
    return str(to_epoch(value)) if form == "unixtimestamp" else iso(value)


def to_base64(value: Any) -> str:
    """Bytes (or text, as UTF-8) as base64."""
    return base64.b64encode(value.encode() if isinstance(value, str) else bytes(value)).decode()


def from_base64(text: str) -> bytes:
    """Bytes of base64 text."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error


def number_text(value: Any) -> str:
    """A float as the wires spell it."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return repr(float(value)) if isinstance(value, float) else str(value)


def to_float(text: str) -> float:
    """A float of its text, NaN and the infinities included."""
    if text in ("NaN", "Infinity", "-Infinity"):
        return float(text)
    found = float(text)
    if not math.isfinite(found):
        raise ValueError("not a number")
    return found


def to_int(text: str) -> int:
    """An integer of its text; at most 20 digits."""
    text = text.strip()
    if len(text) > 21 or "_" in text:
        raise ValueError("not an integer")
    return int(text)


def to_bool(text: str) -> bool:
    """A boolean of its text."""
    lowered = text.strip().lower()
    if lowered not in ("true", "false", "1", "0"):
        raise ValueError("not a boolean")
    return lowered in ("true", "1")


def scalar_reader(kind: str) -> Any:
    """The function that reads text as a value of a model's scalar type."""
    readers = {
        "boolean": to_bool,
        "integer": to_int,
        "long": to_int,
        "float": to_float,
        "double": to_float,
        "timestamp": from_text,
        "blob": from_base64,
    }
    return readers.get(kind, str)


def scalar_writer(kind: str, form: str) -> Any:
    """The function that writes a value of a model's scalar type as text; `form` is its timestampFormat."""
    if kind == "boolean":
        return lambda value: "true" if value else "false"
    if kind in ("float", "double"):
        return number_text
    if kind == "timestamp":
        return lambda value: stamp(value, form)
    return to_base64 if kind == "blob" else str
