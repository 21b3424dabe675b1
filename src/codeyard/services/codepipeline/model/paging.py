"""Opaque page tokens: they name the list they belong to, and any other text is InvalidNextTokenException."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from codeyard.contract import AwsError


def encode(scope: str, key: Any) -> str:
    """A token that continues the list `scope` after `key`."""
    return base64.urlsafe_b64encode(json.dumps([scope, key]).encode()).decode().rstrip("=")


def decode_text(scope: str, token: str | None) -> str | None:
    """The text key to continue after, or None at the beginning."""
    key = _decode(scope, token)
    if key is not None and (not isinstance(key, str) or "\0" in key):
        raise _invalid()
    return key


def decode_number(scope: str, token: str | None) -> int | None:
    """The number to continue after, or None at the beginning."""
    key = _decode(scope, token)
    if key is not None and (not isinstance(key, int) or isinstance(key, bool) or not 0 <= key < 2**62):
        raise _invalid()
    return key


def _decode(scope: str, token: str | None) -> Any:
    if token is None:
        return None
    try:
        found, key = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise _invalid() from None
    if found != scope or key is None:
        raise _invalid()
    return key


def _invalid() -> AwsError:
    return AwsError("InvalidNextTokenException", "The next token is not valid for this request")
