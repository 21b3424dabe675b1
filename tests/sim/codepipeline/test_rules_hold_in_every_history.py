"""Thousands of seeded histories against the pure rules. A seed that fails is kept in KEPT."""

from __future__ import annotations

import os

import pytest

from tests.sim.codepipeline.board_world import BoardWorld

COUNT = (int(os.environ.get("CODEYARD_DEEP", "0") or "0") and 20_000) or 300
BLOCK = 25
KEPT: tuple[int, ...] = ()
STEPS = (
    ("start", 4),
    ("switch_mode", 1),
    ("close", 2),
    ("open", 3),
    ("stop", 1),
    ("retry", 2),
    ("deliver", 14),
    ("progress", 14),
    ("hear", 14),
    ("pass_time", 2),
    ("sweep", 1),
    ("crash", 1),
)


def _history(seed: int) -> BoardWorld:
    world = BoardWorld(seed)
    names, weights = zip(*STEPS, strict=True)
    for _ in range(220):
        step = world.rng.choices(names, weights)[0]
        getattr(world, step)()
        world.check_rest()
    return world


def _drain(world: BoardWorld) -> None:
    """Let everything that is owed come, with every transition open: nothing may be left in progress."""
    world.board = type(world.board)(world.board.executions)
    world.write()
    for _ in range(2000):
        if not world.board.executions:
            return
        world.deliver()
        world.progress()
        world.sweep()
        world.check_rest()


@pytest.mark.parametrize("block", range(COUNT // BLOCK))
def test_no_history_breaks_a_rule(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        world = _history(seed)
        _drain(world)
        assert world.board.executions == (), f"seed {seed}: an execution never ends"
        assert all(w.calls <= 1 for w in world.work.values()), f"seed {seed}: work was begun twice"


def test_histories_that_once_broke_a_rule_hold() -> None:
    for seed in KEPT:
        _drain(_history(seed))


def test_the_histories_reach_what_they_are_meant_to_reach() -> None:
    worlds = [_history(seed) for seed in range(60)]
    ends = {past.status for world in worlds for past in world.past.values()}
    assert ends == {"Succeeded", "Failed", "Stopped", "Superseded"}
    assert any(world.board.closed_inbound for world in worlds)
    assert {world.mode for world in worlds} == {"SUPERSEDED", "QUEUED", "PARALLEL"}
