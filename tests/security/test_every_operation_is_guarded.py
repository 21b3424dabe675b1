"""No operation answers somebody without permission, and every refusal is on the trail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.gateway.rules import NEEDS_NO_PERMISSION
from tests.support.shapes import minimal
from tests.support.yard import TestYard

# Operations that are allowed to the caller by the service's own resource policy for what the caller made itself,
# or that speak only about the caller: none of them is in the walk's way, each with the reason.
REFUSED_OTHERWISE: dict[tuple[str, str], str] = {}


def operations(yard: TestYard) -> list[tuple[str, str, dict[str, Any]]]:
    """Every registered operation with the least parameters that its model asks for."""
    found = []
    for part in yard.yard.parts:
        registry = yard.yard.gateway.registry
        for name in registry.built(part.service):
            shapes = registry.find(part.service, name).shapes
            params = minimal(shapes[0]) if shapes is not None and shapes[0] is not None else {"repositoryName": "x"}
            found.append((part.service, name, params))
    return found


def test_without_permission_every_operation_is_refused_and_the_refusal_recorded(module_yard: TestYard) -> None:
    keys = module_yard.user("stranger")
    principal = module_yard.yard.identity.credential(keys["access_key_id"], "").principal
    client = module_yard.caller(principal)
    expected, answered = set(), []
    for service, name, params in operations(module_yard):
        if (service, name) in NEEDS_NO_PERMISSION:
            continue
        try:
            client.call(service, name, params)
            answered.append(f"{service}:{name} answered")
        except AwsError as error:
            expected.add(name)
            if error.status != 403:
                answered.append(f"{service}:{name}: {error}")

    assert answered == []
    refused = _refused(module_yard, principal.arn)
    assert expected - refused == set()


def _refused(yard: TestYard, arn: str) -> set[str]:
    import sqlalchemy as sa

    from codeyard.storage.system import audit

    rows = yard.yard.db.read(lambda tx: tx.all(sa.select(audit.c.record)))
    records = [json.loads(row.record) for row in rows]
    return {r["eventName"] for r in records if r.get("errorCode") and r["userIdentity"].get("arn") == arn}


@pytest.mark.parametrize(("service", "operation"), sorted(NEEDS_NO_PERMISSION))
def test_what_needs_no_permission_names_its_source(service: str, operation: str) -> None:
    assert len(NEEDS_NO_PERMISSION[service, operation]) > 20
