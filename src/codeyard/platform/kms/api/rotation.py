"""Rotation: new material for a key, by the clock or on demand. What older material encrypted still opens."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import moment
from codeyard.platform.kms import events, finding, material, model, store
from codeyard.platform.kms.api.base import Base, page, resume
from codeyard.platform.kms.errors import bad_state, limit
from codeyard.platform.kms.finding import ROTATION
from codeyard.platform.kms.model import (
    COMING,
    DAY,
    DEFAULT_ROTATION_DAYS,
    DELETING,
    EXTERNAL,
    FORMER,
    MAX_ROTATIONS,
    Key,
    Material,
)
from codeyard.platform.kms.specs import SPECS, SYMMETRIC


class Rotation(Base):
    """Operations on generations of key material."""

    def enable_key_rotation(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Rotate the key's material every so many days (365 unless said)."""
        days = req.get("RotationPeriodInDays")

        def write(tx: Any) -> dict[str, Any]:
            key = self._rotating(ctx, tx, req["KeyId"])
            period = days or key.rotation_days or DEFAULT_ROTATION_DAYS
            at = ctx.now + period * DAY if days or not key.rotation_days else key.rotation_at
            store.change_key(tx, key.id, rotation_days=period, rotation_at=at)
            tx.timer(ROTATION, key.id, at)
            return {}

        return ctx.write(write)

    def disable_key_rotation(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Rotate the key's material no more by the clock."""

        def write(tx: Any) -> dict[str, Any]:
            key = self._rotating(ctx, tx, req["KeyId"])
            store.change_key(tx, key.id, rotation_days=0, rotation_at=0)
            tx.cancel_timer(ROTATION, key.id)
            return {}

        return ctx.write(write)

    def _rotating(self, ctx: Context, tx: Any, given: str) -> Key:
        """A key that rotates by the clock: symmetric, with material that was made here."""
        key = self._key(ctx, tx, given)
        model.check_rotates(key)
        if key.origin == EXTERNAL:
            raise AwsError(
                "UnsupportedOperationException", f"{key.arn} has imported material, which rotates on demand only."
            )
        model.check_usable(key)
        return key

    def get_key_rotation_status(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Whether and when the key rotates by itself."""
        key = self._read_key(ctx, req["KeyId"])
        model.check_rotates(key)
        on = bool(key.rotation_days) and key.state != DELETING
        answer: dict[str, Any] = {"KeyRotationEnabled": on, "KeyId": key.arn}
        if on:
            answer |= {"RotationPeriodInDays": key.rotation_days, "NextRotationDate": moment(key.rotation_at)}
        return answer

    def rotate_key_on_demand(self, ctx: Context, req: Params) -> dict[str, Any]:
        """New material now; for an external key the material that was imported for it."""
        fresh = material.generate(SPECS[SYMMETRIC], self._kit.ids)

        def write(tx: Any) -> dict[str, Any]:
            key = self._key(ctx, tx, req["KeyId"])
            model.check_rotates(key)
            model.check_usable(key)
            known = store.materials_of(tx, key.id)
            if sum(one.rotation == "ON_DEMAND" for one in known) >= MAX_ROTATIONS:
                raise limit(f"The key {key.arn} has been rotated on demand {MAX_ROTATIONS} times.")
            new = self._coming(tx, key, known, fresh)
            store.make_current(tx, key.id, new.id, rotation="ON_DEMAND", at=ctx.now)
            store.change_key(tx, key.id, expires=new.expires)
            return {"KeyId": key.arn}

        return ctx.write(write)

    def _coming(self, tx: Any, key: Key, known: list[Material], fresh: bytes) -> Material:
        if key.origin == EXTERNAL:
            waiting = next((one for one in known if one.state == COMING and one.sealed), None)
            if waiting is None:
                raise bad_state(f"{key.arn} has no imported key material that is pending rotation.")
            return waiting
        new = finding.sealed_material(self._kit, key.id, fresh, known[-1].number + 1, FORMER)
        store.add_material(tx, new)
        return new

    def list_key_rotations(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The rotations that were, newest last; with ALL_KEY_MATERIAL the first and the coming material too."""
        key, size = self._read_key(ctx, req["KeyId"]), req.get("Limit") or 100
        model.check_rotates(key)
        every = req.get("IncludeKeyMaterial") == "ALL_KEY_MATERIAL"
        question = ("rotations", key.id, every)
        after = resume(req, *question)
        known = self._kit.db.read(lambda tx: store.materials_of(tx, key.id))
        rows = [one for one in known if (every or one.rotation) and _place(one) > after]
        return page("Rotations", rows, size, _place, lambda one: _shown(key, one), *question)

    def _rotate_due(self, key_id: str) -> None:
        """The engine's part: rotate a key whose time has come, and say when the next one is."""
        fresh, now = material.generate(SPECS[SYMMETRIC], self._kit.ids), self._kit.clock.now()

        def write(tx: Any) -> None:
            key = store.key(tx, key_id)
            if key is None or not key.rotation_days or key.state != model.ENABLED:
                return
            if key.rotation_at > now:
                tx.timer(ROTATION, key_id, key.rotation_at)
                return
            number = store.materials_of(tx, key_id)[-1].number + 1
            new = finding.sealed_material(self._kit, key_id, fresh, number, FORMER)
            store.add_material(tx, new)
            store.make_current(tx, key_id, new.id, rotation="AUTOMATIC", at=now)
            at = now + key.rotation_days * DAY
            store.change_key(tx, key_id, rotation_at=at)
            said = {"rotationType": "AUTOMATIC", "keyOrigin": key.origin, "currentKeyMaterialId": new.id}
            events.tell(tx, self._kit, key, "RotateKey", **said, previousKeyMaterialId=key.current)
            tx.timer(ROTATION, key_id, at)

        self._kit.db.write(write)


def _place(one: Material) -> str:
    return f"{one.number:08d}"


def _shown(key: Key, one: Material) -> dict[str, Any]:
    found: dict[str, Any] = {"KeyId": key.arn, "KeyMaterialId": one.id, "KeyMaterialState": one.state}
    if one.rotation:
        found |= {"RotationDate": moment(one.created), "RotationType": one.rotation}
    if key.origin == EXTERNAL:
        found["ImportState"] = "IMPORTED" if one.sealed else "PENDING_IMPORT"
        found["ExpirationModel"] = "KEY_MATERIAL_EXPIRES" if one.expires else "KEY_MATERIAL_DOES_NOT_EXPIRE"
    if one.description:
        found["KeyMaterialDescription"] = one.description
    return {**found, "ValidTo": moment(one.expires)} if one.expires else found
