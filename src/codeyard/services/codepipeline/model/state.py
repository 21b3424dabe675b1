"""A pipeline's live executions as the rules see them. Frozen: a change gives a new board.

An execution stands at one stage, either `inside` (it holds the stage's lock) or before its gate. Executions that have
ended are not on the board.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

RUNNING, SUCCEEDED, FAILED, ABANDONED = "InProgress", "Succeeded", "Failed", "Abandoned"
STOPPED, STOPPING, SUPERSEDED = "Stopped", "Stopping", "Superseded"

StageEnd = Literal["Succeeded", "Failed", "Stopped"]
ExecutionEnd = Literal["Succeeded", "Failed", "Stopped", "Superseded"]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage's plan: action names by runOrder, lowest first."""

    name: str
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """The current attempt of one action: its status, and when its time is up (0: never)."""

    id: str
    status: str
    deadline: int = 0


@dataclass(frozen=True, slots=True)
class Execution:
    """One live execution: where it stands and the attempts of the stage that it is in."""

    id: str
    number: int
    mode: str
    stages: tuple[Stage, ...]
    position: int = 0
    inside: bool = False
    stopping: bool = False
    abandon: bool = False
    attempts: Mapping[str, Attempt] | None = None

    @property
    def stage(self) -> Stage:
        """The stage that it is in, or stands before."""
        return self.stages[self.position]

    def attempt(self, action: str) -> Attempt | None:
        """The current attempt of an action of its stage."""
        return (self.attempts or {}).get(action)

    def running(self) -> tuple[tuple[str, Attempt], ...]:
        """The actions that are in progress."""
        return tuple((n, a) for n, a in (self.attempts or {}).items() if a.status == RUNNING)


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that the rules need: the live executions, oldest first, and the closed transitions."""

    executions: tuple[Execution, ...] = ()
    closed_inbound: frozenset[str] = frozenset()
    closed_outbound: frozenset[str] = frozenset()

    def find(self, execution_id: str) -> Execution:
        """The live execution of that id."""
        return next(e for e in self.executions if e.id == execution_id)

    def open(self, execution: Execution) -> bool:
        """Whether the transition into the execution's next stage is enabled, on both of its sides."""
        before = execution.stages[execution.position - 1].name if execution.position else ""
        return execution.stage.name not in self.closed_inbound and before not in self.closed_outbound

    def holder(self, stage: str) -> Execution | None:
        """Who holds the stage's lock; executions in PARALLEL mode neither take nor respect locks."""
        return next((e for e in self.executions if e.inside and e.mode != "PARALLEL" and e.stage.name == stage), None)

    def waiting(self, stage: str) -> tuple[Execution, ...]:
        """Who stands before the stage and wants in, oldest first."""
        return tuple(e for e in self.executions if not e.inside and not e.stopping and e.stage.name == stage)

    def put(self, execution: Execution) -> Board:
        """The board with this execution's new state."""
        return replace(self, executions=tuple(execution if e.id == execution.id else e for e in self.executions))

    def drop(self, execution_id: str) -> Board:
        """The board without an execution that has ended."""
        return replace(self, executions=tuple(e for e in self.executions if e.id != execution_id))


@dataclass(frozen=True, slots=True)
class Entered:
    """The execution took the stage's lock."""

    execution: str
    stage: str


@dataclass(frozen=True, slots=True)
class Started:
    """A new attempt of an action begins."""

    execution: str
    stage: str
    action: str


@dataclass(frozen=True, slots=True)
class TimedOut:
    """An attempt ran out of its time: it fails."""

    execution: str
    stage: str
    action: str
    attempt: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """A running attempt is abandoned, because its execution is stopped that way."""

    execution: str
    stage: str
    action: str
    attempt: str


@dataclass(frozen=True, slots=True)
class StageEnded:
    """The execution left the stage, and its lock with it."""

    execution: str
    stage: str
    status: StageEnd


@dataclass(frozen=True, slots=True)
class Arrived:
    """The execution stands before its next stage."""

    execution: str
    stage: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The execution is over."""

    execution: str
    status: ExecutionEnd
    by: str = ""


Change = Entered | Started | TimedOut | Dropped | StageEnded | Arrived | Ended
