"""Service-specific credentials: the user name and password that Git over HTTPS signs in with."""

from __future__ import annotations

from dataclasses import replace

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import whole_second
from codeyard.platform.iam import errors, model
from codeyard.platform.iam.api.base import Answer, Room, find_user, sliced, user_name
from codeyard.platform.iam.model import ServiceCredential, User
from codeyard.platform.iam.store import entities, keys
from codeyard.storage import Tx

_SERVICES = ("codecommit.amazonaws.com",)


class Credentials(Room):
    """Operations on service-specific credentials."""

    def create_service_specific_credential(self, ctx: Context, req: Params) -> Answer:
        """Make Git credentials for a user, two at most; the only time that the password is told."""
        if req["ServiceName"] not in _SERVICES:
            raise _unsupported(req["ServiceName"])
        if req.get("CredentialAgeDays"):
            raise errors.validation(f"CredentialAgeDays is not supported for {req['ServiceName']}.")
        credential_id, password = model.unique_id(self.kit.ids, "ACCA"), _password(self)
        hashed = self.passwords.hash(password)

        def make(tx: Tx) -> Answer:
            user = find_user(tx, ctx, req["UserName"])
            made = ServiceCredential(
                credential_id,
                user.id,
                req["ServiceName"],
                _free_name(tx, user, req["ServiceName"]),
                hashed,
                "Active",
                ctx.now,
            )
            keys.add(tx, made)
            return {"ServiceSpecificCredential": {**_answer(made, user.name), "ServicePassword": password}}

        return ctx.write(make)

    def reset_service_specific_credential(self, ctx: Context, req: Params) -> Answer:
        """Give the credential a new password; the old one counts no more on the next call."""
        name, password = user_name(ctx, req), _password(self)
        hashed = self.passwords.hash(password)

        def change(tx: Tx) -> Answer:
            user, found = _find(tx, ctx, name, req["ServiceSpecificCredentialId"])
            keys.update(tx, ServiceCredential, found.id, password=hashed)
            told = _answer(replace(found, password=hashed), user.name)
            return {"ServiceSpecificCredential": {**told, "ServicePassword": password}}

        return ctx.write(change)

    def list_service_specific_credentials(self, ctx: Context, req: Params) -> Answer:
        """A user's credentials, without passwords; with AllUsers, everyone's."""
        service = req.get("ServiceName")
        if service and service not in _SERVICES:
            raise _unsupported(service)
        everyone = bool(req.get("AllUsers"))
        if everyone and req.get("UserName"):
            raise errors.validation("UserName and AllUsers cannot be used together.")
        name = "" if everyone else user_name(ctx, req)

        def get(tx: Tx) -> list[Answer]:
            chosen = entities.users_of(tx, ctx.account) if everyone else [find_user(tx, ctx, name)]
            return [_answer(one, user.name) for user in chosen for one in keys.of_user(tx, ServiceCredential, user.id)]

        shown, more = sliced(req, self._read(get), lambda one: str(one["ServiceSpecificCredentialId"]))
        return {"ServiceSpecificCredentials": shown, **more}

    def update_service_specific_credential(self, ctx: Context, req: Params) -> Answer:
        """Activate or deactivate a credential."""
        name = user_name(ctx, req)
        if req["Status"] not in ("Active", "Inactive"):
            raise errors.validation(f"A credential cannot be given the status {req['Status']}.")

        def change(tx: Tx) -> Answer:
            _, found = _find(tx, ctx, name, req["ServiceSpecificCredentialId"])
            keys.update(tx, ServiceCredential, found.id, status=req["Status"])
            return {}

        return ctx.write(change)

    def delete_service_specific_credential(self, ctx: Context, req: Params) -> Answer:
        """Delete a credential."""
        name = user_name(ctx, req)

        def remove(tx: Tx) -> Answer:
            keys.delete(tx, ServiceCredential, _find(tx, ctx, name, req["ServiceSpecificCredentialId"])[1].id)
            return {}

        return ctx.write(remove)


def _password(room: Room) -> str:
    return room.kit.ids.token(43, model.SECRET) + "="


def _free_name(tx: Tx, user: User, service: str) -> str:
    """`USER-at-ACCOUNT`, then `USER+1-at-ACCOUNT`: names that no other credential has."""
    held = [one for one in keys.of_user(tx, ServiceCredential, user.id) if one.service == service]
    if len(held) >= model.CREDENTIALS_PER_SERVICE:
        raise errors.limit("ServiceSpecificCredentialsPerUser", model.CREDENTIALS_PER_SERVICE)
    number = 0
    while True:
        name = f"{user.name}{f'+{number}' if number else ''}-at-{user.account}"
        if keys.credential_named(tx, name) is None:
            return name
        number += 1


def _find(tx: Tx, ctx: Context, name: str, credential_id: str) -> tuple[User, ServiceCredential]:
    user, found = find_user(tx, ctx, name), keys.one(tx, ServiceCredential, credential_id)
    if found is None or found.user_id != user.id:
        raise errors.no_such(f"No such credential {credential_id} exists")
    return user, found


def _answer(credential: ServiceCredential, owner: str) -> Answer:
    return {
        "CreateDate": whole_second(credential.created),
        "ServiceName": credential.service,
        "ServiceUserName": credential.user_name,
        "ServiceSpecificCredentialId": credential.id,
        "UserName": owner,
        "Status": credential.status,
    }


def _unsupported(service: str) -> AwsError:
    message = f"No such service {service} is supported for Service Specific Credentials"
    return AwsError("ServiceNotSupportedException", message)
