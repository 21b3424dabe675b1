"""The rules of stages, gates and locks, as tables in their own words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codeyard.services.codepipeline.decide import decide
from codeyard.services.codepipeline.model.state import (
    Arrived,
    Attempt,
    Board,
    Change,
    Dropped,
    Ended,
    Entered,
    Execution,
    Stage,
    StageEnded,
    Started,
    TimedOut,
)

STAGES = (
    Stage("Source", (("Code",),)),
    Stage("Build", (("Compile", "Lint"), ("Package",))),
    Stage("Deploy", (("Ship",),)),
)


def waiting(number: int, stage: int, mode: str = "SUPERSEDED") -> Execution:
    """An execution that stands before a stage."""
    return Execution(f"e{number}", number, mode, STAGES, stage)


def inside(number: int, stage: int, mode: str = "SUPERSEDED", **attempts: str) -> Execution:
    """An execution that is in a stage; its actions by status."""
    runs = {name: Attempt(name.lower(), status) for name, status in attempts.items()}
    return Execution(f"e{number}", number, mode, STAGES, stage, True, attempts=runs)


OK, BAD, BUSY = "Succeeded", "Failed", "InProgress"

CASES: list[tuple[str, Board, tuple[Change, ...]]] = [
    (
        "a new execution enters the free first stage and starts its actions",
        Board((waiting(1, 0),)),
        (Entered("e1", "Source"), Started("e1", "Source", "Code")),
    ),
    ("a stage holds one execution", Board((inside(1, 1, Compile=BUSY, Lint=BUSY), waiting(2, 1))), ()),
    (
        "a newer waiter supersedes the older, not the one inside",
        Board((inside(1, 1, Compile=BUSY, Lint=BUSY), waiting(2, 1), waiting(3, 1))),
        (Ended("e2", "Superseded", "e3"),),
    ),
    (
        "in a queue nobody is superseded",
        Board((inside(1, 1, "QUEUED", Compile=BUSY, Lint=BUSY), waiting(2, 1, "QUEUED"), waiting(3, 1, "QUEUED"))),
        (),
    ),
    (
        "the first of the queue goes in when the stage is free",
        Board((waiting(2, 2, "QUEUED"), waiting(3, 2, "QUEUED"))),
        (Entered("e2", "Deploy"), Started("e2", "Deploy", "Ship")),
    ),
    (
        "parallel executions share a stage",
        Board((inside(1, 2, "PARALLEL", Ship=BUSY), waiting(2, 2, "PARALLEL"))),
        (Entered("e2", "Deploy"), Started("e2", "Deploy", "Ship")),
    ),
    ("a disabled inbound transition holds", Board((waiting(1, 2),), frozenset({"Deploy"})), ()),
    ("a disabled outbound transition holds", Board((waiting(1, 2),), frozenset(), frozenset({"Build"})), ()),
    (
        "a disabled transition holds in parallel mode too",
        Board((waiting(1, 2, "PARALLEL"),), frozenset({"Deploy"})),
        (),
    ),
    (
        "at a disabled transition the newest waits",
        Board((waiting(1, 2), waiting(2, 2)), frozenset({"Deploy"})),
        (Ended("e1", "Superseded", "e2"),),
    ),
    (
        "a step starts when the one before it has succeeded",
        Board((inside(1, 1, Compile=OK, Lint=OK),)),
        (Started("e1", "Build", "Package"),),
    ),
    ("a step waits for all of the one before it", Board((inside(1, 1, Compile=OK, Lint=BUSY),)), ()),
    (
        "a stage that is done passes its execution on",
        Board((inside(1, 1, Compile=OK, Lint=OK, Package=OK),)),
        (
            StageEnded("e1", "Build", "Succeeded"),
            Arrived("e1", "Deploy"),
            Entered("e1", "Deploy"),
            Started("e1", "Deploy", "Ship"),
        ),
    ),
    (
        "the last stage ends the execution",
        Board((inside(1, 2, Ship=OK),)),
        (StageEnded("e1", "Deploy", "Succeeded"), Ended("e1", "Succeeded")),
    ),
    ("a failure lets the running ones end", Board((inside(1, 1, Compile=BAD, Lint=BUSY),)), ()),
    (
        "a failure starts nothing more and fails stage and execution",
        Board((inside(1, 1, Compile=BAD, Lint=OK),)),
        (StageEnded("e1", "Build", "Failed"), Ended("e1", "Failed")),
    ),
    (
        "a failure frees the stage for who waits",
        Board((inside(1, 2, Ship=BAD), waiting(2, 2))),
        (
            StageEnded("e1", "Deploy", "Failed"),
            Ended("e1", "Failed"),
            Entered("e2", "Deploy"),
            Started("e2", "Deploy", "Ship"),
        ),
    ),
    (
        "a stopping execution waits for what runs",
        Board((replace(inside(1, 1, Compile=BUSY, Lint=OK), stopping=True),)),
        (),
    ),
    (
        "a stopping execution ends when nothing runs, and starts nothing",
        Board((replace(inside(1, 1, Compile=OK, Lint=OK), stopping=True),)),
        (StageEnded("e1", "Build", "Stopped"), Ended("e1", "Stopped")),
    ),
    (
        "abandoning drops what runs at once",
        Board((replace(inside(1, 1, Compile=BUSY, Lint=OK), stopping=True, abandon=True),)),
        (
            Dropped("e1", "Build", "Compile", "compile"),
            StageEnded("e1", "Build", "Stopped"),
            Ended("e1", "Stopped"),
        ),
    ),
    (
        "who waits before a stage is stopped at once",
        Board((replace(waiting(1, 1), stopping=True),), frozenset({"Build"})),
        (Ended("e1", "Stopped"),),
    ),
    (
        "who is being stopped supersedes nobody",
        Board((waiting(1, 1), replace(waiting(2, 1), stopping=True)), frozenset({"Build"})),
        (Ended("e2", "Stopped"),),
    ),
]


@pytest.mark.parametrize(("board", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_rule(board: Board, expected: tuple[Change, ...]) -> None:
    assert decide(board, 0) == expected


def test_an_action_fails_when_its_time_is_up_and_not_before() -> None:
    execution = Execution("e1", 1, "SUPERSEDED", STAGES, 2, True, attempts={"Ship": Attempt("a", BUSY, 100)})
    assert decide(Board((execution,)), 99) == ()
    assert decide(Board((execution,)), 100) == (
        TimedOut("e1", "Deploy", "Ship", "a"),
        StageEnded("e1", "Deploy", "Failed"),
        Ended("e1", "Failed"),
    )


def test_executions_of_two_modes_share_the_lock_of_a_stage() -> None:
    board = Board((inside(1, 2, "QUEUED", Ship=BUSY), waiting(2, 2, "SUPERSEDED")))
    assert decide(board, 0) == ()
