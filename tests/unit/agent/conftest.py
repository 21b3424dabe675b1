"""Fixtures of the agent's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.agent.bridge import Bridge
from tests.unit.services.codedeploy.world import World


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    """A CodeDeploy with one host `a` in a group, reachable over HTTP."""
    world = World(tmp_path / "server")
    world.fleet("a")
    served = Bridge(world)
    yield served
    served.close()
    world.db.close()
