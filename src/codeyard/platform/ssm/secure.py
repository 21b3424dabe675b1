"""SecureStrings: sealed under the key that they name, by the key service on the caller's behalf."""

from __future__ import annotations

from collections.abc import Callable

from codeyard.contract import AwsError, Context, Sealer
from codeyard.engine import envelope
from codeyard.platform.ssm.model import Parameter

_DIRECTLY = 4096
_KEY_ERRORS = frozenset(
    {
        "NotFoundException",
        "DisabledException",
        "KMSInvalidStateException",
        "InvalidKeyUsageException",
        "InvalidCiphertextException",
        "IncorrectKeyException",
    }
)


def seal(ctx: Context, random: Callable[[int], bytes], key_id: str, arn: str, plain: bytes) -> bytes:
    """The value under the key; InvalidKeyId where the key cannot be used. `random` gives bytes fit for keys."""
    client, context = ctx.forward(), {"PARAMETER_ARN": arn}

    def sealed() -> bytes:
        if len(plain) <= _DIRECTLY:
            return envelope.seal_small(client, key_id, plain, context)
        return envelope.seal(client, random, key_id, plain, context)

    return _told(sealed)


def unseal(ctx: Context, sealer: Sealer, found: Parameter, arn: str) -> str:
    """The text; what was kept before keys could be named is under the root key alone."""
    if not envelope.is_enveloped(found.value):
        return sealer.open(found.value, f"ssm:{ctx.account}:{ctx.region}:{found.name}").decode()
    return _told(lambda: envelope.unseal(ctx.forward(), found.value, {"PARAMETER_ARN": arn})).decode()


def _told(call: Callable[[], bytes]) -> bytes:
    """The key service's refusals as Parameter Store tells them."""
    try:
        return call()
    except AwsError as error:
        if error.code in _KEY_ERRORS:
            raise AwsError("InvalidKeyId", error.message or "The query key ID isn't valid.") from None
        raise
