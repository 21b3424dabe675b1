"""A world for the pure rules: what is durable, what is in flight, and what may go wrong between the two.

Durable: executions, attempts, closed transitions, effects that were asked for. Lost at a crash: wake-ups, and what a
call outside was about to record. Every history is made by one seed; `check` holds the invariants after every write.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from codeyard.services.codepipeline.decide import decide, evolve
from codeyard.services.codepipeline.model.state import (
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
    Stage,
    StageEnded,
    Started,
    TimedOut,
)

STAGES = (
    Stage("Source", (("Code", "Data"),)),
    Stage("Build", (("Compile", "Lint"), ("Package",))),
    Stage("Approve", (("Ask",),)),
    Stage("Deploy", (("Ship",), ("Probe",))),
)
NAMES = tuple(stage.name for stage in STAGES)
TIMEOUT = 50


@dataclass
class Work:
    """Work outside for one attempt. `calls` counts how often it was really begun."""

    execution: str
    action: str
    calls: int = 0
    outcome: str = ""


@dataclass
class Past:
    """An execution that ended, as its rows remember it."""

    execution: Execution
    status: str


@dataclass
class BoardWorld:
    """One pipeline's history under one seed."""

    seed: int
    rng: random.Random = field(init=False)
    board: Board = field(default_factory=Board)
    now: int = 0
    numbers: int = 0
    attempts: int = 0
    past: dict[str, Past] = field(default_factory=dict)
    entered: dict[str, list[str]] = field(default_factory=dict)
    effects: list[str] = field(default_factory=list)
    work: dict[str, Work] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    mode: str = "SUPERSEDED"

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.mode = self.rng.choice(("SUPERSEDED", "SUPERSEDED", "QUEUED", "PARALLEL"))

    # What users do

    def start(self) -> None:
        """Start an execution."""
        if len(self.board.executions) >= 8:
            return
        self.numbers += 1
        new = Execution(f"e{self.numbers}", self.numbers, self.mode, STAGES)
        self.board = replace(self.board, executions=(*self.board.executions, new))
        self.write()

    def switch_mode(self) -> None:
        """Change the pipeline's mode: executions keep the one they were started in."""
        self.mode = self.rng.choice(("SUPERSEDED", "QUEUED", "PARALLEL"))

    def close(self) -> None:
        """Disable a transition."""
        self._set_transition(closed=True)

    def open(self) -> None:
        """Enable a transition."""
        self._set_transition(closed=False)

    def _set_transition(self, *, closed: bool) -> None:
        side = self.rng.choice(("closed_inbound", "closed_outbound"))
        stage, now = self.rng.choice(NAMES), getattr(self.board, side)
        changed = now | {stage} if closed else now - {stage}
        self.board = replace(self.board, **{side: changed})
        self.write()

    def stop(self) -> None:
        """Stop an execution, waiting or abandoning."""
        if self.board.executions:
            found = self.rng.choice(self.board.executions)
            abandon = found.abandon or self.rng.random() < 0.5
            self.board = self.board.put(replace(found, stopping=True, abandon=abandon))
            self.write()

    def retry(self) -> None:
        """Retry the stage of an execution that failed or was stopped in it, where AWS lets one."""
        inside = [p for p in self.past.values() if p.status in ("Failed", "Stopped") and p.execution.attempts]
        if not inside:
            return
        found = self.rng.choice(inside).execution
        if found.mode != "PARALLEL" and self.entered[found.stage.name][-1] != found.id:
            return
        kept = {n: a for n, a in (found.attempts or {}).items() if a.status == SUCCEEDED}
        kept = kept if self.rng.random() < 0.5 else {}
        del self.past[found.id]
        again = replace(found, inside=True, stopping=False, abandon=False, attempts=kept)
        everyone = sorted((*self.board.executions, again), key=lambda e: e.number)
        self.board = replace(self.board, executions=tuple(everyone))
        self.write()

    # What happens outside

    def deliver(self) -> None:
        """Call an effect: at least once, sometimes dying before it is closed, so that it comes again."""
        if not self.effects:
            return
        attempt = self.rng.choice(self.effects)
        work = self.work[attempt]
        current = self._current(attempt)
        if current is not None and current.status == RUNNING:
            work.calls = 1
        if self.rng.random() < 0.7:
            self.effects.remove(attempt)

    def progress(self) -> None:
        """Some begun work ends; its event is told, told twice, or lost."""
        begun = [a for a, w in self.work.items() if w.calls and not w.outcome]
        if begun:
            attempt = self.rng.choice(begun)
            self.work[attempt].outcome = FAILED if self.rng.random() < 0.1 else SUCCEEDED
            self.told.extend([attempt] * self.rng.choice((0, 1, 1, 2)))

    def hear(self) -> None:
        """An event arrives, in any order: the real state is read and written."""
        if self.told:
            self.observe(self.told.pop(self.rng.randrange(len(self.told))))

    def observe(self, attempt: str) -> None:
        """Read how an attempt's work stands and write it; one that is over already is left alone."""
        work, current = self.work[attempt], self._current(attempt)
        if work.outcome and current is not None and current.status == RUNNING:
            execution = self.board.find(work.execution)
            attempts = {**(execution.attempts or {}), work.action: replace(current, status=work.outcome)}
            self.board = self.board.put(replace(execution, attempts=attempts))
            self.write()

    def pass_time(self) -> None:
        """The clock moves; a timer may be late."""
        self.now += self.rng.randint(1, TIMEOUT)

    def sweep(self) -> None:
        """The safety net: look at everything."""
        for attempt in list(self.work):
            self.observe(attempt)
        self.write()

    def crash(self) -> None:
        """The server dies: what was only in flight is lost; at start everything is looked at."""
        self.told.clear()
        self.sweep()

    def _current(self, attempt: str) -> Attempt | None:
        work = self.work[attempt]
        for execution in self.board.executions:
            if execution.id == work.execution:
                found = execution.attempt(work.action)
                return found if found is not None and found.id == attempt else None
        return None

    # The write, and what must always hold

    def write(self) -> None:
        """One transaction: decide, apply, check after every change."""
        before = self.board
        for change in decide(before, self.now):
            self._check_change(change)
            self._apply(change)
            self._check_board()
        assert decide(self.board, self.now) == (), "the rules had not finished"

    def _apply(self, change: Change) -> None:
        held = next((e for e in self.board.executions if e.id == change.execution), None)
        assert held is not None, f"{change} is about an execution that has ended"
        self.board = evolve(self.board, change)
        match change:
            case Started(execution=execution, action=action):
                self._begin(execution, action)
            case Entered(execution=execution, stage=stage):
                self.entered.setdefault(stage, []).append(execution)
            case Ended(execution=execution, status=status):
                self.past[execution] = Past(self._last.pop(execution, held), status)
            case StageEnded(execution=execution, status=status) if status != SUCCEEDED:
                self._last[execution] = replace(held, inside=False)
            case _:
                pass

    def _begin(self, execution_id: str, action: str) -> None:
        self.attempts += 1
        attempt = f"a{self.attempts}"
        execution = self.board.find(execution_id)
        fresh = Attempt(attempt, RUNNING, self.now + TIMEOUT * 4)
        self.board = self.board.put(replace(execution, attempts={**(execution.attempts or {}), action: fresh}))
        self.work[attempt] = Work(execution_id, action)
        self.effects.append(attempt)

    @property
    def _last(self) -> dict[str, Execution]:
        return self.__dict__.setdefault("_last_states", {})

    def _check_change(self, change: Change) -> None:
        execution = self.board.find(change.execution)
        match change:
            case Entered():
                self._check_entry(execution)
            case Started(action=action):
                assert execution.inside, "an action starts outside its stage"
                assert execution.attempt(action) is None, "an action starts twice for one attempt"
                assert not execution.stopping, "an action starts in an execution that is being stopped"
                self._check_order(execution, action)
            case Ended(status="Superseded", by=by):
                newer = self.board.find(by)
                assert not execution.inside, "an execution is superseded inside a stage"
                assert newer.number > execution.number, "an execution is superseded by an older one"
                assert execution.mode == newer.mode == "SUPERSEDED", "only SUPERSEDED mode supersedes"
                assert newer.stage.name == execution.stage.name, "superseded by one that waits elsewhere"
            case TimedOut(action=action):
                attempt = execution.attempt(action)
                assert attempt is not None, "what timed out was never started"
                assert attempt.deadline <= self.now, "an action times out before its time"
            case Dropped():
                assert execution.abandon, "an action is abandoned that nobody abandoned"
            case StageEnded(status=status):
                assert not execution.running() or status == "Stopped", "a stage ends under a running action"
            case Arrived() | Ended():
                assert not execution.inside, "an execution leaves without ending its stage"

    def _check_entry(self, execution: Execution) -> None:
        board, stage = self.board, execution.stage
        before = STAGES[execution.position - 1].name if execution.position else ""
        assert stage.name not in board.closed_inbound, "someone passes a transition that is disabled"
        assert before not in board.closed_outbound, "someone passes a transition that is disabled"
        if execution.mode == "PARALLEL":
            return
        assert board.holder(stage.name) is None, "two executions hold one stage"
        older = [e for e in board.waiting(stage.name) if e.mode == "QUEUED" and e.number < execution.number]
        assert not (older and execution.mode == "QUEUED"), "the queue is overtaken"

    @staticmethod
    def _check_order(execution: Execution, action: str) -> None:
        groups = execution.stage.groups
        mine = next(i for i, group in enumerate(groups) if action in group)
        for group in groups[:mine]:
            for name in group:
                attempt = execution.attempt(name)
                assert attempt is not None, "an action starts before its runOrder"
                assert attempt.status == SUCCEEDED, "an action starts before its runOrder"

    def _check_board(self) -> None:
        for stage in NAMES:
            inside = [e for e in self.board.executions if e.inside and e.mode != "PARALLEL" and e.stage.name == stage]
            assert len(inside) <= 1, f"{len(inside)} executions hold {stage}"
        numbers = [e.number for e in self.board.executions]
        assert numbers == sorted(numbers), "the order of executions is lost"

    def check_rest(self) -> None:
        """What holds whenever nothing is being written: one waiter a stage, every running action owned."""
        for stage in NAMES:
            waiting = [e for e in self.board.waiting(stage) if e.mode == "SUPERSEDED"]
            assert len(waiting) <= 1, f"{len(waiting)} executions wait for {stage} in SUPERSEDED mode"
        for execution in self.board.executions:
            for _, attempt in execution.running():
                work = self.work[attempt.id]
                assert work.calls or attempt.id in self.effects, "a started action belongs to nobody"
