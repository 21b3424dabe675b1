"""The reconciler: loads a pipeline's live executions as a board, lets the rules decide, writes what they decided.

Load, decision and writing are one transaction, so two reconcilers cannot act on the same state. Whatever changes a
pipeline (a start, a stop, an approval, a finished action) calls `advance` in its own write: there is no gap in which
something is known but not acted on. Timers and the sweep at start only find what time itself changed.
"""

from __future__ import annotations

from codeyard.contract import Clock, Ids
from codeyard.services.codepipeline.apply import OBSERVE, Writer
from codeyard.services.codepipeline.decide import decide
from codeyard.services.codepipeline.model.definition import Definition
from codeyard.services.codepipeline.model.state import Attempt, Board, Execution, Stage
from codeyard.services.codepipeline.store import actions, executions, pipelines
from codeyard.storage import Database, Row, Tx

PIPELINE = "codepipeline.pipeline"


class Engine:
    """Drives every pipeline of this server."""

    def __init__(self, db: Database, clock: Clock, ids: Ids) -> None:
        self.db, self.clock, self.ids = db, clock, ids

    def reconcile(self, uid: str) -> None:
        """Do all that follows now from the pipeline's state."""
        now = self.clock.now()
        self.db.write(lambda tx: self.advance(tx, uid, now))

    def deadline(self, run_id: str) -> None:
        """An action's time may be up: look at its pipeline."""
        run = self.db.read(lambda tx: actions.get(tx, run_id))
        if run is not None and run.status == "InProgress":
            self.reconcile(run.uid)

    def advance(self, tx: Tx, uid: str, now: int) -> None:
        """Decide and write, inside a transaction that changed the pipeline."""
        pipeline = pipelines.by_uid(tx, uid)
        if pipeline is None:
            return
        writer = Writer(tx, pipeline, self.ids, now)
        for change in decide(load_board(writer), now):
            writer.apply(change)

    def sweep(self) -> None:
        """At start: look at everything that is in progress, whatever was missed."""

        def mark(tx: Tx) -> None:
            for uid in executions.live_uids(tx):
                tx.dirty(PIPELINE, uid)
            for run in actions.running(tx):
                tx.dirty(OBSERVE, run.id)

        self.db.write(mark)


def load_board(writer: Writer) -> Board:
    """The board of a pipeline."""
    tx, uid = writer.tx, writer.pipeline.uid
    live = tuple(_execution(writer, row) for row in executions.live(tx, uid))
    closed = [t for t in pipelines.all_transitions(tx, uid) if not t.enabled]
    return Board(
        live,
        frozenset(t.stage for t in closed if t.side == "Inbound"),
        frozenset(t.stage for t in closed if t.side == "Outbound"),
    )


def _execution(writer: Writer, row: Row) -> Execution:
    stages = plan(writer.definition(row.version))
    if row.rolls_back_to:  # of one stage alone
        stages = stages[: row.position + 1]
    runs = actions.current(writer.tx, row.id, stages[row.position].name) if row.inside else []
    return Execution(
        id=row.id,
        number=row.number,
        mode=row.mode,
        stages=stages,
        position=row.position,
        inside=bool(row.inside),
        stopping=bool(row.stopping),
        abandon=bool(row.abandon),
        attempts={r.action: Attempt(r.id, r.status, r.deadline) for r in runs},
    )


def plan(definition: Definition) -> tuple[Stage, ...]:
    """The stages as the rules see them: action names grouped by runOrder."""
    stages = []
    for stage in definition.stages:
        orders = sorted({a.run_order for a in stage.actions})
        groups = tuple(tuple(a.name for a in stage.actions if a.run_order == o) for o in orders)
        stages.append(Stage(stage.name, groups))
    return tuple(stages)
