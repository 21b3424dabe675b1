"""Policy documents: JSON text to statements, refused in AWS's words when they are not well-formed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from codeyard.contract import AwsError
from codeyard.platform.iam.policy.operators import is_operator

Kind = Literal["identity", "resource", "trust"]
Condition = tuple[str, str, tuple[str, ...]]

_TOP = {"Version", "Id", "Statement"}
_STATEMENT = {
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}
_VENDOR = re.compile(r"[A-Za-z0-9-]+")
_ACCOUNT = re.compile(r"\d{12}")
_PRINCIPAL_ARN = re.compile(r"arn:[\w-]+:(iam|sts)::\d{12}:(root|(user|role|assumed-role|federated-user)/.+)")
_UNIQUE_ID = re.compile(r"A[A-Z0-9]{15,127}")
_TRUST_ACTIONS = {
    "sts:assumerole",
    "sts:assumerolewithsaml",
    "sts:assumerolewithwebidentity",
    "sts:tagsession",
    "sts:setsourceidentity",
    "sts:setcontext",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `None` means that the element is absent; principals are (type, value) pairs."""

    sid: str
    effect: str
    actions: tuple[str, ...] | None = None
    not_actions: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    not_resources: tuple[str, ...] | None = None
    principals: tuple[tuple[str, str], ...] | None = None
    not_principals: tuple[tuple[str, str], ...] | None = None
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A well-formed policy. Variables work only under version 2012-10-17."""

    version: str
    statements: tuple[Statement, ...]

    @property
    def variables(self) -> bool:
        """Whether `${…}` stands for something."""
        return self.version == "2012-10-17"


def malformed(message: str) -> NoReturn:
    """Refuse the document."""
    raise AwsError("MalformedPolicyDocumentException", message)


def parse(text: str, kind: Kind = "identity") -> Document:
    """The document of the text; raises MalformedPolicyDocumentException with the reason."""
    raw = _load(text)
    if not isinstance(raw, dict) or not _TOP.issuperset(raw):
        malformed("Syntax errors in policy.")
    version = raw.get("Version", "2008-10-17")
    if version not in ("2008-10-17", "2012-10-17"):
        malformed("Syntax errors in policy.")
    if kind == "identity" and version != "2012-10-17":
        malformed("Policy document must be version 2012-10-17 or greater.")
    listed = raw.get("Statement", [])
    entries = listed if isinstance(listed, list) else [listed]
    if not entries or not isinstance(raw.get("Id", ""), str):
        malformed("Syntax errors in policy.")
    statements = tuple(_statement(entry, kind) for entry in entries)
    _unique_ids(statements, kind)
    return Document(version, statements)


def _load(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError):
        malformed("Syntax errors in policy.")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        malformed("Syntax errors in policy.")
    return found


def _unique_ids(statements: tuple[Statement, ...], kind: Kind) -> None:
    ids = [one.sid for one in statements if one.sid]
    if kind != "resource" and len(set(ids)) != len(ids):
        malformed("Statement IDs (SID) in a single policy must be unique.")
    if kind == "identity" and not all(re.fullmatch(r"[0-9A-Za-z]*", one) for one in ids):
        malformed(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
            "[0-9A-Za-z]*"
        )


def _statement(entry: Any, kind: Kind) -> Statement:
    if not isinstance(entry, dict) or not _STATEMENT.issuperset(entry):
        malformed("Syntax errors in policy.")
    sid, effect = entry.get("Sid", ""), entry.get("Effect")
    if not isinstance(sid, str) or effect not in ("Allow", "Deny"):
        malformed("Syntax errors in policy.")
    _principal_rules(entry, kind)
    actions, not_actions = _either(entry, "Action", "NotAction", "Policy statement must contain actions.")
    resources, not_resources = _resources(entry, kind)
    _action_rules(actions or not_actions or (), kind)
    return Statement(
        sid,
        effect,
        actions,
        not_actions,
        resources,
        not_resources,
        _principals(entry, "Principal", kind),
        _principals(entry, "NotPrincipal", kind),
        tuple(_conditions(entry.get("Condition", {}))),
    )


def _either(
    entry: Mapping[str, Any], one: str, other: str, missing: str
) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    if one in entry and other in entry:
        malformed("Syntax errors in policy.")
    found, opposite = _texts(entry, one), _texts(entry, other)
    if not found and not opposite:
        malformed(missing)
    return found, opposite


def _texts(entry: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    if name not in entry:
        return None
    value = entry[name]
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in listed):
        malformed("Syntax errors in policy.")
    return tuple(listed)


def _resources(entry: Mapping[str, Any], kind: Kind) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    if kind == "trust":
        for name in ("Resource", "NotResource"):
            if name in entry:
                malformed(f"Has prohibited field {name}")
        return None, None
    if kind == "resource" and "Resource" not in entry and "NotResource" not in entry:
        return None, None
    found = _either(entry, "Resource", "NotResource", "Policy statement must contain resources.")
    if kind == "identity":
        _resource_rules(found[0] or found[1] or ())
    return found


def _resource_rules(resources: tuple[str, ...]) -> None:
    for one in resources:
        if one != "*" and not (one.startswith(("arn:", "*:", "${"))):
            malformed(f'Resource {one} must be in ARN format or "*".')
        if one.startswith("arn:") and one.count(":") < 2:
            malformed("The policy failed legacy parsing")


def _action_rules(actions: tuple[str, ...], kind: Kind) -> None:
    for one in actions:
        vendor, colon, name = one.partition(":")
        if one != "*" and not colon:
            malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
        if one not in ("*", "*:*") and (not _VENDOR.fullmatch(vendor) or not name):
            malformed(f"Vendor {vendor} is not valid" if name else "The policy failed legacy parsing")
        if kind == "trust" and one.lower() not in _TRUST_ACTIONS and one.lower() != "sts:*":
            malformed("AssumeRole policy may only specify STS AssumeRole actions.")


def _principal_rules(entry: Mapping[str, Any], kind: Kind) -> None:
    named = [name for name in ("Principal", "NotPrincipal") if name in entry]
    if kind == "identity" and named:
        malformed("Policy document should not specify a principal.")
    if kind != "identity" and not named:
        malformed("Missing required field Principal")
    if kind == "trust" and named == ["NotPrincipal"] and entry.get("Effect") == "Allow":
        malformed("AssumeRole policy may not specify NotPrincipal with Allow.")
    if len(named) == 2:
        malformed("Syntax errors in policy.")


def _principals(entry: Mapping[str, Any], name: str, kind: Kind) -> tuple[tuple[str, str], ...] | None:
    if name not in entry:
        return None
    value = entry[name]
    if value == "*":
        return (("AWS", "*"),)
    if (
        not isinstance(value, dict)
        or not value
        or not {"AWS", "Service", "Federated", "CanonicalUser"}.issuperset(value)
    ):
        malformed("Syntax errors in policy.")
    found = [(one, item) for one in value for item in _texts(value, one) or ()]
    if not found:
        malformed("Syntax errors in policy.")
    for one, item in found if kind == "trust" else ():
        if one == "AWS" and not _is_aws_principal(item):
            malformed(f'Invalid principal in policy: "AWS":"{item}"')
        if one == "Service" and not re.fullmatch(r"[\w.-]+", item):
            malformed(f'Invalid principal in policy: "SERVICE":"{item}"')
    return tuple(found)


def _is_aws_principal(value: str) -> bool:
    return value == "*" or any(known.fullmatch(value) for known in (_ACCOUNT, _PRINCIPAL_ARN, _UNIQUE_ID))


def _conditions(block: Any) -> Iterator[Condition]:
    if not isinstance(block, dict):
        malformed("Syntax errors in policy.")
    for operator, entries in block.items():
        if not is_operator(operator):
            malformed(f"Invalid Condition type : {operator}.")
        if not isinstance(entries, dict):
            malformed("Syntax errors in policy.")
        for key, value in entries.items():
            if ":" not in key:
                malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
            yield operator, key, _condition_values(value)


def _condition_values(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | bool | int | float) for one in listed):
        malformed("Syntax errors in policy.")
    return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in listed)
