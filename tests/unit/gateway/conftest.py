"""The house for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.gateway.house import House


@pytest.fixture
def house() -> Iterator[House]:
    """A gateway over one small service."""
    made = House()
    yield made
    made.close()
