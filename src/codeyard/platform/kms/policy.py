"""Key policies: those that keys are born with, and what one must look like to be kept. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from codeyard.formats import resource_policies
from codeyard.formats.resource_policies import PolicyFault, listed
from codeyard.platform.kms.errors import limit, malformed_policy

NAME = "default"
MAX_BYTES = 32 * 1024


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
    try:
        resource_policies.check(text)
    except PolicyFault as fault:
        raise malformed_policy(str(fault)) from None


def delegates(text: str, account: str) -> bool:
    """Whether the policy lets the account's own identity policies decide on changing it, without a condition."""
    ours = {root_of(account), account, "*"}
    return any(
        one.get("Effect") == "Allow"
        and not one.get("Condition")
        and isinstance(one.get("Principal"), dict)
        and ours.intersection(listed(one["Principal"].get("AWS")))
        and any(fnmatchcase("kms:putkeypolicy", action.lower()) for action in listed(one.get("Action")))
        for one in resource_policies.statements(text)
    )
