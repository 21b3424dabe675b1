"""Fixtures of the CodePipeline tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.services.codepipeline.support import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A service with nothing in it."""
    made = World(tmp_path)
    yield made
    made.db.close()
