"""Signatures, codes of authenticity, public keys, and shared secrets."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.platform.kms import asymmetric, material, model, store
from codeyard.platform.kms.api.base import Base, Use, dry
from codeyard.platform.kms.errors import bad_state, unsupported
from codeyard.platform.kms.model import OWN
from codeyard.platform.kms.specs import AGREE, ENCAPSULATE, MAC, OLDER, SIGN, algorithms_of


class Signing(Base):
    """Operations with private keys and HMAC keys."""

    def _use_with(self, ctx: Context, req: Params, usage: str, member: str) -> tuple[Use, str]:
        """The key of a usage, and the algorithm that the request's member asks of it."""
        use = self._use(ctx, req, usage, req["KeyId"])
        return use, self._algorithm(use, req[member], member)

    def sign(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The signature over a message or its digest."""
        use, algorithm = self._use_with(ctx, req, SIGN, "SigningAlgorithm")
        message = bytes(req["Message"])
        made = asymmetric.sign(use.secret, use.key.kind, algorithm, req.get("MessageType") or "RAW", message)
        dry(req)
        return {"KeyId": use.key.arn, "Signature": made, "SigningAlgorithm": algorithm}

    def verify(self, ctx: Context, req: Params) -> dict[str, Any]:
        """That a signature is one over the message; KMSInvalidSignatureException where it is not."""
        use, algorithm = self._use_with(ctx, req, SIGN, "SigningAlgorithm")
        kind, message, given = req.get("MessageType") or "RAW", bytes(req["Message"]), bytes(req["Signature"])
        if not asymmetric.verifies(use.secret, use.key.kind, algorithm, kind, message, given):
            raise AwsError("KMSInvalidSignatureException", "")
        dry(req)
        return {"KeyId": use.key.arn, "SignatureValid": True, "SigningAlgorithm": algorithm}

    def generate_mac(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The HMAC of a message."""
        use, algorithm = self._use_with(ctx, req, MAC, "MacAlgorithm")
        made = _mac(use.secret, algorithm, bytes(req["Message"]))
        dry(req)
        return {"Mac": made, "MacAlgorithm": algorithm, "KeyId": use.key.arn}

    def verify_mac(self, ctx: Context, req: Params) -> dict[str, Any]:
        """That a code is the message's HMAC; KMSInvalidMacException where it is not."""
        use, algorithm = self._use_with(ctx, req, MAC, "MacAlgorithm")
        if not hmac.compare_digest(_mac(use.secret, algorithm, bytes(req["Message"])), bytes(req["Mac"])):
            raise AwsError("KMSInvalidMacException", "")
        dry(req)
        return {"KeyId": use.key.arn, "MacValid": True, "MacAlgorithm": algorithm}

    def get_public_key(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The public half of a key pair, as a SubjectPublicKeyInfo in DER."""
        self._check_tokens(req)
        key = self._read_key(ctx, req["KeyId"], aliases=True)
        if not key.kind.asymmetric:
            raise unsupported(f"{key.arn} has no public key.")
        model.check_usable(key)
        found = self._kit.db.read(lambda tx: store.material(tx, key.id, key.current))
        if found is None:
            raise bad_state(f"{key.arn} is pending import.")
        answer = {
            "KeyId": key.arn,
            "PublicKey": material.public_der(self._open(found)),
            "KeySpec": key.spec,
            "KeyUsage": key.usage,
            **algorithms_of(key.kind, key.usage),
        }
        return {**answer, "CustomerMasterKeySpec": key.spec} if key.spec in OLDER else answer

    def derive_shared_secret(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The ECDH secret with somebody's public key on the same curve."""
        use, algorithm = self._use_with(ctx, req, AGREE, "KeyAgreementAlgorithm")
        shared = asymmetric.agree(use.secret, use.key.kind, bytes(req["PublicKey"]))
        dry(req)
        facts = {"KeyId": use.key.arn, "KeyAgreementAlgorithm": algorithm, "KeyOrigin": use.key.origin or OWN}
        return {**facts, "SharedSecret": shared}

    def encapsulate(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A fresh shared secret, in the clear and for the holder of the ML-KEM key."""
        use, algorithm = self._use_with(ctx, req, ENCAPSULATE, "EncapsulationAlgorithm")
        shared, sealed = asymmetric.encapsulate(use.secret)
        dry(req)
        facts = {"KeyId": use.key.arn, "EncapsulationAlgorithm": algorithm}
        return {**facts, "SharedSecret": shared, "SharedSecretCiphertextBlob": sealed}

    def decapsulate(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The shared secret that somebody encapsulated for the key."""
        use, algorithm = self._use_with(ctx, req, ENCAPSULATE, "EncapsulationAlgorithm")
        shared = asymmetric.decapsulate(use.secret, bytes(req["SharedSecretCiphertextBlob"]))
        dry(req)
        return {"KeyId": use.key.arn, "SharedSecret": shared, "EncapsulationAlgorithm": algorithm}


def _mac(secret: bytes, algorithm: str, message: bytes) -> bytes:
    return hmac.digest(secret, message, getattr(hashlib, f"sha{algorithm.rpartition('_')[2]}"))
