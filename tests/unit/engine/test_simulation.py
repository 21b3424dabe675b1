"""Seeded histories of the engine: lost wake-ups, duplicates, failures and crashes between any two steps.

The model: each event must lead to its delivery, each delivery to a mark, each mark to the account being brought up to
date. Whatever the seed does in between, once the world is left alone everything that was answered has happened.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from codeyard.engine import crash
from codeyard.storage import Key, Tx, schema
from codeyard.storage.system import dirty, effects, jobs, outbox, timers
from tests.unit.engine.bench import World

ledger = sa.Table(
    "test_ledger",
    schema,
    sa.Column("account", Key(), primary_key=True),
    sa.Column("wanted", sa.BigInteger, nullable=False),
    sa.Column("settled", sa.BigInteger, nullable=False),
)
received = sa.Table("test_received", schema, sa.Column("token", Key(), primary_key=True))


class Crashed(BaseException):
    """The process died here."""


class Sim(World):
    """Accounts that deliveries credit and reconcilers settle; `chance` of trouble at every step."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.chance = 0.15
        super().__init__(
            folder, reconcilers={"sim.settle": self.settle_account}, effects={"sim.deliver": self.deliver}, seed=seed
        )
        self.kit.outbox.register(self.fan_out)

    def trouble(self) -> None:
        """Sometimes fail, sometimes die."""
        roll = self.random.random()
        if roll < self.chance / 2:
            raise OSError("trouble")
        if roll < self.chance:
            raise Crashed

    def fan_out(self, tx: Tx, event: Any) -> None:
        self.trouble()
        tx.effect("sim.deliver", event.id, {"account": event.detail["account"]})

    def deliver(self, token: str, payload: dict[str, Any]) -> None:
        self.trouble()
        self.db.write(lambda tx: self._credit(tx, token, payload["account"]))
        self.trouble()

    def _credit(self, tx: Tx, token: str, account: str) -> None:
        if tx.one(sa.select(received).where(received.c.token == token)) is not None:
            return
        tx.insert(received, token=token)
        row = tx.one(sa.select(ledger).where(ledger.c.account == account))
        tx.upsert(
            ledger,
            {"account": account},
            {"wanted": (row.wanted if row else 0) + 1, "settled": row.settled if row else 0},
        )
        if self.random.random() < 0.5:
            tx.dirty("sim.settle", account)
        else:
            tx.timer("sim.settle", account, self.clock.now() + self.random.randrange(3_000_000))

    def settle_account(self, account: str) -> None:
        self.trouble()
        row = self.db.read(lambda tx: tx.one(sa.select(ledger).where(ledger.c.account == account)))
        assert row is not None
        same = sa.and_(ledger.c.account == account, ledger.c.settled == row.settled)
        done = sa.update(ledger).where(same).values(settled=row.wanted)
        self.db.write(lambda tx: tx.execute(done) and None)
        self.trouble()

    def step(self) -> None:
        """Take one lane's keys, in the seed's order, and run them; a crash leaves them as a dead process would."""
        lane = self.random.choice(self.engine._lanes)
        keys = lane.take(self.random.randrange(1, 4))
        try:
            for key in keys:
                lane.run(key)
        except Crashed:
            pass
        finally:
            lane.drop(keys)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_between_the_steps_everything_answered_comes_about(tmp_path: Path, seed: int) -> None:
    sim = Sim(tmp_path, seed)
    sent = 0
    for _ in range(120):
        if sim.random.random() < 0.3:
            sim.emit(account=f"a{sim.random.randrange(3)}")
            sent += 1
        sim.step()
        if sim.random.random() < 0.3:
            sim.clock.advance(sim.random.random() * 2)
    sim.chance = 0
    for _ in range(60):
        sim.engine.settle()
        sim.clock.advance(10)
    rows = sim.db.read(lambda tx: tx.all(sa.select(ledger)))
    assert sum(row.wanted for row in rows) == sent
    assert all(row.settled == row.wanted for row in rows)
    left = [sim.db.read(lambda tx, t=table: tx.all(sa.select(t))) for table in (outbox, dirty, timers, jobs)]
    assert left == [[], [], [], []]
    states = {row.state for row in sim.db.read(lambda tx: tx.all(sa.select(effects)))}
    assert states <= {"done"}
    sim.close()


def test_every_gap_of_the_engine_has_a_named_crash_point() -> None:
    assert {name for name in crash.POINTS if name.startswith("engine.")} == {
        "engine.outbox.fanned_out",
        "engine.effect.called",
        "engine.timer.fired",
        "engine.reconciler.ran",
        "engine.job.claimed",
        "engine.job.lapsed",
    }
