"""The picture that an authenticator app reads an MFA device's seed from."""

from __future__ import annotations

import io
from urllib.parse import quote

import segno

_PIXELS = 6  # of one module's side: read from a screen at arm's length


def otpauth(device: str, account: str, seed: str) -> str:
    """The text in the picture: `otpauth://totp/DEVICE@ACCOUNT?secret=SEED`, the form in IAM's API reference."""
    return f"otpauth://totp/{quote(device, safe='@')}@{quote(account, safe='')}?secret={seed}"


def picture(text: str) -> bytes:
    """The text as the PNG of a QR code of level M: about a seventh of it may be spoilt."""
    found = io.BytesIO()
    segno.make_qr(text, error="m", boost_error=False).save(found, kind="png", scale=_PIXELS)
    return found.getvalue()
