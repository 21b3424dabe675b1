"""Randomness by argument."""

from __future__ import annotations

import uuid

import pytest

from codeyard.contract import Ids
from codeyard.engine import SeededIds, SystemIds


@pytest.mark.parametrize("ids", [SystemIds(), SeededIds(1)])
def test_uuids_are_random_ones_of_the_standards_form(ids: Ids) -> None:
    made = {ids.uuid() for _ in range(200)}
    assert len(made) == 200
    assert all(str(uuid.UUID(one)) == one and uuid.UUID(one).version == 4 for one in made)
    assert {one[19] for one in made} == set("89ab")


@pytest.mark.parametrize("ids", [SystemIds(), SeededIds(1)])
def test_ordered_uuids_sort_by_their_time_and_never_repeat(ids: Ids) -> None:
    times = [1_760_000_000_000_000 + step for step in (0, 1, 400, 999, 1000, 1001, 60_000_000)]
    made = [ids.ordered_uuid(time) for time in times]
    assert made == sorted(made)
    assert all(uuid.UUID(one).version == 7 and one[19] in "89ab" for one in made)
    assert len({ids.ordered_uuid(times[0]) for _ in range(200)}) == 200
    assert int(made[0].replace("-", "")[:12], 16) == times[0] // 1000
