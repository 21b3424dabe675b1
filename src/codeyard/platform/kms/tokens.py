"""Grant tokens and import tokens: sealed, so that nobody but this server makes or reads one."""

from __future__ import annotations

import base64
import binascii

from codeyard.contract import AwsError, Sealer

_GRANT = "kms.grant-token"


def grant_token(sealer: Sealer, grant_id: str) -> str:
    """The token of a grant."""
    return base64.urlsafe_b64encode(sealer.seal(grant_id.encode(), _GRANT)).decode()


def granted_by(sealer: Sealer, token: str) -> str:
    """The grant's id; InvalidGrantTokenException for what is no token."""
    try:
        return sealer.open(base64.urlsafe_b64decode(token.encode()), _GRANT).decode()
    except (ValueError, binascii.Error):
        raise AwsError("InvalidGrantTokenException", "The grant token is not valid.") from None
