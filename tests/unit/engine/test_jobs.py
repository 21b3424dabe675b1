"""The leased job protocol, on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from codeyard.engine import StaleFence
from tests.unit.engine.bench import World

LEASE = 10_000_000


class Yard(World):
    """A world whose lapsed jobs are noted and, when told so, offered again."""

    def __init__(self, folder: Path, url: str) -> None:
        self.lapsed: list[str] = []
        self.again = False
        super().__init__(folder, url=url, lapsed={"builds": self._rule})

    def _rule(self, job_id: str) -> None:
        self.lapsed.append(job_id)
        if self.again:
            self.offer(job_id)

    def offer(self, job_id: str, queue: str = "builds") -> None:
        self.db.write(lambda tx: tx.job(queue, job_id, {"id": job_id}))


@pytest.fixture
def yard(database_url: str, tmp_path: Path) -> Iterator[Yard]:
    made = Yard(tmp_path, database_url)
    yield made
    made.close()


def test_jobs_are_claimed_in_the_order_of_their_offer_from_the_queues_named(yard: Yard) -> None:
    for job_id in ("b", "a"):
        yard.offer(job_id)
        yard.clock.advance(1)
    yard.offer("other", queue="deployments")
    claimed = [yard.jobs.claim(["builds"], "w", LEASE) for _ in range(3)]
    assert [job.id if job else None for job in claimed] == ["b", "a", None]
    assert claimed[0] is not None
    assert claimed[0].payload == {"id": "b"}


def test_a_job_is_claimed_by_one_worker_only(yard: Yard) -> None:
    for number in range(10):
        yard.offer(f"j{number}")
    with ThreadPoolExecutor(4) as pool:
        claims = list(pool.map(lambda _: yard.jobs.claim(["builds"], "w", LEASE), range(14)))
    won = [job.id for job in claims if job is not None]
    assert sorted(won) == [f"j{number}" for number in range(10)]


def test_offering_a_job_that_is_queued_or_leased_changes_nothing(yard: Yard) -> None:
    yard.offer("a")
    yard.offer("a")
    job = yard.jobs.claim(["builds"], "w", LEASE)
    assert job is not None
    yard.offer("a")
    assert yard.jobs.claim(["builds"], "w", LEASE) is None
    yard.jobs.heartbeat("a", job.fence, LEASE)


def test_waiting_for_a_job_ends_with_its_offer(yard: Yard) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(yard.jobs.claim, ["builds"], "w", LEASE, 3600.0)
        yard.offer("a")
        job = waiting.result(60)
    assert job is not None
    assert job.id == "a"


def test_waiting_for_a_job_ends_when_the_server_stops(yard: Yard) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(yard.jobs.claim, ["builds"], "w", LEASE, 3600.0)
        threading.Event().wait(0.05)
        yard.jobs.close()
        assert waiting.result(60) is None


def test_a_heartbeat_keeps_the_lease(yard: Yard) -> None:
    yard.offer("a")
    job = yard.jobs.claim(["builds"], "w", LEASE)
    assert job is not None
    for _ in range(5):
        yard.clock.advance(8)
        yard.jobs.heartbeat("a", job.fence, LEASE)
        yard.engine.settle()
    assert yard.lapsed == []
    yard.jobs.finish("a", job.fence)


@pytest.mark.parametrize("again", [False, True])
def test_a_lapsed_lease_voids_the_fence_and_asks_the_rule_once(yard: Yard, again: bool) -> None:
    yard.again = again
    yard.offer("a")
    job = yard.jobs.claim(["builds"], "w1", LEASE)
    assert job is not None
    yard.clock.advance(11)
    yard.engine.settle()
    yard.engine.settle()
    assert yard.lapsed == ["a"]
    with pytest.raises(StaleFence):
        yard.jobs.heartbeat("a", job.fence, LEASE)
    second = yard.jobs.claim(["builds"], "w2", LEASE)
    assert (second is not None) is again
    if second is not None:
        assert second.fence > job.fence
        with pytest.raises(StaleFence):
            yard.jobs.finish("a", job.fence)
        yard.jobs.finish("a", second.fence)


def test_a_rule_that_fails_is_asked_again(yard: Yard) -> None:
    yard.offer("a")
    assert yard.jobs.claim(["builds"], "w", LEASE) is not None
    original, calls = yard._rule, []

    def failing(job_id: str) -> None:
        calls.append(job_id)
        if len(calls) == 1:
            raise OSError
        original(job_id)

    lane = yard.engine._lanes[-1]
    lane.work._rules = {"builds": failing}  # type: ignore[attr-defined]
    yard.clock.advance(11)
    yard.engine.settle()
    yard.clock.advance(6)
    yard.engine.settle()
    assert calls == ["a", "a"]
    assert yard.lapsed == ["a"]


def test_a_queue_without_a_rule_offers_its_lapsed_jobs_again(yard: Yard) -> None:
    yard.offer("a", queue="free")
    assert yard.jobs.claim(["free"], "w", LEASE) is not None
    yard.clock.advance(11)
    yard.engine.settle()
    assert yard.jobs.claim(["free"], "w", LEASE) is not None


def test_a_finished_job_cannot_be_finished_or_kept_alive_again(yard: Yard) -> None:
    yard.offer("a")
    job = yard.jobs.claim(["builds"], "w", LEASE)
    assert job is not None
    yard.jobs.finish("a", job.fence)
    for call in (lambda: yard.jobs.finish("a", job.fence), lambda: yard.jobs.heartbeat("a", job.fence, LEASE)):
        with pytest.raises(StaleFence):
            call()


def test_a_stale_fence_undoes_the_write_it_stands_in(yard: Yard) -> None:
    yard.offer("a")
    with pytest.raises(StaleFence):
        yard.db.write(lambda tx: [tx.job("builds", "b", {}), yard.jobs.finish_in(tx, "a", 1)])
    job = yard.jobs.claim(["builds"], "w", LEASE)
    assert job is not None
    assert job.id == "a"
    assert yard.jobs.claim(["builds"], "w", LEASE) is None


def test_a_withdrawn_job_is_not_claimed_and_its_holder_is_told(yard: Yard) -> None:
    yard.offer("a")
    yard.offer("b")
    job = yard.jobs.claim(["builds"], "w", LEASE)
    assert job is not None
    yard.db.write(lambda tx: [tx.withdraw_job("a"), tx.withdraw_job("b")])
    assert yard.jobs.claim(["builds"], "w", LEASE) is None
    with pytest.raises(StaleFence):
        yard.jobs.heartbeat("a", job.fence, LEASE)


def test_leases_get_a_grace_when_the_server_comes_back(yard: Yard) -> None:
    yard.offer("a")
    job = yard.jobs.claim(["builds"], "w", LEASE)
    assert job is not None
    yard.clock.advance(600)
    yard.jobs.extend_all(30_000_000)
    yard.engine.settle()
    assert yard.lapsed == []
    yard.jobs.heartbeat("a", job.fence, LEASE)
