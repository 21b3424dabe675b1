"""What each operation of CloudTrail needs."""

from __future__ import annotations

from collections.abc import Iterable

from codeyard.contract import Access, Check, Params, Scope, anywhere, text


def _on_trail(operation: str) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        name = text(params, "Name") or "*"
        arn = name if name.startswith("arn:") else scope.arn("cloudtrail", f"trail/{name}")
        return (Check(f"cloudtrail:{operation}", arn),)

    return checks


ACCESS: dict[str, Access] = {
    "LookupEvents": anywhere("cloudtrail:LookupEvents"),
    "DescribeTrails": anywhere("cloudtrail:DescribeTrails"),
    "ListTrails": anywhere("cloudtrail:ListTrails"),
    "GetTrail": _on_trail("GetTrail"),
    "GetTrailStatus": _on_trail("GetTrailStatus"),
}
