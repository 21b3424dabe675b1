"""IAM's decision written straight from the rules, slowly and without a thought of speed: the compiled one's oracle.

It works on raw policy dicts. Nothing of the program is imported.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import re
from typing import Any

Caller = dict[str, Any]


def matches_glob(pattern: str, text: str, any_case: bool = False) -> bool:
    """`*` is anything, `?` one character; characters given as one-element tuples are literal."""
    return _glob(list(pattern), list(text), any_case)


def _glob(pattern: list[Any], text: list[str], any_case: bool = False) -> bool:
    reach = {0}
    for mark in pattern:
        if mark == "*":
            reach = set(range(min(reach), len(text) + 1)) if reach else set()
        else:
            one = mark[0]
            reach = {
                i + 1
                for i in reach
                if i < len(text) and (mark == "?" or one == text[i] or (any_case and one.lower() == text[i].lower()))
            }
    return len(text) in reach


def fill(pattern: str, keys: dict[str, Any], variables: bool) -> list[Any] | None:
    """Marks of a pattern with its variables put in as literal characters; None where one has no value."""
    marks: list[Any] = []
    while pattern:
        found = re.match(r"\$\{([^{}]*)\}", pattern) if variables else None
        if found is None:
            marks.append(pattern[0])
            pattern = pattern[1:]
            continue
        pattern = pattern[found.end() :]
        inside = found.group(1)
        default = re.fullmatch(r"\s*(\S+?)\s*,\s*'([^']*)'\s*", inside)
        if inside in ("*", "?", "$"):
            value = inside
        else:
            name = default.group(1) if default else inside.strip()
            held = values_of(keys, name)
            if len(held) == 1:
                value = held[0]
            elif default:
                value = default.group(2)
            else:
                return None
        marks.extend((char,) for char in value)
    return marks


def values_of(keys: dict[str, Any], name: str) -> list[str]:
    for key, value in keys.items():
        if key.lower() == name.lower():
            return [value] if isinstance(value, str) else list(value)
    return []


def text_of(marks: list[Any]) -> str:
    return "".join(mark[0] for mark in marks)


def split_arn(marks: list[Any]) -> list[list[Any]]:
    parts: list[list[Any]] = [[]]
    for mark in marks:
        if mark == ":" and len(parts) < 6:
            parts.append([])
        else:
            parts[-1].append(mark)
    return parts


def arn_matches(marks: list[Any], text: str) -> bool:
    wanted, given = split_arn(marks), text.split(":", 5)
    if len(wanted) < 6:
        return _glob(marks, list(text))
    return len(given) == 6 and all(_glob(w, list(g)) for w, g in zip(wanted, given, strict=True))


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def action_listed(listed: Any, action: str) -> bool:
    return any(matches_glob(one, action, any_case=True) for one in as_list(listed))


def resource_listed(listed: Any, resource: str, keys: dict[str, Any], variables: bool) -> bool:
    for one in as_list(listed):
        bare = re.sub(r"\$\{[^{}]*\}", "", one)
        while one.startswith("arn:") and bare.count(":") < 5:
            one, bare = one + ":*", bare + ":*"
        marks = fill(one, keys, variables)
        if one == "*" or (marks is not None and arn_matches(marks, resource)):
            return True
    return False


def number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def moment(text: str) -> float | None:
    if number(text) is not None:
        return number(text)
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=datetime.UTC)).timestamp()


def one_value(family: str, wanted: str, given: str, keys: dict[str, Any], variables: bool) -> bool:
    """Whether one request value matches one policy value under a positive operator."""
    if family.startswith(("numeric", "date")):
        read, order = (number, family[7:]) if family.startswith("numeric") else (moment, family[4:])
        a, b = read(given), read(wanted)
        if a is None or b is None:
            return False
        return {
            "equals": a == b,
            "lessthan": a < b,
            "lessthanequals": a <= b,
            "greaterthan": a > b,
            "greaterthanequals": a >= b,
        }[order]
    if family == "bool":
        return wanted.lower() == given.lower()
    if family == "binaryequals":
        return base64.b64decode(wanted) == base64.b64decode(given)
    if family == "ipaddress":
        try:
            return ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False)
        except ValueError:
            return False
    marks = fill(wanted, keys, variables)
    if marks is None:
        return False
    if family == "stringequals":
        return text_of(marks) == given
    if family == "stringequalsignorecase":
        return text_of(marks).lower() == given.lower()
    if family == "stringlike":
        return _glob(marks, list(given))
    assert family in ("arnequals", "arnlike")
    return wanted == "*" or (wanted.count(":") >= 5 and given.count(":") >= 5 and arn_matches(marks, given))


def condition_holds(operator: str, key: str, wanted: Any, keys: dict[str, Any], variables: bool) -> bool:
    name = operator.lower()
    quantifier = ""
    if ":" in name:
        quantifier, name = name.split(":")
    given = values_of(keys, key)
    wants = [str(one).lower() if isinstance(one, bool) else str(one) for one in as_list(wanted)]
    if name == "null":
        return any((one.lower() == "true") == (not given) for one in wants)
    if_exists = name.endswith("ifexists")
    name = name.removesuffix("ifexists")
    negated = "not" in name
    family = name.replace("not", "", 1) if negated else name
    if quantifier and given == [""]:
        given = []
    if not given:
        if quantifier == "forallvalues":
            return True
        if quantifier == "foranyvalue":
            return if_exists
        return negated or if_exists

    def hit(value: str) -> bool:
        return any(one_value(family, want, value, keys, variables) for want in wants)

    if quantifier == "forallvalues":
        return all(hit(value) != negated for value in given)
    if quantifier == "foranyvalue":
        return any(hit(value) != negated for value in given)
    return any(hit(value) for value in given) != negated


def statement_applies(statement: dict[str, Any], variables: bool, asked: dict[str, Any]) -> bool:
    keys = asked["keys"]
    if "Action" in statement and not action_listed(statement["Action"], asked["action"]):
        return False
    if "NotAction" in statement and action_listed(statement["NotAction"], asked["action"]):
        return False
    if "Resource" in statement and not resource_listed(statement["Resource"], asked["resource"], keys, variables):
        return False
    if "NotResource" in statement and resource_listed(statement["NotResource"], asked["resource"], keys, variables):
        return False
    for operator, entries in statement.get("Condition", {}).items():
        for key, wanted in entries.items():
            if not condition_holds(operator, key, wanted, keys, variables):
                return False
    return True


def hits(policies: list[dict[str, Any]], effect: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        statement
        for document in policies
        for statement in document["Statement"]
        if statement["Effect"] == effect
        and statement_applies(statement, document.get("Version") == "2012-10-17", asked)
    ]


def named(element: Any, kind: str) -> list[str]:
    if element == "*":
        return ["*"] if kind == "AWS" else []
    return as_list(element.get(kind, []))


def reach(statement: dict[str, Any], who: Caller) -> int:
    """0: not meant; 1: its account is; 2: its role or everyone; 3: itself."""
    element = statement.get("Principal")
    if element is None:
        return _not_principal(statement, who)
    aws, services = named(element, "AWS"), named(element, "Service")
    if who["kind"] == "service":
        return 3 if who["arn"] in services or "*" in aws else 0
    if who["kind"] == "anonymous":
        return 3 if "*" in aws else 0
    account = [who["account"], f"arn:aws:iam::{who['account']}:root"]
    if who["arn"] in aws or (who["kind"] == "root" and any(one in aws for one in account)):
        return 3
    if "*" in aws or (who.get("role") and who["role"] in aws):
        return 2
    return 1 if any(one in aws for one in account) else 0


def _not_principal(statement: dict[str, Any], who: Caller) -> int:
    element = statement["NotPrincipal"]
    aws, services = named(element, "AWS"), named(element, "Service")
    if "*" in aws:
        return 0
    if who["kind"] in ("service", "anonymous"):
        return 0 if who["arn"] in services else 2
    account = who["account"] in aws or f"arn:aws:iam::{who['account']}:root" in aws
    itself = who["arn"] in aws or (who["kind"] == "root" and account)
    levels = [account, itself] + ([who["role"] in aws] if who.get("role") else [])
    out = all(levels) if statement["Effect"] == "Deny" else any(levels)
    return 0 if out else 2


def decide(who: Caller, asked: dict[str, Any]) -> str:
    """`allowed`, `explicit` or `implicit`."""
    own, boundary, session = who["policies"], who.get("boundary"), who.get("session")
    resource = asked.get("policy")
    kinds = [own] + [[one] for one in (boundary, session) if one is not None]
    if any(hits(kind, "Deny", asked) for kind in kinds):
        return "explicit"
    on_resource = [resource] if resource is not None else []
    if any(reach(statement, who) for statement in hits(on_resource, "Deny", asked)):
        return "explicit"
    best = max([0, *(reach(statement, who) for statement in hits(on_resource, "Allow", asked))])
    return "allowed" if _granted(who, asked, best, resource is not None) else "implicit"


def _granted(who: Caller, asked: dict[str, Any], best: int, has_policy: bool) -> bool:
    if who["kind"] in ("service", "anonymous"):
        return best > 0
    identity = bool(hits(who["policies"], "Allow", asked))
    boundary = who.get("boundary") is None or bool(hits([who["boundary"]], "Allow", asked))
    session = who.get("session") is None or bool(hits([who["session"]], "Allow", asked))
    foreign = who["account"] != asked["owner"]
    both = asked["action"].lower() in ("sts:tagsession", "sts:setsourceidentity")
    trust = asked["action"].lower().startswith("sts:assumerole")
    key = asked["action"].lower().startswith("kms:") and has_policy
    if who["kind"] == "root":
        return best > 0 or not (foreign or trust or key)
    if foreign or both:
        return best > 0 and identity and boundary and session
    if best == 3:
        return True
    if best == 2:
        return boundary and session
    if (trust or key) and best == 0:
        return False
    return identity and boundary and session
