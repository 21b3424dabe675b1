"""What the IAM tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.platform.iam.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """IAM and STS with one account and its administrator."""
    made = Bench(tmp_path)
    yield made
    made.gateway.auditor.stop()
    made.db.close()
