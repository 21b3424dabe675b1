"""What each operation of Secrets Manager needs: the secret's full ARN, and its own policy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from codeyard.contract import Access, Check, Params, Scope, anywhere, request_tags, text
from codeyard.platform.secretsmanager import store
from codeyard.storage import Database

_ON_SECRET = (
    "GetSecretValue",
    "PutSecretValue",
    "UpdateSecret",
    "DeleteSecret",
    "RestoreSecret",
    "DescribeSecret",
    "ListSecretVersionIds",
    "UpdateSecretVersionStage",
    "TagResource",
    "UntagResource",
    "PutResourcePolicy",
    "GetResourcePolicy",
    "DeleteResourcePolicy",
)


def access(db: Database) -> dict[str, Access]:
    """The access table; entries look the secret's ARN, tags and policy up."""
    table = {name: _on_secret(db, name) for name in _ON_SECRET}
    return {
        **table,
        "CreateSecret": _create,
        "ValidateResourcePolicy": _validate(db),
        "ListSecrets": anywhere("secretsmanager:ListSecrets"),
        "BatchGetSecretValue": anywhere("secretsmanager:BatchGetSecretValue"),
        "GetRandomPassword": anywhere("secretsmanager:GetRandomPassword"),
    }


def _create(scope: Scope, params: Params) -> Iterable[Check]:
    name = text(params, "Name") or "*"
    keys = {"secretsmanager:Name": name, **request_tags(params)}
    # The suffix is not known yet: AWS checks the name with six question marks' worth of anything behind it.
    arn = scope.arn("secretsmanager", f"secret:{name}-??????")
    yield Check("secretsmanager:CreateSecret", arn, keys)
    if params.get("Tags"):
        yield Check("secretsmanager:TagResource", arn, keys)


def _on_secret(db: Database, operation: str) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        given = text(params, "SecretId")
        found: Any = db.read(lambda tx: store.find(tx, scope.account, scope.region, given)) if given else None
        keys = request_tags(params)
        if stage := text(params, "VersionStage"):
            keys["secretsmanager:VersionStage"] = stage
        if version := text(params, "VersionId"):
            keys["secretsmanager:VersionId"] = version
        if found is None:
            arn = given if given.startswith("arn:") else scope.arn("secretsmanager", f"secret:{given or '*'}")
            return (Check(f"secretsmanager:{operation}", arn, keys),)
        keys |= {"secretsmanager:SecretId": found.arn}
        keys |= {f"aws:ResourceTag/{key}": value for key, value in found.tags.items()}
        keys |= {f"secretsmanager:ResourceTag/{key}": value for key, value in found.tags.items()}
        return (Check(f"secretsmanager:{operation}", found.arn, keys, found.policy or None),)

    return checks


def _validate(db: Database) -> Access:
    on_secret = _on_secret(db, "ValidateResourcePolicy")

    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        if text(params, "SecretId"):
            return on_secret(scope, params)
        return (Check("secretsmanager:ValidateResourcePolicy", "*"),)

    return checks
