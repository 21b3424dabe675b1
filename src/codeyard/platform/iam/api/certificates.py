"""Server certificates. Nothing on this server ends TLS with them, so their private keys are proven and not kept."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import micros_of, whole_second
from codeyard.platform.iam import errors, model
from codeyard.platform.iam.api.base import Answer, Room, check_quota, page, tag_list
from codeyard.platform.iam.store import certificates, entities
from codeyard.platform.iam.store.certificates import ServerCertificate, servers
from codeyard.storage import Tx

_BAD_BODY = "Unable to parse certificate. Please ensure the certificate is in PEM format."
_BAD_CHAIN = "Unable to parse certificate chain. Please ensure the certificates are in PEM format."
_BAD_KEY = "Unable to parse key file. Please ensure the private key is in PEM format and is not encrypted."


class ServerCertificates(Room):
    """Operations on server certificates."""

    def upload_server_certificate(self, ctx: Context, req: Params) -> Answer:
        """Take in a certificate whose private key is shown."""
        expires = _checked(req)
        certificate_id = model.unique_id(self.kit.ids, "ASCA")
        tags = model.merged_tags((), model.request_tags(req.get("Tags") or ()))
        name = req["ServerCertificateName"]

        def put(tx: Tx) -> Answer:
            _refuse_taken(tx, ctx, name, "")
            check_quota(tx, servers, ctx, model.SERVER_CERTIFICATES, "ServerCertificatesPerAccount")
            entities.insert(
                tx,
                servers,
                id=certificate_id,
                account=ctx.account,
                name=name,
                path=req.get("Path") or "/",
                created=ctx.now,
                body=req["CertificateBody"],
                chain=req.get("CertificateChain") or "",
                expires=expires,
                tags=tags,
            )
            answer: Answer = {"ServerCertificateMetadata": _metadata(find_certificate(tx, ctx, name))}
            return answer | ({"Tags": tag_list(tags)} if tags else {})

        return ctx.write(put)

    def get_server_certificate(self, ctx: Context, req: Params) -> Answer:
        """A certificate with its chain; never its private key."""
        found = self._read(lambda tx: find_certificate(tx, ctx, req["ServerCertificateName"]))
        answer: Answer = {"ServerCertificateMetadata": _metadata(found), "CertificateBody": found.body}
        if found.chain:
            answer["CertificateChain"] = found.chain
        if found.tags:
            answer["Tags"] = tag_list(found.tags)
        return {"ServerCertificate": answer}

    def list_server_certificates(self, ctx: Context, req: Params) -> Answer:
        """The certificates under a path, by name."""
        rows, more = self._read(lambda tx: page(tx, servers, ctx, req))
        listed = [_metadata(certificates.server_of(row)) for row in rows]
        return {"ServerCertificateMetadataList": listed, **more}

    def update_server_certificate(self, ctx: Context, req: Params) -> Answer:
        """Rename or move a certificate."""

        def change(tx: Tx) -> Answer:
            found = find_certificate(tx, ctx, req["ServerCertificateName"])
            name, path = req.get("NewServerCertificateName") or found.name, req.get("NewPath") or found.path
            _refuse_taken(tx, ctx, name, found.id)
            entities.update(tx, servers, found.id, name=name, path=path)
            return {}

        return ctx.write(change)

    def delete_server_certificate(self, ctx: Context, req: Params) -> Answer:
        """Delete a certificate."""

        def remove(tx: Tx) -> Answer:
            entities.delete(tx, servers, find_certificate(tx, ctx, req["ServerCertificateName"]).id)
            return {}

        return ctx.write(remove)


def find_certificate(tx: Tx, ctx: Context, name: str) -> ServerCertificate:
    """The server certificate of that name, or NoSuchEntity."""
    found = certificates.server(tx, ctx.account, name)
    if found is None:
        raise errors.no_such(f"The Server Certificate with name {name} cannot be found.")
    return found


def _refuse_taken(tx: Tx, ctx: Context, name: str, own: str) -> None:
    other = certificates.server(tx, ctx.account, name)
    if other is not None and other.id != own:
        raise errors.exists(f"The Server Certificate with name {name} already exists.")


def _checked(req: Params) -> int:
    """When the certificate ends; refuses what is no certificate, no chain, no key or another's key."""
    try:
        certificate = x509.load_pem_x509_certificate(req["CertificateBody"].encode("utf-8"))
    except ValueError:
        raise AwsError("MalformedCertificateException", _BAD_BODY) from None
    try:
        x509.load_pem_x509_certificates((req.get("CertificateChain") or req["CertificateBody"]).encode("utf-8"))
    except ValueError:
        raise AwsError("MalformedCertificateException", _BAD_CHAIN) from None
    try:
        key = load_pem_private_key(req["PrivateKey"].encode("utf-8"), None)
        told = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise AwsError("MalformedCertificateException", _BAD_KEY) from None
    if told != certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo):
        raise AwsError("KeyPairMismatchException", "Private key doesn't match the public key of the certificate.")
    return micros_of(certificate.not_valid_after_utc)


def _metadata(found: ServerCertificate) -> Answer:
    return {
        "Path": found.path,
        "ServerCertificateName": found.name,
        "ServerCertificateId": found.id,
        "Arn": model.arn("server-certificate", found.account, found.path, found.name),
        "UploadDate": whole_second(found.created),
        "Expiration": whole_second(found.expires),
    }
