"""One-time codes as proof: a code is right once, and who guesses is made to wait."""

from __future__ import annotations

from dataclasses import replace

from codeyard.contract import AwsError, Clock, Principal, Sealer
from codeyard.platform.iam import totp
from codeyard.platform.iam.store import devices
from codeyard.storage import Database

_WAIT = 300 * 1_000_000
_TRIES = 8
_WRONG = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
_UNKNOWN = (
    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid "
    "and associated with this user."
)
_BOTH = "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."


class Mfa:
    """Looks at codes, and spends them."""

    def __init__(self, db: Database, clock: Clock, sealer: Sealer) -> None:
        self._db, self._clock, self._sealer = db, clock, sealer
        self._wrong: dict[str, tuple[int, int]] = {}

    def is_right(self, principal: Principal, serial: str, code: str) -> bool:
        """Whether the code is right now; it stays unspent."""
        return bool(serial and code) and isinstance(self._step(principal, serial, code), int)

    def spend(self, principal: Principal, serial: str, code: str) -> int:
        """Spend a code: when that was (microseconds). AccessDenied where it is wrong, spent, or not the caller's."""
        if not serial or not code:
            raise _denied(_BOTH)
        step = self._step(principal, serial, code)
        if step is None:
            raise _denied(_UNKNOWN)
        if step is False or not self._db.write(lambda tx: devices.use(tx, serial, step)):
            self._guessed(serial)
            raise _denied(_WRONG)
        self._wrong.pop(serial, None)
        return self._clock.now()

    def admit(self, principal: Principal, code: str) -> Principal | None:
        """A user who signs in: as they are without a device, with MFA by a right code of one, else None."""
        held = self._db.read(lambda tx: devices.of_user(tx, principal.principal_id))
        if not held:
            return principal
        for one in held:
            try:
                return replace(principal, mfa_at=self.spend(principal, one.serial, code))
            except AwsError:  # perhaps another of the user's devices shows this code
                continue
        return None

    def _step(self, principal: Principal, serial: str, code: str) -> int | bool | None:
        """The step of a right code; False for a wrong one, None where the device is not the caller's."""
        found = self._db.read(lambda tx: devices.device(tx, serial))
        if principal.kind != "user" or found is None or not found.user_id or found.user_id != principal.principal_id:
            return None
        now = self._clock.now()
        tries, since = self._wrong.get(serial, (0, now))
        if tries >= _TRIES and now - since < _WAIT:
            return False
        seed = self._sealer.open(found.seed, seed_context(serial))
        step = totp.matching(seed, code, now, drift=found.drift, after=found.last_step)
        return False if step is None else step

    def _guessed(self, serial: str) -> None:
        now = self._clock.now()
        tries, since = self._wrong.get(serial, (0, now))
        self._wrong[serial] = (tries + 1, since) if now - since < _WAIT else (1, now)


def seed_context(serial: str) -> str:
    """What an MFA device's seed is sealed to."""
    return f"iam.mfa-seed:{serial}"


def _denied(message: str) -> AwsError:
    return AwsError("AccessDenied", message, status=403)
