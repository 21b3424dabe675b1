"""No operation answers somebody without permission, and every refusal is on the trail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.gateway.rules import BEARS_TOKEN, JUDGES_ITSELF, NEEDS_NO_PERMISSION
from tests.support.shapes import minimal
from tests.support.yard import TestYard

# What those that judge each of many things for itself must be asked about at least.
_NAMED: dict[tuple[str, str], dict[str, Any]] = {("s3", "DeleteObjects"): {"Delete": {"Objects": [{"Key": "k"}]}}}


def operations(yard: TestYard) -> list[tuple[str, str, dict[str, Any]]]:
    """Every registered operation with the least parameters that its model asks for."""
    found = []
    for part in yard.yard.parts:
        registry = yard.yard.gateway.registry
        for name in registry.built(part.service):
            shapes = registry.find(part.service, name).shapes
            params = minimal(shapes[0]) if shapes is not None and shapes[0] is not None else {"repositoryName": "x"}
            found.append((part.service, name, params))
    return [(service, name, {**params, **_NAMED.get((service, name), {})}) for service, name, params in found]


def test_without_permission_every_operation_is_refused_and_the_refusal_recorded(module_yard: TestYard) -> None:
    keys = module_yard.user("stranger")
    principal = module_yard.yard.identity.credential(keys["access_key_id"], "").principal
    client = module_yard.caller(principal)
    expected, answered = set(), []
    for service, name, params in operations(module_yard):
        if (service, name) in NEEDS_NO_PERMISSION or (service, name) in BEARS_TOKEN:
            continue
        try:
            answer = client.call(service, name, params)
            if (service, name) in JUDGES_ITSELF and _refuses_each(answer):
                continue
            answered.append(f"{service}:{name} answered")
        except AwsError as error:
            expected.add(name)
            if error.status != 403:
                answered.append(f"{service}:{name}: {error}")

    assert answered == []
    refused = _refused(module_yard, principal.arn)
    assert expected - refused == set()


def _refuses_each(answer: dict[str, Any]) -> bool:
    """Whether an answer for each of many things is a refusal of all of them."""
    return set(answer) == {"Errors"} and {one["Code"] for one in answer["Errors"]} == {"AccessDenied"}


def _refused(yard: TestYard, arn: str) -> set[str]:
    import sqlalchemy as sa

    from codeyard.storage.system import audit

    rows = yard.yard.db.read(lambda tx: tx.all(sa.select(audit.c.record)))
    records = [json.loads(row.record) for row in rows]
    return {r["eventName"] for r in records if r.get("errorCode") and r["userIdentity"].get("arn") == arn}


@pytest.mark.parametrize(("service", "operation"), sorted(NEEDS_NO_PERMISSION | JUDGES_ITSELF | BEARS_TOKEN))
def test_what_needs_no_permission_names_its_source(service: str, operation: str) -> None:
    assert len((NEEDS_NO_PERMISSION | JUDGES_ITSELF | BEARS_TOKEN)[service, operation]) > 20
