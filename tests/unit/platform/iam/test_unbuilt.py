"""Every operation of IAM and STS is built, or in the list with its reason."""

from __future__ import annotations

import pytest

from codeyard.platform.iam.unbuilt import unbuilt
from codeyard.wire.models import Models
from codeyard.wire.services import ENABLED
from tests.unit.platform.iam.bench import Bench


@pytest.mark.parametrize("service", ["iam", "sts"])
def test_what_is_not_built_is_listed_with_its_reason_and_nothing_else_is(bench: Bench, service: str) -> None:
    known = set(Models(ENABLED).service(service).operation_names)
    listed = unbuilt(service)
    assert known - set(bench.registry.built(service)) == set(listed)
    assert all(len(reason) > 40 for reason in listed.values())


def test_the_list_is_short() -> None:
    assert len(unbuilt("iam")) + len(unbuilt("sts")) <= 30
