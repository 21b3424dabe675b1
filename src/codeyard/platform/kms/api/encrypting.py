"""Encrypt, decrypt, and move a ciphertext from one key to another without showing what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from codeyard.contract import AwsError, Context, Params
from codeyard.platform.kms import asymmetric, ciphertext, model, store
from codeyard.platform.kms.api.base import Base, Use, dry
from codeyard.platform.kms.ciphertext import Label
from codeyard.platform.kms.errors import bad_ciphertext, invalid, no_key, wrong_usage
from codeyard.platform.kms.model import Key
from codeyard.platform.kms.specs import ENCRYPT, SYMMETRIC


class Opened(NamedTuple):
    """What a ciphertext held, and which material opened it."""

    key: Key
    plain: bytes
    algorithm: str
    material_id: str


class Encrypting(Base):
    """Operations on small plaintexts and on ciphertexts."""

    def encrypt(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The ciphertext of up to 4096 bytes, bound to the encryption context."""
        use = self._use(ctx, req, ENCRYPT, req["KeyId"])
        algorithm = self._algorithm(use, req.get("EncryptionAlgorithm") or SYMMETRIC, "EncryptionAlgorithm")
        context = self._context(use.key, req.get("EncryptionContext"))
        blob = self._seal(use, algorithm, bytes(req["Plaintext"]), context)
        dry(req)
        return {"CiphertextBlob": blob, "KeyId": use.key.arn, "EncryptionAlgorithm": algorithm}

    def decrypt(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The plaintext; InvalidCiphertextException where key, context or blob is not the one it was made with."""
        given = (req.get("CiphertextBlob"), req.get("KeyId"), req.get("EncryptionAlgorithm"))
        found = self._opened(ctx, req, *given, req.get("EncryptionContext"))
        dry(req)
        answer = {"KeyId": found.key.arn, "Plaintext": found.plain, "EncryptionAlgorithm": found.algorithm}
        return {**answer, "KeyMaterialId": found.material_id} if found.key.symmetric else answer

    def re_encrypt(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The same plaintext under another key or context; nobody sees it on the way."""
        given = (req.get("CiphertextBlob"), req.get("SourceKeyId"), req.get("SourceEncryptionAlgorithm"))
        source = self._opened(ctx, req, *given, req.get("SourceEncryptionContext"))
        use = self._use(ctx, req, ENCRYPT, req["DestinationKeyId"])
        algorithm = req.get("DestinationEncryptionAlgorithm") or SYMMETRIC
        self._algorithm(use, algorithm, "DestinationEncryptionAlgorithm")
        context = self._context(use.key, req.get("DestinationEncryptionContext"))
        blob = self._seal(use, algorithm, source.plain, context)
        dry(req)
        answer = {
            "CiphertextBlob": blob,
            "SourceKeyId": source.key.arn,
            "KeyId": use.key.arn,
            "SourceEncryptionAlgorithm": source.algorithm,
            "DestinationEncryptionAlgorithm": algorithm,
        }
        if source.key.symmetric:
            answer["SourceKeyMaterialId"] = source.material_id
        return {**answer, "DestinationKeyMaterialId": use.material_id} if use.key.symmetric else answer

    def _seal(self, use: Use, algorithm: str, plain: bytes, context: Mapping[str, str]) -> bytes:
        if use.key.symmetric:
            label = Label(use.key.id, use.material_id)
            return ciphertext.seal(use.secret, label, plain, context, self._kit.ids)
        return asymmetric.encrypt(use.secret, algorithm, plain)

    @staticmethod
    def _context(key: Key, context: Mapping[str, str] | None) -> Mapping[str, str]:
        if context and not key.symmetric:
            raise invalid("EncryptionContext is not supported with asymmetric keys.")
        model.check_context(context or {})
        return context or {}

    def _opened(
        self,
        ctx: Context,
        req: Params,
        blob: bytes | None,
        key_id: str | None,
        algorithm: str | None,
        context: Mapping[str, str] | None,
    ) -> Opened:
        if blob is None:
            raise invalid("CiphertextBlob is needed.")
        label = ciphertext.label_of(bytes(blob))
        if (algorithm or SYMMETRIC) != SYMMETRIC:
            return self._opened_rsa(ctx, req, bytes(blob), key_id, str(algorithm), context)
        if label is None:
            raise bad_ciphertext()
        key = self._named(ctx, label, key_id)
        self._check_tokens(req)
        model.check_usable(key)
        if key.id != label.key_id:
            raise AwsError(
                "IncorrectKeyException",
                "The key ID in the request does not identify a CMK that can perform this operation.",
            )
        found = self._kit.db.read(lambda tx: store.material(tx, key.id, label.material_id))
        if found is None:
            raise bad_ciphertext()
        secret = self._open(found)
        try:
            plain = ciphertext.unseal(secret, bytes(blob), self._context(key, context))
        except ValueError:
            raise bad_ciphertext() from None
        return Opened(key, plain, SYMMETRIC, found.id)

    def _named(self, ctx: Context, label: Label, key_id: str | None) -> Key:
        """The key that the request names, or else the ciphertext itself."""
        if key_id:
            key = self._read_key(ctx, key_id, aliases=True)
            if key.usage != ENCRYPT:
                raise wrong_usage(f"{key.arn} key usage is {key.usage} which is not valid for {ctx.operation}.")
            return key
        found = self._kit.db.read(lambda tx: store.key(tx, label.key_id))
        if found is None:
            raise bad_ciphertext()
        if found.region != ctx.region:
            raise no_key(ctx.arn(f"key/{label.key_id}", "kms"))
        return found

    def _opened_rsa(
        self,
        ctx: Context,
        req: Params,
        blob: bytes,
        key_id: str | None,
        algorithm: str,
        context: Mapping[str, str] | None,
    ) -> Opened:
        if not key_id:
            raise invalid("KeyId is needed to decrypt what an asymmetric key has encrypted.")
        use = self._use(ctx, req, ENCRYPT, key_id)
        self._algorithm(use, algorithm, "EncryptionAlgorithm")
        self._context(use.key, context)
        return Opened(use.key, asymmetric.decrypt(use.secret, algorithm, blob), algorithm, use.material_id)
