"""Data keys, data key pairs and random bytes."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.platform.kms import material
from codeyard.platform.kms.api.base import Use, dry
from codeyard.platform.kms.api.encrypting import Encrypting
from codeyard.platform.kms.errors import invalid, unsupported, wrong_usage
from codeyard.platform.kms.specs import ENCRYPT, SYMMETRIC

_SIZES = {"AES_256": 32, "AES_128": 16}


class DataKeys(Encrypting):
    """Operations that make keys for use outside of KMS."""

    def generate_data_key(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A fresh data key, in the clear and under the key."""
        plain, answer = self._data_key(ctx, req)
        return {**answer, "Plaintext": plain}

    def generate_data_key_without_plaintext(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A fresh data key under the key alone."""
        return self._data_key(ctx, req)[1]

    def _data_key(self, ctx: Context, req: Params) -> tuple[bytes, dict[str, Any]]:
        size, spec = req.get("NumberOfBytes"), req.get("KeySpec")
        if (size is None) == (spec is None):
            raise invalid("Please specify either number of bytes or key spec.")
        use = self._symmetric(ctx, req)
        context = self._context(use.key, req.get("EncryptionContext"))
        plain = self._kit.ids.bytes(size or _SIZES[str(spec)])
        blob = self._seal(use, SYMMETRIC, plain, context)
        dry(req)
        return plain, {"CiphertextBlob": blob, "KeyId": use.key.arn, "KeyMaterialId": use.material_id}

    def _symmetric(self, ctx: Context, req: Params) -> Use:
        use = self._use(ctx, req, ENCRYPT, req["KeyId"])
        if not use.key.symmetric:
            raise wrong_usage(f"{use.key.arn} is not a symmetric encryption key, which {ctx.operation} needs.")
        return use

    def generate_data_key_pair(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A fresh pair: its public key, and its private key in the clear and under the key."""
        private, answer = self._pair(ctx, req)
        return {**answer, "PrivateKeyPlaintext": private}

    def generate_data_key_pair_without_plaintext(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A fresh pair: its public key, and its private key under the key alone."""
        return self._pair(ctx, req)[1]

    def _pair(self, ctx: Context, req: Params) -> tuple[bytes, dict[str, Any]]:
        name = req["KeyPairSpec"]
        spec = material.spec_of_pair(name)
        if spec is None:
            raise unsupported(f"The key pair spec {name} is not supported in this installation.")
        use = self._symmetric(ctx, req)
        context = self._context(use.key, req.get("EncryptionContext"))
        dry(req)
        private = material.generate(spec, self._kit.ids)
        facts = {"KeyId": use.key.arn, "KeyPairSpec": name, "KeyMaterialId": use.material_id}
        blob = self._seal(use, SYMMETRIC, private, context)
        return private, {**facts, "PrivateKeyCiphertextBlob": blob, "PublicKey": material.public_der(private)}

    def generate_random(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Random bytes, fit for keys."""
        self._check_tokens(req)
        if req.get("CustomKeyStoreId"):
            raise AwsError("CustomKeyStoreNotFoundException", "There are no custom key stores.")
        size = req.get("NumberOfBytes")
        if size is None:
            raise invalid("NumberOfBytes is needed.")
        return {"Plaintext": self._kit.ids.bytes(size)}
