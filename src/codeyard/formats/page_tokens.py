"""Opaque page tokens: where a listing goes on, bound to the question that was asked."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Any


def encode(place: Sequence[str | int], *question: Any) -> str:
    """The token for the place after which the next page begins."""
    text = json.dumps([_mark(question), *place], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(token: str, kinds: Sequence[type], *question: Any) -> tuple[Any, ...]:
    """The place; ValueError when the token is not one of ours, or answers another question."""
    try:
        raw = base64.urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4))
        parts = json.loads(raw)
    except (ValueError, binascii.Error, UnicodeError, RecursionError):
        raise ValueError("not a page token") from None
    if not isinstance(parts, list) or len(parts) != len(kinds) + 1 or parts[0] != _mark(question):
        raise ValueError("not a page token of this request")
    place = tuple(parts[1:])
    if any(type(part) is not kind for part, kind in zip(place, kinds, strict=True)):
        raise ValueError("not a page token")
    return place


def resume(token: str | None, kinds: Sequence[type], refusal: Exception, *question: Any) -> tuple[Any, ...] | None:
    """Where a listing goes on, None at its beginning; raises `refusal` for a token that `decode` refuses."""
    if token is None:
        return None
    try:
        return decode(token, kinds, *question)
    except ValueError:
        raise refusal from None


def _mark(question: tuple[Any, ...]) -> str:
    return hashlib.sha256(repr(question).encode()).hexdigest()[:12]
