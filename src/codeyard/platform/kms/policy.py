"""Key policies: those that keys are born with, and what one must look like to be kept. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from codeyard.platform.kms.errors import limit, malformed_policy

NAME = "default"
MAX_BYTES = 32 * 1024
_TOP = {"Version", "Id", "Statement"}
_MEMBERS = {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
_ARN = re.compile(r"arn:aws[a-z-]*:(iam|sts)::\d{12}:(root|(user|role|assumed-role|federated-user)/.+)")
_OTHER = re.compile(r"\*|\d{12}|A[A-Z0-9]{15,127}")
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?")
_OPERATOR = re.compile(
    r"(?:ForAllValues:|ForAnyValue:)?(?:String(?:Not)?(?:Equals(?:IgnoreCase)?|Like)|"
    r"(?:Numeric|Date)(?:(?:Not)?Equals|(?:Less|Greater)Than(?:Equals)?)|Bool|BinaryEquals|(?:Not)?IpAddress|"
    r"Arn(?:Not)?(?:Equals|Like))(?:IfExists)?|(?:ForAllValues:|ForAnyValue:)?Null",
    re.IGNORECASE,
)


def root_of(account: str) -> str:
    """The ARN that stands for an account in a policy."""
    return f"arn:aws:iam::{account}:root"


def default(account: str) -> str:
    """The policy of a key that is made without one: the account's identity policies decide."""
    return _document("key-default-1", [_statement("Enable IAM User Permissions", root_of(account), "kms:*")])


def managed(service: str, account: str, region: str) -> str:
    """The policy of an AWS managed key: whoever of the account comes through the service, and readers of its facts."""
    use = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey"]
    through = _statement(f"Use of the key through {service} by the principals of the account", "*", use)
    via = {"kms:CallerAccount": account, "kms:ViaService": f"{service}.{region}.amazonaws.com"}
    facts = ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"]
    readers = _statement("Metadata of the key for the account", root_of(account), facts)
    return _document(f"auto-{service}-1", [{**through, "Condition": {"StringEquals": via}}, readers])


def _statement(sid: str, principal: str, action: str | list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": "*"}


def _document(name: str, statements: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Id": name, "Statement": statements}, indent=2)


def check(text: str) -> None:
    """Raise MalformedPolicyDocumentException for a policy that could not be judged by, LimitExceeded for a long one."""
    if len(text.encode()) > MAX_BYTES:
        raise limit("The key policy exceeds 32 KB.")
    for one in statements(text):
        _check_statement(one)


def statements(text: str) -> list[Any]:
    """The statements of a policy text."""
    try:
        document = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise malformed_policy("The policy is not valid JSON.") from None
    if not isinstance(document, dict) or not _TOP.issuperset(document) or not isinstance(document.get("Id", ""), str):
        raise malformed_policy("The policy has elements that no policy has.")
    if document.get("Version", "2008-10-17") not in ("2008-10-17", "2012-10-17"):
        raise malformed_policy("The policy's Version is not valid.")
    found = listed(document.get("Statement"))
    if not found:
        raise malformed_policy("The policy has no statement.")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def listed(value: Any) -> list[Any]:
    """What may be written alone or as a list, as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _check_statement(one: Any) -> None:
    if not isinstance(one, dict) or not _MEMBERS.issuperset(one) or one.get("Effect") not in ("Allow", "Deny"):
        raise malformed_policy("The policy has a statement that is not valid.")
    if not isinstance(one.get("Sid", ""), str):
        raise malformed_policy("A statement's Sid is a text.")
    for member in ("Action", "Resource"):
        _check_texts(one, member)
    _check_principals(one)
    _check_conditions(one.get("Condition", {}))


def _check_texts(one: Mapping[str, Any], member: str) -> None:
    given = [name for name in (member, f"Not{member}") if name in one]
    values = listed(one[given[0]]) if len(given) == 1 else []
    if not values or not all(isinstance(value, str) and value for value in values):
        raise malformed_policy(f"Each statement of a key policy needs one {member} element.")
    if member == "Action" and not all(re.fullmatch(r"\*|[A-Za-z0-9*-]+:\S+", value) for value in values):
        raise malformed_policy("The policy has an action that is not valid.")


def _check_principals(one: Mapping[str, Any]) -> None:
    given = [name for name in ("Principal", "NotPrincipal") if name in one]
    if len(given) != 1:
        raise malformed_policy("Each statement of a key policy needs one Principal element.")
    named = one[given[0]]
    if named == "*":
        return
    kinds = {"AWS": (_ARN, _OTHER), "Service": (_SERVICE,)}
    if not isinstance(named, dict) or not named or not kinds.keys() >= named.keys():
        raise malformed_policy("Policy contains a statement with one or more invalid principals.")
    for kind, value in named.items():
        names = listed(value)
        if not names or not all(isinstance(n, str) and any(form.fullmatch(n) for form in kinds[kind]) for n in names):
            raise malformed_policy("Policy contains a statement with one or more invalid principals.")


def _check_conditions(block: Any) -> None:
    if not isinstance(block, dict):
        raise malformed_policy("The policy has a Condition that is not valid.")
    for operator, entries in block.items():
        if not _OPERATOR.fullmatch(operator) or not isinstance(entries, dict):
            raise malformed_policy(f"The policy has a condition that is not valid: {operator[:64]}")
        for key, value in entries.items():
            if ":" not in key or not all(isinstance(v, str | bool | int | float) for v in listed(value)):
                raise malformed_policy("The policy has a condition key or value that is not valid.")


def delegates(text: str, account: str) -> bool:
    """Whether the policy lets the account's own identity policies decide on changing it, without a condition."""
    ours = {root_of(account), account, "*"}
    return any(
        one.get("Effect") == "Allow"
        and not one.get("Condition")
        and isinstance(one.get("Principal"), dict)
        and ours.intersection(listed(one["Principal"].get("AWS")))
        and any(fnmatchcase("kms:putkeypolicy", action.lower()) for action in listed(one.get("Action")))
        for one in statements(text)
    )
