"""What each operation needs: the rule, and the resource that the rule is bound to as a condition key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from codeyard.contract import Access, Check, Params, Scope, anywhere, request_tags, text
from codeyard.services.codestar_notifications import store
from codeyard.storage import Database

_PREFIX = "codestar-notifications"
_KEY = f"{_PREFIX}:NotificationsForResource"
_ON_RULE = (
    "DeleteNotificationRule",
    "DescribeNotificationRule",
    "ListTagsForResource",
    "Subscribe",
    "TagResource",
    "Unsubscribe",
    "UntagResource",
    "UpdateNotificationRule",
)
_ANYWHERE = ("DeleteTarget", "ListEventTypes", "ListNotificationRules", "ListTargets")


def access(db: Database) -> dict[str, Access]:
    """The access table; entries look rules up."""
    return {
        "CreateNotificationRule": _create,
        **{name: _on_rule(db, name) for name in _ON_RULE},
        **{name: anywhere(f"{_PREFIX}:{name}") for name in _ANYWHERE},
    }


def _create(scope: Scope, params: Params) -> Iterable[Check]:
    keys: dict[str, str | Sequence[str]] = dict(request_tags(params))
    if resource := text(params, "Resource"):
        keys[_KEY] = resource
    return (Check(f"{_PREFIX}:CreateNotificationRule", scope.arn(_PREFIX, "notificationrule/*"), keys),)


def _on_rule(db: Database, operation: str) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        arn = text(params, "Arn")
        found = db.read(lambda tx: store.rule(tx, arn)) if arn else None
        keys: dict[str, str | Sequence[str]] = dict(request_tags(params))
        if found is not None and found.account == scope.account:
            keys |= {_KEY: found.resource, **{f"aws:ResourceTag/{key}": value for key, value in found.tags.items()}}
        return (Check(f"{_PREFIX}:{operation}", arn or "*", keys),)

    return checks
