"""What each operation of CloudTrail needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from codeyard.contract import Access, Check, Params, Scope, anywhere, pass_role, text
from codeyard.platform.cloudtrail.model import ARN, HOST
from codeyard.platform.cloudtrail.store import trails
from codeyard.storage import Database

_ON_TRAIL = {
    **dict.fromkeys(("UpdateTrail", "DeleteTrail", "GetTrail", "GetTrailStatus"), "Name"),
    **dict.fromkeys(("StartLogging", "StopLogging"), "Name"),
    **dict.fromkeys(("PutEventSelectors", "GetEventSelectors"), "TrailName"),
    **dict.fromkeys(("PutInsightSelectors", "GetInsightSelectors"), "TrailName"),
    **dict.fromkeys(("AddTags", "RemoveTags"), "ResourceId"),
}
_ANYWHERE = ("LookupEvents", "DescribeTrails", "ListTrails", "ListPublicKeys")
Keys = dict[str, str | Sequence[str]]


def access(db: Database) -> dict[str, Access]:
    """The access table; tags of trails are read from the database."""
    return {
        **{name: anywhere(f"cloudtrail:{name}") for name in _ANYWHERE},
        **{name: _on_trail(db, name, member) for name, member in _ON_TRAIL.items()},
        "CreateTrail": _create,
        "ListTags": _list_tags(db),
    }


def _arn(scope: Scope, given: str) -> str:
    return given if given.startswith("arn:") else scope.arn("cloudtrail", f"trail/{given or '*'}")


def _create(scope: Scope, params: Params) -> Iterable[Check]:
    yield Check("cloudtrail:CreateTrail", _arn(scope, text(params, "Name")), _requested(params))
    yield from _role(params)


def _on_trail(db: Database, operation: str, member: str) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        arn = _arn(scope, text(params, member))
        yield Check(f"cloudtrail:{operation}", arn, {**_tags(db, arn), **_requested(params)})
        yield from _role(params)

    return checks


def _list_tags(db: Database) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        given = params.get("ResourceIdList")
        listed = [one for one in given if isinstance(one, str)] if isinstance(given, list | tuple) else []
        arns = [_arn(scope, one) for one in listed or [""]]
        return [Check("cloudtrail:ListTags", arn, _tags(db, arn)) for arn in arns]

    return checks


def _role(params: Params) -> Iterable[Check]:
    if role := text(params, "CloudWatchLogsRoleArn"):
        yield pass_role(role, HOST)


def _tags(db: Database, arn: str) -> Keys:
    found = ARN.fullmatch(arn)
    trail = db.read(lambda tx: trails.named(tx, found[2], found[1], found[3])) if found else None
    return {f"aws:ResourceTag/{key}": value for key, value in trail.tags.items()} if trail else {}


def _requested(params: Params) -> Keys:
    """aws:RequestTag/… and aws:TagKeys of a TagsList."""
    given = params.get("TagsList")
    listed = [one for one in given if isinstance(one, Mapping)] if isinstance(given, list | tuple) else []
    pairs = [(text(one, "Key"), text(one, "Value")) for one in listed]
    keys: Keys = {f"aws:RequestTag/{key}": value for key, value in pairs if key}
    return {**keys, "aws:TagKeys": [key for key, _ in pairs if key]} if pairs else keys
