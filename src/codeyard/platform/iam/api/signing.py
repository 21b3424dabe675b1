"""Users' X.509 signing certificates."""

from __future__ import annotations

from cryptography import x509

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import whole_second
from codeyard.platform.iam import errors, model
from codeyard.platform.iam.api.base import Answer, Room, find_user, sliced, user_name
from codeyard.platform.iam.model import SigningCertificate, User
from codeyard.platform.iam.store import keys
from codeyard.storage import Tx


class SigningCertificates(Room):
    """Operations on signing certificates."""

    def upload_signing_certificate(self, ctx: Context, req: Params) -> Answer:
        """Give a user a signing certificate, two at most."""
        name, body = user_name(ctx, req), req["CertificateBody"]
        try:
            fresh = x509.load_pem_x509_certificate(body.encode("utf-8"))
        except ValueError:
            raise AwsError("MalformedCertificateException", "Certificate is malformed.") from None
        certificate_id = self.kit.ids.token(32, model.UNIQUE)

        def put(tx: Tx) -> Answer:
            user = find_user(tx, ctx, name)
            held = keys.of_user(tx, SigningCertificate, user.id)
            if any(x509.load_pem_x509_certificate(one.body.encode("utf-8")) == fresh for one in held):
                raise AwsError("DuplicateCertificateException", "The certificate is already associated with the user.")
            if len(held) >= model.SIGNING_CERTIFICATES_PER_USER:
                raise errors.limit("SigningCertificatesPerUser", model.SIGNING_CERTIFICATES_PER_USER)
            made = SigningCertificate(certificate_id, user.id, body, "Active", ctx.now)
            keys.add(tx, made)
            return {"Certificate": _answer(made, user)}

        return ctx.write(put)

    def list_signing_certificates(self, ctx: Context, req: Params) -> Answer:
        """A user's signing certificates."""
        name = user_name(ctx, req)

        def get(tx: Tx) -> list[Answer]:
            user = find_user(tx, ctx, name)
            return [_answer(one, user) for one in keys.of_user(tx, SigningCertificate, user.id)]

        shown, more = sliced(req, self._read(get), lambda one: str(one["CertificateId"]))
        return {"Certificates": shown, **more}

    def update_signing_certificate(self, ctx: Context, req: Params) -> Answer:
        """Activate or deactivate a signing certificate."""
        name = user_name(ctx, req)
        if req["Status"] not in ("Active", "Inactive"):
            raise errors.invalid(f"A certificate cannot be given the status {req['Status']}.")

        def change(tx: Tx) -> Answer:
            held = _held(tx, ctx, name, req["CertificateId"])
            keys.update(tx, SigningCertificate, held.id, status=req["Status"])
            return {}

        return ctx.write(change)

    def delete_signing_certificate(self, ctx: Context, req: Params) -> Answer:
        """Delete a signing certificate."""
        name = user_name(ctx, req)

        def remove(tx: Tx) -> Answer:
            keys.delete(tx, SigningCertificate, _held(tx, ctx, name, req["CertificateId"]).id)
            return {}

        return ctx.write(remove)


def _held(tx: Tx, ctx: Context, name: str, certificate_id: str) -> SigningCertificate:
    for one in keys.of_user(tx, SigningCertificate, find_user(tx, ctx, name).id):
        if one.id == certificate_id:
            return one
    raise errors.no_such(f"The Certificate with id {certificate_id} cannot be found.")


def _answer(found: SigningCertificate, owner: User) -> Answer:
    return {
        "UserName": owner.name,
        "CertificateId": found.id,
        "CertificateBody": found.body,
        "Status": found.status,
        "UploadDate": whole_second(found.uploaded),
    }
