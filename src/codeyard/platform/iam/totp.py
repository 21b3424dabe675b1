"""Time-based one-time codes (RFC 6238: HMAC-SHA-1, six digits, steps of thirty seconds). Pure."""

from __future__ import annotations

import hashlib
import hmac

STEP = 30
_AROUND = 1  # steps that a device's clock may be off by, beside the drift that is known
_FAR = 40  # the same where two codes in a row prove the device: twenty minutes


def code_at(seed: bytes, step: int) -> str:
    """The code of one step."""
    digest = hmac.digest(seed, step.to_bytes(8, "big"), hashlib.sha1)
    start = digest[-1] & 0x0F
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06d}"


def step_at(now: int) -> int:
    """The step of a time in microseconds."""
    return now // 1_000_000 // STEP


def matching(seed: bytes, code: str, now: int, *, drift: int, after: int) -> int | None:
    """The step whose code this is, none before or at `after`: a code counts once. None where it is wrong."""
    here = step_at(now) + drift
    found = None
    for step in range(here - _AROUND, here + _AROUND + 1):
        if hmac.compare_digest(code_at(seed, step), code) and step > after:
            found = step
    return found


def matching_pair(seed: bytes, first: str, second: str, now: int, *, after: int = -1) -> int | None:
    """The later step of two codes in a row, the nearest to now; None where they are not."""
    here, found = step_at(now), None
    for step in sorted(range(here - _FAR, here + _FAR + 1), key=lambda one: abs(one - here), reverse=True):
        one, other = code_at(seed, step - 1), code_at(seed, step)
        if hmac.compare_digest(one + other, first + second) and step > after:
            found = step
    return found
