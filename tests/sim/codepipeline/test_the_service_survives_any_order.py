"""Seeded histories of the whole service: random orders, crashes, lost and repeated news. A few here, many in deep."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from tests.sim.codepipeline.service_world import ServiceWorld


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Deaths are part of these histories: their traces are not kept, here only."""
    caplog.set_level(logging.CRITICAL, "codeyard")


DEEP = os.environ.get("CODEYARD_DEEP", "0") not in ("", "0")


def _history(folder: Path, seed: int, database: str = "") -> None:
    history = ServiceWorld(folder, seed, database)
    for _ in range(120):
        history.step()
    history.finish()
    history.world.db.close()


@pytest.mark.parametrize("seed", range(400 if DEEP else 16))
def test_no_order_of_events_breaks_a_pipeline(tmp_path: Path, seed: int) -> None:
    _history(tmp_path, seed)


@pytest.mark.postgres
@pytest.mark.parametrize("seed", range(1000, 1040 if DEEP else 1003))
def test_no_order_of_events_breaks_a_pipeline_on_postgresql(tmp_path: Path, postgres_url: str, seed: int) -> None:
    _history(tmp_path, seed, postgres_url)
