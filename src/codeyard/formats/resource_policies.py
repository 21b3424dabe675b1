"""Policies that stand with a resource: what one must look like to be judged by. Pure, text in, statements out.

Each service says in its own words and with its own error that a policy is refused; the fault tells why. The grammar is
IAM's (user guide, "Grammar of the IAM JSON policy language"), with the elements that a resource's policy must have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_TOP = {"Version", "Id", "Statement"}
_MEMBERS = {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
_ARN = re.compile(r"arn:aws[a-z-]*:(iam|sts)::(\d{12}|cloudfront):(root|(user|role|assumed-role|federated-user)/.+)")
_OTHER = re.compile(r"\*|\d{12}|A[A-Z0-9]{15,127}")
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?")
_ANY = re.compile(r".+")
_PRINCIPALS = {"AWS": (_ARN, _OTHER), "Service": (_SERVICE,), "Federated": (_ANY,), "CanonicalUser": (_ANY,)}
_OPERATOR = re.compile(
    r"(?:ForAllValues:|ForAnyValue:)?(?:String(?:Not)?(?:Equals(?:IgnoreCase)?|Like)|"
    r"(?:Numeric|Date)(?:(?:Not)?Equals|(?:Less|Greater)Than(?:Equals)?)|Bool|BinaryEquals|(?:Not)?IpAddress|"
    r"Arn(?:Not)?(?:Equals|Like))(?:IfExists)?|(?:ForAllValues:|ForAnyValue:)?Null",
    re.IGNORECASE,
)


class PolicyFault(ValueError):
    """The policy could not be judged by; the message says what is wrong with it."""


class NotJson(PolicyFault):
    """The text is no JSON at all, or names an element twice."""


class OutOfScope(PolicyFault):
    """A statement speaks of another service's actions."""


def check(text: str, *, vendor: str = "") -> list[dict[str, Any]]:
    """The statements of a well-formed policy, whose actions are the vendor's where one is named; or PolicyFault."""
    found = statements(text)
    for one in found:
        _check_statement(one, vendor)
    return found


def statements(text: str) -> list[Any]:
    """The statements of a policy text, not looked into."""
    try:
        document = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise NotJson("The policy is not valid JSON.") from None
    if not isinstance(document, dict) or not _TOP.issuperset(document) or not isinstance(document.get("Id", ""), str):
        raise PolicyFault("The policy has elements that no policy has.")
    if document.get("Version", "2008-10-17") not in ("2008-10-17", "2012-10-17"):
        raise PolicyFault("The policy's Version is not valid.")
    found = listed(document.get("Statement"))
    if not found:
        raise PolicyFault("The policy has no statement.")
    return found


def listed(value: Any) -> list[Any]:
    """What may be written alone or as a list, as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _check_statement(one: Any, vendor: str) -> None:
    if not isinstance(one, dict) or not _MEMBERS.issuperset(one) or one.get("Effect") not in ("Allow", "Deny"):
        raise PolicyFault("The policy has a statement that is not valid.")
    if not isinstance(one.get("Sid", ""), str):
        raise PolicyFault("A statement's Sid is a text.")
    for action in _texts(one, "Action"):
        _check_action(action, vendor)
    _texts(one, "Resource")
    _check_principals(one)
    _check_conditions(one.get("Condition", {}))


def _texts(one: Mapping[str, Any], member: str) -> list[str]:
    given = [name for name in (member, f"Not{member}") if name in one]
    values = listed(one[given[0]]) if len(given) == 1 else []
    if not values or not all(isinstance(value, str) and value for value in values):
        raise PolicyFault(f"Each statement of the policy needs one {member} element.")
    return values


def _check_action(action: str, vendor: str) -> None:
    if not re.fullmatch(r"\*|[A-Za-z0-9*-]+:\S+", action):
        raise PolicyFault("The policy has an action that is not valid.")
    if vendor and action != "*" and action.partition(":")[0].lower() not in (vendor, "*"):
        raise OutOfScope("The policy has an action of another service.")


def _check_principals(one: Mapping[str, Any]) -> None:
    given = [name for name in ("Principal", "NotPrincipal") if name in one]
    if len(given) != 1:
        raise PolicyFault("Each statement of the policy needs one Principal element.")
    named = one[given[0]]
    if named == "*":
        return
    if not isinstance(named, dict) or not named or not _PRINCIPALS.keys() >= named.keys():
        raise PolicyFault("Policy contains a statement with one or more invalid principals.")
    for kind, value in named.items():
        names, forms = listed(value), _PRINCIPALS[kind]
        if not names or not all(isinstance(name, str) and any(f.fullmatch(name) for f in forms) for name in names):
            raise PolicyFault("Policy contains a statement with one or more invalid principals.")


def _check_conditions(block: Any) -> None:
    if not isinstance(block, dict):
        raise PolicyFault("The policy has a Condition that is not valid.")
    for operator, entries in block.items():
        if not _OPERATOR.fullmatch(operator) or not isinstance(entries, dict):
            raise PolicyFault(f"The policy has a condition that is not valid: {operator[:64]}")
        for key, value in entries.items():
            if ":" not in key or not all(isinstance(v, str | bool | int | float) for v in listed(value)):
                raise PolicyFault("The policy has a condition key or value that is not valid.")
