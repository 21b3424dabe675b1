"""Bucket policies: their form, and whether one makes its bucket public."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from codeyard.formats import resource_policies
from codeyard.formats.resource_policies import PolicyFault
from codeyard.platform.s3.errors import s3_error

LIMIT = 20_480
NARROWING = frozenset(
    {
        "aws:sourcearn",
        "aws:sourceaccount",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:sourceip",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:principalarn",
        "aws:principalaccount",
        "aws:userid",
        "aws:username",
        "s3:dataaccesspointarn",
        "s3:dataaccesspointaccount",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    }
)
POSITIVE = ("stringequals", "stringlike", "arnequals", "arnlike", "ipaddress", "stringequalsignorecase")


def check(text: str, bucket: str, partition: str = "aws") -> dict[str, Any]:
    """The policy as a document; MalformedPolicy when it is no policy for this bucket."""
    if len(text.encode()) > LIMIT:
        raise s3_error("MalformedPolicy", "The bucket policy exceeds the allowed maximum document size")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise s3_error("MalformedPolicy") from None
    if not isinstance(document, dict):
        raise s3_error("MalformedPolicy")
    if document.get("Version", "2008-10-17") not in ("2008-10-17", "2012-10-17"):
        raise s3_error("MalformedPolicy", "The policy must contain a valid version string")
    found = list(statements(document))
    if not found:
        raise s3_error("MalformedPolicy", "Could not parse the policy: Statement is empty!")
    own = f"arn:{partition}:s3:::{bucket}"
    for one in found:
        _check_statement(one, own)
    try:
        resource_policies.check(text)
    except PolicyFault as fault:
        raise s3_error("MalformedPolicy", str(fault)) from None
    return document


def _check_statement(one: Mapping[str, Any], own: str) -> None:
    if one.get("Effect") not in ("Allow", "Deny"):
        raise s3_error("MalformedPolicy", f"Invalid effect: {one.get('Effect')}")
    if ("Principal" in one) == ("NotPrincipal" in one):
        raise s3_error("MalformedPolicy", "Missing required field Principal")
    if ("Action" in one) == ("NotAction" in one):
        raise s3_error("MalformedPolicy", "Missing required field Action")
    if ("Resource" in one) == ("NotResource" in one):
        raise s3_error("MalformedPolicy", "Missing required field Resource")
    for action in _list(one.get("Action", one.get("NotAction"))):
        if not isinstance(action, str) or not (action == "*" or action.startswith("s3:")):
            raise s3_error("MalformedPolicy", "Policy has invalid action")
    for resource in _list(one.get("Resource", one.get("NotResource"))):
        if not isinstance(resource, str) or not (resource == own or resource.startswith((own + "/", own + "*"))):
            raise s3_error("MalformedPolicy", "Policy has invalid resource")
    if not isinstance(one.get("Condition", {}), dict):
        raise s3_error("MalformedPolicy", "Policy has an invalid condition")


def statements(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The policy's statements; MalformedPolicy for one that is no object."""
    for one in _list(document.get("Statement")):
        if not isinstance(one, dict):
            raise s3_error("MalformedPolicy")
        yield one


def is_public(text: str | None) -> bool:
    """Whether the policy allows everyone something without a condition on fixed values."""
    if not text:
        return False
    return any(
        one.get("Effect") == "Allow" and _anyone(one) and not _narrowed(one.get("Condition") or {})
        for one in statements(json.loads(text))
    )


def _anyone(one: Mapping[str, Any]) -> bool:
    if "NotPrincipal" in one:
        return True
    principal = one.get("Principal")
    if isinstance(principal, dict):
        return any("*" in _list(value) for value in principal.values())
    return bool(principal == "*")


def _narrowed(condition: Mapping[str, Any]) -> bool:
    for operator, tests in condition.items():
        if operator.lower().removeprefix("foranyvalue:") not in POSITIVE or not isinstance(tests, dict):
            continue
        for key, values in tests.items():
            fixed = all("*" not in str(value) and "${" not in str(value) for value in _list(values))
            wide = any(str(value).endswith("/0") for value in _list(values))
            if key.lower() in NARROWING and fixed and not wide:
                return True
    return False


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
