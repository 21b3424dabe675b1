"""What each operation of CloudWatch Logs needs; services are let in by the account's resource policies."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from codeyard.contract import Access, Check, Params, Scope, anywhere, request_tags, text
from codeyard.platform.cloudwatch_logs import store
from codeyard.storage import Database

_ON_GROUP = (
    "CreateLogGroup",
    "AssociateKmsKey",
    "DisassociateKmsKey",
    "DeleteLogGroup",
    "DescribeLogStreams",
    "FilterLogEvents",
    "PutRetentionPolicy",
    "DeleteRetentionPolicy",
    "TagLogGroup",
    "UntagLogGroup",
    "ListTagsLogGroup",
)
_ON_STREAM = ("CreateLogStream", "DeleteLogStream", "PutLogEvents", "GetLogEvents")
_ON_ARN = ("TagResource", "UntagResource", "ListTagsForResource")


def access(db: Database) -> dict[str, Access]:
    """The access table."""
    return {
        **{name: _on_group(db, name) for name in (*_ON_GROUP, *_ON_STREAM)},
        **{name: _on_arn(name) for name in _ON_ARN},
        "DescribeLogGroups": lambda scope, params: (
            Check("logs:DescribeLogGroups", scope.arn("logs", "log-group::log-stream:")),
        ),
        "TestMetricFilter": anywhere("logs:TestMetricFilter"),
        "PutResourcePolicy": anywhere("logs:PutResourcePolicy"),
        "DescribeResourcePolicies": anywhere("logs:DescribeResourcePolicies"),
        "DeleteResourcePolicy": anywhere("logs:DeleteResourcePolicy"),
    }


def _on_group(db: Database, operation: str) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        named = (text(params, name) for name in ("logGroupName", "logGroupIdentifier", "resourceIdentifier"))
        given = next(filter(None, named), "*")
        group = given.removesuffix(":*") if given.startswith("arn:") else scope.arn("logs", f"log-group:{given}")
        arn = f"{group}:log-stream:{text(params, 'logStreamName') if operation in _ON_STREAM else ''}"
        yield Check(f"logs:{operation}", arn, request_tags(params), _policy(db, scope))
        if operation == "CreateLogGroup" and params.get("tags"):
            yield Check("logs:TagResource", group, request_tags(params))

    return checks


def _on_arn(operation: str) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        return (
            Check(f"logs:{operation}", text(params, "resourceArn").removesuffix(":*") or "*", request_tags(params)),
        )

    return checks


def _policy(db: Database, scope: Scope) -> str | None:
    """The account's resource policies as one document; only services need them."""
    if scope.principal.kind != "service":
        return None
    documents = db.read(lambda tx: store.policies(tx, scope.account, scope.region))
    statements: list[Any] = []
    for document in documents:
        found = json.loads(document.document).get("Statement", [])
        statements += found if isinstance(found, list) else [found]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}) if statements else None
