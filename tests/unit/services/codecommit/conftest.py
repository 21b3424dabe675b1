"""The service under test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.services.codecommit.harness import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """CodeCommit with one empty repository, `demo`."""
    made = Service(tmp_path)
    made.call("CreateRepository", repositoryName="demo")
    yield made
    made.rooms.objects.close()
    made.kit.db.close()
