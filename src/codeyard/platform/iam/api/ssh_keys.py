"""SSH public keys, for Git over SSH."""

from __future__ import annotations

import base64

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
    load_ssh_public_key,
)

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import whole_second
from codeyard.platform.iam import errors, model
from codeyard.platform.iam.api.base import Answer, Room, find_user, sliced, user_name
from codeyard.platform.iam.model import SshKey, User
from codeyard.platform.iam.store import keys
from codeyard.storage import Tx


class SshKeys(Room):
    """Operations on SSH public keys."""

    def upload_ssh_public_key(self, ctx: Context, req: Params) -> Answer:
        """Give a user an SSH key, five at most: RSA of 2048 to 16384 bits, in ssh-rsa or PEM form."""
        body, fingerprint = _read(req["SSHPublicKeyBody"])
        key_id = model.unique_id(self.kit.ids, "APKA")

        def make(tx: Tx) -> Answer:
            user = find_user(tx, ctx, req["UserName"])
            held = keys.of_user(tx, SshKey, user.id)
            if any(key.fingerprint == fingerprint for key in held):
                message = "The SSH public key is already associated with the user."
                raise AwsError("DuplicateSSHPublicKeyException", message)
            if len(held) >= model.SSH_KEYS_PER_USER:
                raise errors.limit("SSHPublicKeysPerUser", model.SSH_KEYS_PER_USER)
            made = SshKey(key_id, user.id, body, fingerprint, "Active", ctx.now)
            keys.add(tx, made)
            return {"SSHPublicKey": _answer(made, user.name, made.body)}

        return ctx.write(make)

    def get_ssh_public_key(self, ctx: Context, req: Params) -> Answer:
        """A user's SSH key in the encoding asked for."""
        user, key = self._read(lambda tx: _find(tx, ctx, req["UserName"], req["SSHPublicKeyId"]))
        return {"SSHPublicKey": _answer(key, user.name, _pem(key.body) if req["Encoding"] == "PEM" else key.body)}

    def list_ssh_public_keys(self, ctx: Context, req: Params) -> Answer:
        """A user's SSH keys, without their bodies."""
        name = user_name(ctx, req)

        def get(tx: Tx) -> tuple[str, list[SshKey]]:
            user = find_user(tx, ctx, name)
            return user.name, keys.of_user(tx, SshKey, user.id)

        owner, found = self._read(get)
        shown, more = sliced(req, found, lambda key: key.id)
        listed = [
            {
                "UserName": owner,
                "SSHPublicKeyId": key.id,
                "Status": key.status,
                "UploadDate": whole_second(key.uploaded),
            }
            for key in shown
        ]
        return {"SSHPublicKeys": listed, **more}

    def update_ssh_public_key(self, ctx: Context, req: Params) -> Answer:
        """Activate or deactivate an SSH key."""
        if req["Status"] not in ("Active", "Inactive"):
            raise errors.validation(f"A key cannot be given the status {req['Status']}.")

        def change(tx: Tx) -> Answer:
            _, key = _find(tx, ctx, req["UserName"], req["SSHPublicKeyId"])
            keys.update(tx, SshKey, key.id, status=req["Status"])
            return {}

        return ctx.write(change)

    def delete_ssh_public_key(self, ctx: Context, req: Params) -> Answer:
        """Delete an SSH key."""

        def remove(tx: Tx) -> Answer:
            keys.delete(tx, SshKey, _find(tx, ctx, req["UserName"], req["SSHPublicKeyId"])[1].id)
            return {}

        return ctx.write(remove)


def _find(tx: Tx, ctx: Context, name: str, key_id: str) -> tuple[User, SshKey]:
    user, key = find_user(tx, ctx, name), keys.one(tx, SshKey, key_id)
    if key is None or key.user_id != user.id:
        raise errors.no_such(f"The Public Key with id {key_id} cannot be found.")
    return user, key


def _read(text: str) -> tuple[str, str]:
    """(the key's line in OpenSSH form, its MD5 fingerprint) of an uploaded key; refuses what is no RSA key."""
    data = text.strip().encode("utf-8")
    try:
        key = load_pem_public_key(data) if data.startswith(b"-----BEGIN") else load_ssh_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        code = "UnrecognizedPublicKeyEncodingException" if b"BEGIN" in data else "InvalidPublicKeyException"
        raise AwsError(code, "The public key is malformed or is not in the supported format.") from None
    if not isinstance(key, RSAPublicKey) or not 2048 <= key.key_size <= 16384:
        raise AwsError("InvalidPublicKeyException", "The public key must be an RSA key of 2048 to 16384 bits.")
    line = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")
    comment = "" if data.startswith(b"-----") else " ".join(text.split()[2:])
    return f"{line} {comment}".strip(), model.ssh_fingerprint(base64.b64decode(line.split()[1]))


def _pem(line: str) -> str:
    key = load_ssh_public_key(line.encode("utf-8"))
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def _answer(key: SshKey, owner: str, body: str) -> Answer:
    return {
        "UserName": owner,
        "SSHPublicKeyId": key.id,
        "Fingerprint": key.fingerprint,
        "SSHPublicKeyBody": body,
        "Status": key.status,
        "UploadDate": whole_second(key.uploaded),
    }
