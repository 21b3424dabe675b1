"""What happens next in a pipeline: pure rules from a board and the time to a list of changes.

1. A stage holds one execution at a time: from entry until all its actions succeeded, or one failed and none is still
   in progress, or it was stopped. Executions in PARALLEL mode have no locks.
2. The others wait before the stage. SUPERSEDED: the newest waiter stays, older waiters are superseded; one that is
   inside a stage never is. QUEUED: they go in, in the order in which they were started.
3. Nobody passes a disabled transition; who waits there is under rule 2.
4. Inside, the actions of the lowest runOrder that is not done run together; a failure starts nothing more.
5. Stopping starts nothing more: the execution is stopped when its running actions ended, or at once, abandoning them.

`decide` runs the rules until nothing more follows, so one reconciliation does all that is possible now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from codeyard.services.codepipeline.model.state import (
    ABANDONED,
    FAILED,
    RUNNING,
    SUCCEEDED,
    Arrived,
    Attempt,
    Board,
    Change,
    Dropped,
    Ended,
    Entered,
    Execution,
    StageEnded,
    Started,
    TimedOut,
)


def decide(board: Board, now: int) -> tuple[Change, ...]:
    """Every change that follows from the board at this time, in order; empty when there is nothing to do."""
    changes: list[Change] = []
    while step := _step(board, now):
        changes.extend(step)
        for change in step:
            board = evolve(board, change)
    return tuple(changes)


def _step(board: Board, now: int) -> tuple[Change, ...]:
    for execution in board.executions:
        changes = _inside(execution, now) if execution.inside else _outside(execution)
        if changes:
            return changes
    for stage in dict.fromkeys(e.stage.name for e in board.executions if not e.inside):
        if changes := _gate(board, stage):
            return changes
    return ()


def _outside(execution: Execution) -> tuple[Change, ...]:
    return (Ended(execution.id, "Stopped"),) if execution.stopping else ()


def _inside(execution: Execution, now: int) -> tuple[Change, ...]:
    late = tuple(_overdue(execution, now))
    if late:
        return late
    if execution.stopping:
        return _stop(execution)
    attempts = (execution.attempts or {}).values()
    if any(a.status in (FAILED, ABANDONED) for a in attempts):
        return () if execution.running() else _leave(execution, "Failed")
    return _advance(execution)


def _overdue(execution: Execution, now: int) -> Iterator[Change]:
    for name, attempt in execution.running():
        if attempt.deadline and attempt.deadline <= now:
            yield TimedOut(execution.id, execution.stage.name, name, attempt.id)


def _stop(execution: Execution) -> tuple[Change, ...]:
    running = execution.running()
    if running and not execution.abandon:
        return ()
    dropped = tuple(Dropped(execution.id, execution.stage.name, name, a.id) for name, a in running)
    return (*dropped, *_leave(execution, "Stopped"))


def _leave(execution: Execution, status: str) -> tuple[Change, ...]:
    end: StageEnded
    if status == "Failed":
        end = StageEnded(execution.id, execution.stage.name, "Failed")
        return (end, Ended(execution.id, "Failed"))
    end = StageEnded(execution.id, execution.stage.name, "Stopped")
    return (end, Ended(execution.id, "Stopped"))


def _advance(execution: Execution) -> tuple[Change, ...]:
    stage = execution.stage
    for group in stage.groups:
        missing = tuple(Started(execution.id, stage.name, n) for n in group if execution.attempt(n) is None)
        if missing:
            return missing
        if any((a := execution.attempt(n)) is None or a.status != SUCCEEDED for n in group):
            return ()
    done = StageEnded(execution.id, stage.name, "Succeeded")
    if execution.position + 1 == len(execution.stages):
        return (done, Ended(execution.id, "Succeeded"))
    return (done, Arrived(execution.id, execution.stages[execution.position + 1].name))


def _gate(board: Board, stage: str) -> tuple[Change, ...]:
    waiting = board.waiting(stage)
    superseded = _supersede(waiting)
    if superseded:
        return superseded
    for execution in waiting:
        if execution.mode == "PARALLEL" and board.open(execution):
            return (Entered(execution.id, stage),)
    locked = [e for e in waiting if e.mode != "PARALLEL"]
    if locked and board.holder(stage) is None and board.open(locked[0]):
        return (Entered(locked[0].id, stage),)
    return ()


def _supersede(waiting: tuple[Execution, ...]) -> tuple[Change, ...]:
    rivals = [e for e in waiting if e.mode == "SUPERSEDED"]
    if len(rivals) < 2:
        return ()
    newest = rivals[-1]
    return tuple(Ended(e.id, "Superseded", by=newest.id) for e in rivals[:-1])


def evolve(board: Board, change: Change) -> Board:
    """The board after a change."""
    if isinstance(change, Ended):
        return board.drop(change.execution)
    return board.put(_moved(board.find(change.execution), change))


def _moved(execution: Execution, change: Change) -> Execution:
    match change:
        case Entered():
            return replace(execution, inside=True, attempts={})
        case Arrived():
            return replace(execution, position=execution.position + 1)
        case StageEnded():
            return replace(execution, inside=False, attempts={})
        case Started(action=action):
            return _with(execution, action, Attempt("", RUNNING))
        case TimedOut(action=action, attempt=attempt):
            return _with(execution, action, Attempt(attempt, FAILED))
        case Dropped(action=action, attempt=attempt):
            return _with(execution, action, Attempt(attempt, ABANDONED))
        case Ended():  # pragma: no cover - evolve drops it
            return execution


def _with(execution: Execution, action: str, attempt: Attempt) -> Execution:
    return replace(execution, attempts={**(execution.attempts or {}), action: attempt})
