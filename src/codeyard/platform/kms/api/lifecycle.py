"""A key's states: enabled, disabled, on its way out and back."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Params
from codeyard.formats.moments import moment
from codeyard.platform.kms import events, model, store
from codeyard.platform.kms.api.base import Base
from codeyard.platform.kms.errors import bad_state, invalid
from codeyard.platform.kms.finding import ROTATION
from codeyard.platform.kms.model import DAY, DELETING, DISABLED, ENABLED, EXTERNAL, WAITING, Key

DELETION = "kms.deletion"
_DAYS = range(7, 31)


class Lifecycle(Base):
    """Operations on a key's state."""

    def enable_key(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Let a key be used again; a rotation that fell due meanwhile is made up for."""

        def write(tx: Any) -> dict[str, Any]:
            key = self._key(ctx, tx, req["KeyId"])
            model.check_not(key, DELETING, WAITING)
            store.change_key(tx, key.id, state=ENABLED)
            if key.rotation_days:
                tx.timer(ROTATION, key.id, max(key.rotation_at, ctx.now))
            return {}

        return ctx.write(write)

    def disable_key(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Refuse every use of a key until it is enabled again."""

        def write(tx: Any) -> dict[str, Any]:
            key = self._key(ctx, tx, req["KeyId"])
            model.check_not(key, DELETING, WAITING)
            store.change_key(tx, key.id, state=DISABLED)
            return {}

        return ctx.write(write)

    def schedule_key_deletion(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Refuse every use of a key, and delete it for good when its window ends."""
        days = req.get("PendingWindowInDays") or 30
        if days not in _DAYS:
            raise invalid("PendingWindowInDays must be between 7 and 30 (inclusive).")

        def write(tx: Any) -> dict[str, Any]:
            key = self._key(ctx, tx, req["KeyId"])
            model.check_not(key, DELETING)
            at = ctx.now + days * DAY
            store.change_key(tx, key.id, state=DELETING, deletion_at=at, deletion_days=days)
            tx.timer(DELETION, key.id, at)
            facts = {"KeyId": key.arn, "KeyState": DELETING, "PendingWindowInDays": days}
            return {**facts, "DeletionDate": moment(at)}

        return ctx.write(write)

    def cancel_key_deletion(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Keep a key after all; it is disabled until somebody enables it."""

        def write(tx: Any) -> dict[str, Any]:
            key = self._key(ctx, tx, req["KeyId"])
            if key.state != DELETING:
                raise bad_state(f"{key.arn} is not pending deletion.")
            store.change_key(tx, key.id, state=_kept_as(key), deletion_at=0, deletion_days=0)
            tx.cancel_timer(DELETION, key.id)
            return {"KeyId": key.arn}

        return ctx.write(write)

    def _delete_due(self, key_id: str) -> None:
        """The engine's part: delete a key whose window has ended, with its aliases, grants and material."""
        now = self._kit.clock.now()

        def write(tx: Any) -> None:
            key = store.key(tx, key_id)
            if key is not None and key.state == DELETING and key.deletion_at <= now:
                store.remove_key(tx, key_id)
                events.tell(tx, self._kit, key, "DeleteKey")
                tx.cancel_timer(ROTATION, key_id)

        self._kit.db.write(write)


def _kept_as(key: Key) -> str:
    return WAITING if key.origin == EXTERNAL and not key.current else DISABLED
