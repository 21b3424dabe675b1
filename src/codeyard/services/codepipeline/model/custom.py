"""Custom action types: what CreateCustomActionType may declare, and the links that their templates make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from codeyard.contract import AwsError
from codeyard.services.codepipeline.model.catalog import DAY, ActionType, Property
from codeyard.services.codepipeline.model.secrets import is_sealed

OWNER = "Custom"
MAX_TYPES = 50
_QUERYABLE = re.compile(r"[a-zA-Z0-9_-]{1,50}")
_PART = re.compile(r"\{(Config:([^{}]*)|ExternalExecutionId|RevisionId)\}")


def declared(req: Mapping[str, Any]) -> ActionType:
    """The type that a request declares; ValidationException for one that cannot be."""
    properties = tuple(_property(one) for one in req.get("configurationProperties") or ())
    _check_properties(properties)
    return ActionType(
        req["category"],
        req["provider"],
        _bounds("inputArtifactDetails", req["inputArtifactDetails"]),
        _bounds("outputArtifactDetails", req["outputArtifactDetails"]),
        properties,
        DAY,
        None,
        OWNER,
        req["version"],
        dict(req.get("settings") or {}),
    )


def of_shape(shape: Mapping[str, Any]) -> ActionType:
    """The type behind its own shape, as it is kept."""
    facts = {**shape, **shape["id"], "configurationProperties": shape["actionConfigurationProperties"]}
    return declared(facts)


def check_query(kind: ActionType, query: Mapping[str, str]) -> str:
    """The value that a poll asks for, "" for any; ValidationException for what the type does not let one ask."""
    known = kind.queryable
    if known is None and query:
        raise _invalid(f"The action type has no queryable property; queryParam names '{next(iter(query))}'")
    if known is None:
        return ""
    if known.name not in query:
        raise _invalid(f"queryParam must name the action type's queryable property '{known.name}'")
    return query[known.name]


def check_values(kind: ActionType, configuration: Mapping[str, str]) -> str:
    """What is wrong with an action's configuration, or ""."""
    for prop in kind.properties:
        value = configuration.get(prop.name)
        if value is None:
            continue
        if prop.queryable and not _QUERYABLE.fullmatch(value):
            return f"{prop.name} is queryable: its value has 1 to 50 of a-z A-Z 0-9 _ -, not '{value[:60]}'"
        if prop.type == "Number" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
            return f"{prop.name} must be a number, not '{value[:60]}'"
        if prop.type == "Boolean" and value not in ("true", "false"):
            return f"{prop.name} must be true or false, not '{value[:60]}'"
    return ""


def link(template: str, configuration: Mapping[str, str], *, execution: str = "", revision: str = "") -> str:
    """A template's link, "" where a part of it is not known; a secret is never in one."""
    missing = False

    def part(found: re.Match[str]) -> str:
        nonlocal missing
        named = {"ExternalExecutionId": execution, "RevisionId": revision}
        value = named.get(found[1], configuration.get(found[2] or "", ""))
        missing = missing or not value or is_sealed(value)
        return quote(value, safe="/")

    text = _PART.sub(part, template)
    return "" if missing else text[:2048]


def _property(one: Mapping[str, Any]) -> Property:
    return Property(
        one["name"],
        one.get("description") or "",
        one["required"],
        one["secret"],
        one["key"],
        bool(one.get("queryable")),
        one.get("type") or "String",
    )


def _check_properties(properties: tuple[Property, ...]) -> None:
    names = [p.name for p in properties]
    if repeated := next((n for n in names if names.count(n) > 1), None):
        raise _invalid(f"The configuration property '{repeated}' is declared more than once")
    queryable = [p for p in properties if p.queryable]
    if len(queryable) > 1:
        raise _invalid("An action type can have one queryable property at most")
    if queryable and (queryable[0].secret or not queryable[0].required):
        raise _invalid(f"The queryable property '{queryable[0].name}' must be required, and not secret")


def _bounds(member: str, details: Mapping[str, int]) -> tuple[int, int]:
    low, high = details["minimumCount"], details["maximumCount"]
    if low > high:
        raise _invalid(f"{member}: the minimum count {low} is larger than the maximum count {high}")
    return low, high


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
