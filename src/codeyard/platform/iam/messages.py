"""Refusals with all their reasons, sealed: who may decode them reads who asked for what, and which statements spoke.

The caller learns no more than the error says; the trail carries the sealed message beside it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from itertools import islice
from typing import Any

from codeyard.contract import Check, Principal, Sealer
from codeyard.platform.iam.policy import Caller, Decision, Request
from codeyard.platform.iam.policy.request import Values
from codeyard.storage import dumps, loads

_CONTEXT = "sts.authorization-message"
_MOST_KEYS, _LONGEST = 80, 512


class Messages:
    """Seals and opens."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def encode(self, who: Principal, caller: Caller, check: Check, request: Request, decision: Decision) -> str:
        """The sealed message of a refusal."""
        told = {
            "allowed": False,
            "explicitDeny": "explicit deny" in decision.message,
            "matchedStatements": {"items": _matched(caller, request)},
            "failures": {"items": []},
            "context": _context(who, check, request.keys),
        }
        sealed = self._sealer.seal(dumps({"account": who.account, "message": told}).encode("utf-8"), _CONTEXT)
        return base64.urlsafe_b64encode(sealed).decode("ascii")

    def decode(self, text: str, account: str) -> str | None:
        """The message of one of the account's own refusals; None where it is none."""
        try:
            sealed = base64.b64decode(text, altchars=b"-_", validate=True)
            found = loads(self._sealer.open(sealed, _CONTEXT))
        except (ValueError, binascii.Error):
            return None
        return dumps(found["message"]) if found["account"] == account else None


def _matched(caller: Caller, request: Request) -> list[dict[str, Any]]:
    sets = [one for one in (caller.policies, caller.boundary, caller.session) if one is not None]
    return [
        {"statementId": rule.sid, "effect": "DENY" if rule.deny else "ALLOW", "policy": rule.source}
        for one in sets
        for rule in one.matched(request)
    ]


def _context(who: Principal, check: Check, keys: Mapping[str, Values]) -> dict[str, Any]:
    conditions = [
        {"key": key, "values": {"items": [{"value": text[:_LONGEST]} for text in _listed(values)]}}
        for key, values in islice(sorted(keys.items()), _MOST_KEYS)
    ]
    return {
        "principal": {"id": who.principal_id or who.account, "name": who.name, "arn": who.arn},
        "action": check.action,
        "resource": check.resource,
        "conditions": {"items": conditions},
    }


def _listed(values: Values) -> list[str]:
    return [values] if isinstance(values, str) else list(values)[:20]
