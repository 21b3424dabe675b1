"""Lists of secrets, and of a secret's versions."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Params
from codeyard.formats import page_tokens
from codeyard.formats.moments import moment
from codeyard.platform.secretsmanager import store
from codeyard.platform.secretsmanager.api.base import Base, place, shown
from codeyard.platform.secretsmanager.model import Secret, Version


class Listings(Base):
    """The operations that list."""

    def list_secrets(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The secrets of the account and region; those scheduled for deletion only when asked for."""
        page, token = self._list(ctx, req)

        def read(tx: Any) -> dict[str, list[Version]]:
            return {secret.arn: store.versions_of(tx, secret.arn) for secret in page}

        versions = self._kit.db.read(read)
        listed = []
        for secret in page:
            stages = {one.id: list(one.stages) for one in versions[secret.arn] if one.stages}
            listed.append({**shown(secret), **({"SecretVersionsToStages": stages} if stages else {})})
        answer: dict[str, Any] = {"SecretList": listed}
        return {**answer, "NextToken": token} if token else answer

    def list_secret_version_ids(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The versions that hold a stage; the others too with IncludeDeprecated."""
        asked = (req["SecretId"], bool(req.get("IncludeDeprecated")))
        after = place(req.get("NextToken"), str, asked)

        def read(tx: Any) -> tuple[Secret, list[Version]]:
            secret = self._found(ctx, tx, req["SecretId"])
            return secret, store.versions_of(tx, secret.arn)

        secret, versions = self._kit.db.read(read)
        wanted = [one for one in versions if one.stages or asked[1]]
        start = 0
        if after is not None:
            start = next((number + 1 for number, one in enumerate(wanted) if one.id == after), len(wanted))
        limit = req.get("MaxResults") or 100
        page = wanted[start : start + limit]
        answer: dict[str, Any] = {"Versions": [_version(one) for one in page], "ARN": secret.arn, "Name": secret.name}
        if len(wanted) > start + limit:
            answer["NextToken"] = page_tokens.encode((page[-1].id,), *asked)
        return answer


def _version(one: Version) -> dict[str, Any]:
    return {
        "VersionId": one.id,
        "VersionStages": list(one.stages),
        "CreatedDate": moment(one.created),
        "KmsKeyIds": ["DefaultEncryptionKey"],
    }
