"""What makes the host commands cheap and safe: the board, the cached registrations, the signer."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from codeyard.services.codedeploy.board import Board
from codeyard.services.codedeploy.store.tables import instances, signers
from tests.unit.services.codedeploy.world import World, user_arn


def certificate(world: World, name: str = "a") -> str:
    return str(world.host("GetSigningCertificate", name, HostIdentifier=user_arn(name))["Certificate"])


def test_idle_polls_do_not_touch_the_database(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.fleet("a")
    assert world.poll("a") is None
    touched: list[str] = []
    for name in ("read", "write"):
        plain = getattr(world.db, name)
        monkeypatch.setattr(world.db, name, lambda fn, plain=plain, name=name: (touched.append(name), plain(fn))[1])
    for _ in range(50):
        assert world.poll("a") is None
    assert touched == []
    world.clock.advance(61)
    world.poll("a")
    assert touched == ["read", "write"]  # the registrations, read anew; last seen, once a minute for all


def test_when_a_host_was_last_heard_of_is_kept(world: World) -> None:
    world.fleet("a", "b")
    world.poll("a")
    world.poll("b")
    world.clock.advance(61)
    world.poll("b")
    rows = world.db.read(lambda tx: tx.all(sa.select(instances.c.name, instances.c.seen_at)))
    seen = {row.name: row.seen_at for row in rows}
    assert seen["a"] is not None
    assert seen["b"] == world.clock.now()


def test_the_signing_key_is_made_once_and_kept_sealed(world: World) -> None:
    world.fleet("a")
    first = certificate(world)
    world.restart()
    assert certificate(world) == first
    row = world.db.read(lambda tx: tx.one(sa.select(signers)))
    assert row is not None
    assert b"RSA" not in row.sealed_key
    with pytest.raises(ValueError):
        world.kit.sealer.open(row.sealed_key, "another")


def test_only_a_registered_host_gets_the_certificate(world: World, refused: Any) -> None:
    world.fleet("a")
    with refused("AccessDeniedException"):
        world.host("GetSigningCertificate", "b", HostIdentifier=user_arn("a"))


def test_an_update_tells_whether_the_command_still_counts(world: World) -> None:
    world.fleet("a")
    world.create()
    command = world.poll("a")
    assert command is not None
    name = {"HostCommandIdentifier": command["HostCommandIdentifier"]}
    world.ack("a", command)
    assert world.host("PostHostCommandUpdate", "a", **name) == {"CommandStatus": "InProgress"}
    world.complete("a", command)
    assert world.host("PostHostCommandUpdate", "a", **name) == {"CommandStatus": "Succeeded"}


def test_a_held_look_is_woken_by_its_own_hosts_mark_only() -> None:
    board, found = Board(), []
    waiting = threading.Thread(target=lambda: found.append(board.look("r", "a", 10)))
    waiting.start()
    board.mark("r", "b")
    waiting.join(0.1)
    assert waiting.is_alive()
    board.mark("r", "a")
    waiting.join(60)
    assert found == [2]


def test_only_so_many_looks_are_held() -> None:
    board = Board(held=1)
    waiting = threading.Thread(target=board.look, args=("r", "a", 3600))
    waiting.start()
    while not board._holding:
        waiting.join(0.001)
    assert board.look("r", "b", 3600) is None, "it does not wait its hour"
    board.mark("r", "a")
    waiting.join(60)


def test_a_newer_mark_is_not_taken_away() -> None:
    board = Board()
    board.mark("r", "a")
    mark = board.look("r", "a")
    assert mark is not None
    board.mark("r", "a")
    board.settle("r", "a", mark)
    newer = board.look("r", "a")
    assert newer is not None
    board.settle("r", "a", newer)
    assert board.look("r", "a") is None
