"""Virtual MFA devices: made, given to a user by two codes in a row, taken away again."""

from __future__ import annotations

import base64

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import whole_second
from codeyard.platform.iam import errors, model, qr, totp
from codeyard.platform.iam.api.base import (
    Answer,
    Room,
    find_user,
    sliced,
    tag_list,
    user_answer,
    user_name,
)
from codeyard.platform.iam.mfa import seed_context
from codeyard.platform.iam.model import User
from codeyard.platform.iam.store import devices, entities
from codeyard.platform.iam.store.devices import Device
from codeyard.storage import Tx

_SEED_BYTES = 40


class MfaDevices(Room):
    """Operations on virtual MFA devices."""

    def create_virtual_mfa_device(self, ctx: Context, req: Params) -> Answer:
        """Make a device; the only time that its seed is told, as text and as a picture for an authenticator app.

        The account's name in the picture is its alias, or its number where it has none.
        """
        serial = model.arn("mfa", ctx.account, req.get("Path") or "/", req["VirtualMFADeviceName"])
        tags = model.merged_tags((), model.request_tags(req.get("Tags") or ()))
        seed = self.kit.ids.bytes(_SEED_BYTES)
        sealed = self.kit.sealer.seal(seed, seed_context(serial))

        def make(tx: Tx) -> Answer:
            if devices.device(tx, serial) is not None:
                raise errors.exists("MFADevice entity at the same path and name already exists.")
            if len(devices.of_account(tx, ctx.account)) >= model.USERS:
                raise errors.limit("MFADevices", model.USERS)
            devices.add(tx, Device(serial, ctx.account, sealed, ctx.now, "", 0, 0, -1, tags))
            found = {"SerialNumber": serial, **_told(req, entities.account_alias(tx, ctx.account) or ctx.account, seed)}
            return {"VirtualMFADevice": found | ({"Tags": tag_list(tags)} if tags else {})}

        return ctx.write(make)

    def delete_virtual_mfa_device(self, ctx: Context, req: Params) -> Answer:
        """Delete a device that no user has."""

        def remove(tx: Tx) -> Answer:
            found = find_device(tx, ctx, req["SerialNumber"])
            if found.user_id:
                raise errors.conflict("MFA VirtualDevice in use. Must deactivate first.")
            devices.delete(tx, found.serial)
            return {}

        return ctx.write(remove)

    def enable_mfa_device(self, ctx: Context, req: Params) -> Answer:
        """Give a device to a user, who proves it by two codes in a row; eight at most."""

        def enable(tx: Tx) -> Answer:
            user, found = find_user(tx, ctx, req["UserName"]), find_device(tx, ctx, req["SerialNumber"])
            if found.user_id:
                raise errors.exists("MFA Device is already in use.")
            if len(devices.of_user(tx, user.id)) >= model.MFA_DEVICES_PER_USER:
                raise errors.limit("MFADevicesPerUser", model.MFA_DEVICES_PER_USER)
            step = self._proven(ctx, req, found)
            drift = step - totp.step_at(ctx.now)
            devices.update(tx, found.serial, user_id=user.id, enabled=ctx.now, drift=drift, last_step=step)
            return {}

        return ctx.write(enable)

    def resync_mfa_device(self, ctx: Context, req: Params) -> Answer:
        """Learn anew by how much a device's clock is off, by two codes in a row."""

        def resync(tx: Tx) -> Answer:
            found = _held(tx, find_user(tx, ctx, req["UserName"]), req["SerialNumber"])
            step = self._proven(ctx, req, found)
            devices.update(tx, found.serial, drift=step - totp.step_at(ctx.now), last_step=step)
            return {}

        return ctx.write(resync)

    def deactivate_mfa_device(self, ctx: Context, req: Params) -> Answer:
        """Take a device from a user; the device stays, and can be deleted."""
        name = user_name(ctx, req)

        def take(tx: Tx) -> Answer:
            found = _held(tx, find_user(tx, ctx, name), req["SerialNumber"])
            devices.update(tx, found.serial, user_id="", enabled=0)
            return {}

        return ctx.write(take)

    def list_mfa_devices(self, ctx: Context, req: Params) -> Answer:
        """A user's devices."""
        name = user_name(ctx, req)

        def get(tx: Tx) -> tuple[User, list[Device]]:
            user = find_user(tx, ctx, name)
            return user, devices.of_user(tx, user.id)

        user, found = self._read(get)
        shown, more = sliced(req, found, lambda one: one.serial)
        return {"MFADevices": [_enabled(one) | {"UserName": user.name} for one in shown], **more}

    def get_mfa_device(self, ctx: Context, req: Params) -> Answer:
        """A device, and whose it is. What is made here has no certificates to tell of."""

        def get(tx: Tx) -> Answer:
            found = find_device(tx, ctx, req["SerialNumber"])
            owner = entities.user_by_id(tx, found.user_id) if found.user_id else None
            if req.get("UserName") and (owner is None or owner.name.lower() != req["UserName"].lower()):
                raise _not_theirs()
            if owner is None:
                return {"SerialNumber": found.serial}
            return _enabled(found) | {"UserName": owner.name}

        return self._read(get)

    def list_virtual_mfa_devices(self, ctx: Context, req: Params) -> Answer:
        """The account's devices, with the users that have them."""
        asked = req.get("AssignmentStatus") or "Any"

        def get(tx: Tx) -> Answer:
            wanted = [
                one
                for one in devices.of_account(tx, ctx.account)
                if asked == "Any" or bool(one.user_id) == (asked == "Assigned")
            ]
            shown, more = sliced(req, wanted, lambda one: one.serial)
            return {"VirtualMFADevices": [_virtual(tx, one) for one in shown], **more}

        return self._read(get)

    def _proven(self, ctx: Context, req: Params, found: Device) -> int:
        seed = self.kit.sealer.open(found.seed, seed_context(found.serial))
        first, second = req["AuthenticationCode1"], req["AuthenticationCode2"]
        step = totp.matching_pair(seed, first, second, ctx.now, after=found.last_step)
        if step is None:
            raise AwsError("InvalidAuthenticationCodeException", "Authentication code for device is not valid.")
        return step


def _told(req: Params, account: str, seed: bytes) -> Answer:
    text = base64.b32encode(seed)
    uri = qr.otpauth(req["VirtualMFADeviceName"], account, text.decode("ascii"))
    return {"Base32StringSeed": text, "QRCodePNG": qr.picture(uri)}


def find_device(tx: Tx, ctx: Context, serial: str) -> Device:
    """The account's device of that serial number, or NoSuchEntity."""
    found = devices.device(tx, serial)
    if found is None or found.account != ctx.account:
        raise errors.no_such(f"VirtualMFADevice with serial number {serial} doesn't exist.")
    return found


def _held(tx: Tx, user: User, serial: str) -> Device:
    found = devices.device(tx, serial)
    if found is None or found.user_id != user.id:
        raise _not_theirs()
    return found


def _not_theirs() -> AwsError:
    return errors.no_such("MFA Device invalid for user.")


def _enabled(found: Device) -> Answer:
    return {"SerialNumber": found.serial, "EnableDate": whole_second(found.enabled)}


def _virtual(tx: Tx, found: Device) -> Answer:
    owner = entities.user_by_id(tx, found.user_id) if found.user_id else None
    if owner is None:
        return {"SerialNumber": found.serial}
    return _enabled(found) | {"User": user_answer(owner)}
