"""Event selectors: which a trail may have, and which records they choose. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from codeyard.contract import AwsError

Record = Mapping[str, Any]
Wanted = Callable[[Record], bool]
DEFAULT: Mapping[str, Any] = {
    "ReadWriteType": "All",
    "IncludeManagementEvents": True,
    "DataResources": [],
    "ExcludeManagementEventSources": [],
}
_SELECTORS, _VALUES, _CONDITIONS = 5, 250, 500
_BASIC_TYPES = ("AWS::S3::Object", "AWS::Lambda::Function", "AWS::DynamoDB::Table")
_EXCLUDABLE = ("kms.amazonaws.com", "rdsdata.amazonaws.com")
_TYPE = re.compile(r"AWS::[A-Za-z0-9]+::[A-Za-z0-9]+")
_S3 = re.compile(r"arn:aws[a-z-]*:s3(:::([^/]+/.*)?)?", re.S)
_COMMON = ("eventCategory", "readOnly", "eventSource", "eventName", "eventType", "userIdentity.arn")
_FIELDS = {"Management": {*_COMMON}, "Data": {*_COMMON, "resources.type", "resources.ARN"}}
_ANY = ("Equals", "StartsWith", "EndsWith")
_NONE = ("NotEquals", "NotStartsWith", "NotEndsWith")
# Which service's data events a resource type stands for.
_SERVICES = {"AWS::S3::Object": "s3", "AWS::SNS::Topic": "sns"}


def checked_basic(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Event selectors with their defaults; InvalidEventSelectorsException for those that no trail may have."""
    if len(given) > _SELECTORS:
        raise invalid(f"A trail can have at most {_SELECTORS} event selectors.")
    found = [_basic(one) for one in given]
    if sum(len(resource["Values"]) for one in found for resource in one["DataResources"]) > _VALUES:
        raise invalid(f"A trail can select at most {_VALUES} data resources.")
    return found


def _basic(given: Mapping[str, Any]) -> dict[str, Any]:
    found = {**DEFAULT, **{name: value for name, value in given.items() if value is not None}}
    for source in found["ExcludeManagementEventSources"]:
        if source not in _EXCLUDABLE:
            raise invalid(f"{source} cannot be excluded: only {' and '.join(_EXCLUDABLE)} can.")
    found["DataResources"] = [_resource(one) for one in found["DataResources"]]
    if not found["IncludeManagementEvents"] and not found["DataResources"]:
        raise invalid("An event selector without management events must select data resources.")
    return found


def _resource(given: Mapping[str, Any]) -> dict[str, Any]:
    kind, values = given.get("Type"), list(given.get("Values") or ())
    if kind not in _BASIC_TYPES:
        raise invalid(f"The resource type {kind} is not valid in an event selector.")
    if not values:
        raise invalid(f"An event selector names no resources of type {kind}.")
    for value in values:
        if not value.startswith("arn:") or (kind == "AWS::S3::Object" and not _S3.fullmatch(value)):
            raise invalid(f"Value {value} for DataResources.Values is invalid.")
    return {"Type": kind, "Values": values}


def checked_advanced(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Advanced event selectors; InvalidEventSelectorsException for those that no trail may have."""
    fields = [field for one in given for field in one["FieldSelectors"]]
    if sum(len(field.get(name) or ()) for field in fields for name in (*_ANY, *_NONE)) > _CONDITIONS:
        raise invalid(f"The advanced event selectors of a trail can have at most {_CONDITIONS} conditions.")
    return [_advanced(one) for one in given]


def _advanced(given: Mapping[str, Any]) -> dict[str, Any]:
    fields = {one["Field"]: one for one in given["FieldSelectors"]}
    if len(fields) != len(given["FieldSelectors"]):
        raise invalid("A field can stand only once in an advanced event selector.")
    category = _only(fields, "eventCategory", tuple(_FIELDS))
    if category == "Data":
        _only(fields, "resources.type", ())
    if "readOnly" in fields:
        _only(fields, "readOnly", ("true", "false"))
    for name, one in fields.items():
        if name not in _FIELDS[category]:
            raise invalid(f"The field {name} is not valid in a selector of {category} events.")
        if not any(one.get(operator) for operator in (*_ANY, *_NONE)):
            raise invalid(f"The field {name} has no condition.")
    selectors = [{key: value for key, value in one.items() if value} for one in given["FieldSelectors"]]
    return {**({"Name": given["Name"]} if given.get("Name") else {}), "FieldSelectors": selectors}


def _only(fields: Mapping[str, Mapping[str, Any]], name: str, allowed: tuple[str, ...]) -> str:
    """The one value that the field must equal."""
    one = fields.get(name) or {}
    values: Sequence[Any] = one.get("Equals") or ()
    if len(values) != 1 or any(one.get(operator) for operator in (*_ANY[1:], *_NONE)):
        raise invalid(f"An advanced event selector needs the field {name} with one value that it equals.")
    value = str(values[0])
    if not (value in allowed if allowed else _TYPE.fullmatch(value)):
        raise invalid(f"Value {value} is not valid for the field {name}.")
    return value


def invalid(message: str) -> AwsError:
    """InvalidEventSelectorsException."""
    return AwsError("InvalidEventSelectorsException", message)


def data_services(basic: Sequence[Record], advanced: Sequence[Record]) -> set[str]:
    """The services of whose data events these select any."""
    kinds = {str(resource["Type"]) for one in basic for resource in one["DataResources"]}
    for one in advanced:
        kinds |= {f["Equals"][0] for f in one["FieldSelectors"] if f["Field"] == "resources.type"}
    return {_SERVICES[kind] for kind in kinds if kind in _SERVICES}


def wanted(basic: Sequence[Record], advanced: Sequence[Record]) -> Wanted:
    """Whether a record is chosen by any of the selectors; by none given, every management event is."""
    if advanced:
        return lambda record: any(_fits(one, record) for one in advanced)
    chosen = basic or (DEFAULT,)
    return lambda record: any(_chosen(one, record) for one in chosen)


def _chosen(selector: Record, record: Record) -> bool:
    kind = selector["ReadWriteType"]
    if kind != "All" and (kind == "ReadOnly") != bool(record.get("readOnly")):
        return False
    if record.get("eventCategory") != "Data":
        excluded = record.get("eventSource") in selector["ExcludeManagementEventSources"]
        return bool(selector["IncludeManagementEvents"]) and not excluded
    return any(_names(one, record) for one in selector["DataResources"])


def _names(resource: Mapping[str, Any], record: Record) -> bool:
    """Whether the record is about something that begins as one of the values does."""
    values = tuple("arn:aws:s3:::" if value == "arn:aws:s3" else value for value in resource["Values"])
    return any(arn.startswith(values) for arn in _arns(record, resource["Type"]))


def _arns(record: Record, kind: str) -> list[str]:
    """The ARNs of the record's resources of a type; a bucket counts as the beginning of its objects."""
    found = [(str(one.get("ARN") or ""), one.get("type")) for one in record.get("resources") or ()]
    if kind != "AWS::S3::Object":
        return [arn for arn, own in found if own == kind]
    return [arn if own == kind else f"{arn}/" for arn, own in found if str(own).startswith("AWS::S3::")]


def _fits(selector: Mapping[str, Any], record: Record) -> bool:
    fields = {one["Field"]: one for one in selector["FieldSelectors"]}
    kind = fields["resources.type"]["Equals"][0] if "resources.type" in fields else ""
    if kind and not _arns(record, kind):
        return False
    return all(_holds(one, _values(record, name, kind)) for name, one in fields.items() if name != "resources.type")


def _values(record: Record, name: str, kind: str) -> list[str]:
    if name == "resources.ARN":
        return _arns(record, kind)
    if name == "readOnly":
        return ["true" if record.get("readOnly") else "false"]
    if name == "userIdentity.arn":
        return [str((record.get("userIdentity") or {}).get("arn") or "")]
    return [str(record.get(name) or "")]


def _holds(one: Mapping[str, Any], values: Sequence[str]) -> bool:
    """Any of the positive conditions, and every negative one."""
    positive = [name for name in _ANY if one.get(name)]
    if positive and not any(_meets(name, tuple(one[name]), value) for name in positive for value in values):
        return False
    return not any(_meets(name[3:], tuple(one[name]), value) for name in _NONE if one.get(name) for value in values)


def _meets(operator: str, against: tuple[str, ...], value: str) -> bool:
    if operator == "Equals":
        return value in against
    return value.startswith(against) if operator == "StartsWith" else value.endswith(against)
