"""Fixtures of the CodeDeploy tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.storage.tx import Tx
from tests.unit.services.codedeploy.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A CodeDeploy without applications."""
    made = World(tmp_path)
    yield made
    made.db.close()


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every event that is emitted, in order."""
    found: list[Any] = []
    plain = Tx.emit
    monkeypatch.setattr(Tx, "emit", lambda tx, event: (found.append(event), plain(tx, event))[1])
    return found


@pytest.fixture
def refused() -> Callable[[str], Any]:
    """A context that expects an AwsError of that code."""

    def expect(code: str) -> Any:
        return pytest.raises(AwsError, match=f"^{code}")

    return expect
