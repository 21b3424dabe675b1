"""What the tests of the AWS door share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.rawhttp import Wire
from tests.support.yard import TestYard


@pytest.fixture
def wire(module_yard: TestYard) -> Iterator[Wire]:
    """A fresh connection."""
    made = Wire(module_yard)
    yield made
    made.socket.close()
