"""Key material of one's own: wrapped for the way here, sealed like any other, gone when it expires."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import micros_of, moment
from codeyard.platform.kms import events, finding, material, model, store, wrapping
from codeyard.platform.kms.api.base import Base
from codeyard.platform.kms.errors import bad_ciphertext, bad_state, invalid, unsupported
from codeyard.platform.kms.model import COMING, CURRENT, DAY, DELETING, ENABLED, EXTERNAL, WAITING, Key, Material
from codeyard.storage import dumps, loads

EXPIRY = "kms.expiry"
_KEPT_FOR = DAY


class Arrival(NamedTuple):
    """Imported material and what was said of it."""

    secret: bytes
    material_id: str
    expires: int
    description: str
    kind: str


class Importing(Base):
    """Operations on keys of Origin EXTERNAL."""

    def get_parameters_for_import(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A public key to wrap the material under, and the token by which its private half is found again."""
        key, algorithm = self._external(ctx, req["KeyId"]), req["WrappingAlgorithm"]
        if algorithm not in (*wrapping.OAEP, *wrapping.KEY_WRAP) or not req["WrappingKeySpec"].startswith("RSA_"):
            raise unsupported(f"{algorithm} with {req['WrappingKeySpec']} is not supported.")
        private = rsa.generate_private_key(65537, int(req["WrappingKeySpec"].removeprefix("RSA_")))
        until = ctx.now + _KEPT_FOR
        held = dumps({"algorithm": algorithm, "until": until, "private": material.encoded(private)}).encode()
        public = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {
            "KeyId": key.arn,
            "ImportToken": self._kit.sealer.seal(held, _bound(key)),
            "PublicKey": public,
            "ParametersValidTo": moment(until),
        }

    def _external(self, ctx: Context, given: str) -> Key:
        key = self._read_key(ctx, given)
        if key.origin != EXTERNAL:
            raise unsupported(f"{key.arn} origin is {key.origin} which is not valid for this operation.")
        model.check_not(key, DELETING)
        return key

    def import_key_material(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take wrapped material in: the first, the same again, or (symmetric keys) one to rotate to."""
        key = self._external(ctx, req["KeyId"])
        arrived = self._arrived(ctx, req, key)
        sealed = self._kit.sealer.seal(arrived.secret, finding.context(key.id, arrived.material_id))

        def write(tx: Any) -> dict[str, Any]:
            known = store.materials_of(tx, self._key(ctx, tx, req["KeyId"]).id)
            self._take_in(tx, ctx, key, known, arrived, sealed)
            return {"KeyId": key.arn, "KeyMaterialId": arrived.material_id} if key.symmetric else {"KeyId": key.arn}

        return ctx.write(write)

    def _arrived(self, ctx: Context, req: Params, key: Key) -> Arrival:
        secret = self._unwrapped(ctx, key, bytes(req["ImportToken"]), bytes(req["EncryptedKeyMaterial"]))
        try:
            checked = material.checked(secret, key.kind)
        except ValueError:
            raise AwsError("IncorrectKeyMaterialException", f"The material is not that of a {key.spec} key.") from None
        name = material.material_id(key.id, checked)
        if req.get("KeyMaterialId", name) != name:
            raise AwsError("IncorrectKeyMaterialException", "The material is not the one that KeyMaterialId names.")
        kind, description = req.get("ImportType") or "", req.get("KeyMaterialDescription") or ""
        return Arrival(checked, name, _expiry(ctx, req), description, kind)

    def _unwrapped(self, ctx: Context, key: Key, token: bytes, wrapped: bytes) -> bytes:
        try:
            held = loads(self._kit.sealer.open(token, _bound(key)))
        except ValueError:
            raise AwsError("InvalidImportTokenException", "The import token is not one of this key's.") from None
        if held["until"] <= ctx.now:
            raise AwsError("ExpiredImportTokenException", "The import token has expired.")
        private = material.private_key(base64.b64decode(held["private"]))
        secret = wrapping.unwrap(private, held["algorithm"], wrapped)
        if not secret:
            raise bad_ciphertext()
        return secret

    @staticmethod
    def _take_in(tx: Any, ctx: Context, key: Key, known: list[Material], arrived: Arrival, sealed: bytes) -> None:
        facts = {"sealed": sealed, "expires": arrived.expires, "description": arrived.description}
        same = next((one for one in known if one.id == arrived.material_id), None)
        if same is None and known and (arrived.kind != "NEW_KEY_MATERIAL" or not key.symmetric):
            raise AwsError("IncorrectKeyMaterialException", f"The material is not the one that {key.arn} had before.")
        if same is None and any(one.state == COMING for one in known):
            raise bad_state(f"{key.arn} has imported key material that is pending rotation already.")
        if same is None:
            state, number = (COMING if known else CURRENT), len(known) + 1
            new = Material(key.id, arrived.material_id, number, sealed, state, ctx.now)
            store.add_material(tx, new)
        store.change_material(tx, key.id, arrived.material_id, **facts)
        if arrived.expires:
            tx.timer(EXPIRY, f"{key.id}/{arrived.material_id}", arrived.expires)
        else:
            tx.cancel_timer(EXPIRY, f"{key.id}/{arrived.material_id}")
        if not known or (same is not None and same.state == CURRENT):
            facts = {"current": arrived.material_id, "expires": arrived.expires}
            store.change_key(tx, key.id, **facts)
        settle_state(tx, key.id)

    def delete_imported_key_material(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Forget imported material; the key waits until the same material is imported again."""
        key = self._external(ctx, req["KeyId"])

        def write(tx: Any) -> dict[str, Any]:
            wanted = req.get("KeyMaterialId") or self._key(ctx, tx, req["KeyId"]).current
            if wanted and store.material(tx, key.id, wanted) is None:
                raise AwsError("NotFoundException", f"Key material {wanted} does not exist")
            forget(tx, key.id, wanted)
            return {"KeyId": key.arn, "KeyMaterialId": wanted}

        return ctx.write(write)

    def _expire(self, place: str) -> None:
        """The engine's part: forget imported material whose time is over."""
        key_id, _, wanted = place.partition("/")
        now = self._kit.clock.now()

        def write(tx: Any) -> None:
            found = store.material(tx, key_id, wanted)
            if found is not None and 0 < found.expires <= now:
                forget(tx, key_id, wanted)
                key = store.key(tx, key_id)
                assert key is not None
                events.tell(tx, self._kit, key, "DeleteExpiredKeyMaterial", keyMaterialId=wanted)

        self._kit.db.write(write)


def forget(tx: Any, key_id: str, material_id: str) -> None:
    """Drop the bytes of a generation of imported material; its name stays, so that it can come again."""
    store.change_material(tx, key_id, material_id, sealed=b"", expires=0)
    tx.cancel_timer(EXPIRY, f"{key_id}/{material_id}")
    settle_state(tx, key_id)


def settle_state(tx: Any, key_id: str) -> None:
    """A key all of whose material is here is enabled when it waited; one that lacks some waits."""
    key = store.key(tx, key_id)
    assert key is not None
    known = store.materials_of(tx, key_id)
    whole = bool(known) and all(one.sealed for one in known if one.state != COMING)
    if whole and key.state == WAITING:
        store.change_key(tx, key_id, state=ENABLED)
    elif not whole and key.state not in (WAITING, DELETING):
        store.change_key(tx, key_id, state=WAITING)


def _expiry(ctx: Context, req: Params) -> int:
    expires, given = req.get("ExpirationModel", "KEY_MATERIAL_EXPIRES"), req.get("ValidTo")
    if expires == "KEY_MATERIAL_DOES_NOT_EXPIRE":
        if given is not None:
            raise invalid("ValidTo must not be specified when ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE.")
        return 0
    if given is None:
        raise invalid("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES.")
    at = micros_of(given)
    if not ctx.now < at <= ctx.now + 365 * DAY:
        raise invalid("ValidTo must lie in the future, within 365 days.")
    return at


def _bound(key: Key) -> str:
    return f"kms.import:{key.id}"
