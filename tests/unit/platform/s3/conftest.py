"""What the S3 tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.platform.s3.bench import Store


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[Store]:
    """An empty S3."""
    store = Store(tmp_path)
    yield store
    store.db.close()
