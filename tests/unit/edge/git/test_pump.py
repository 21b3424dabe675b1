"""The moving parts of the git door."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import IO, Any

import pytest

from codeyard.contract import AwsError
from codeyard.edge.git import pump
from codeyard.edge.git.pump import Answer, Gate, Pump, Spool, patient


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 20))


async def parts(*found: bytes) -> AsyncIterator[bytes]:
    for part in found:
        yield part


async def never() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


async def silent() -> dict[str, Any]:
    await asyncio.Event().wait()
    return {}


async def leaves() -> dict[str, Any]:
    return {"type": "http.disconnect"}


class Sent:
    """What an application sent."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def __call__(self, message: Any) -> None:
        self.messages.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)


class Program:
    """A GitPipe around any program."""

    def __init__(self, *argv: str) -> None:
        self._argv = argv
        self.finished: list[bool] = []

    def start(self) -> tuple[IO[bytes], IO[bytes], IO[bytes] | None]:
        self.process = subprocess.Popen(self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        return self.process.stdin, self.process.stdout, None

    def finish(self, complete: bool) -> bytes:
        self.finished.append(complete)
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return b"!"


def test_a_pump_carries_both_ways_more_than_a_pipe_holds() -> None:
    async def work() -> None:
        sent, program = Sent(), Program("cat")
        data = [bytes([n]) * 300_000 for n in range(20)]
        await Pump(program, parts(*data), silent).run(sent, [("content-type", "x")])
        assert sent.body == b"".join(data) + b"!"
        assert sent.messages[0]["status"] == 200
        assert program.finished == [True]

    run(work())


def test_a_program_that_stops_listening_still_answers() -> None:
    async def work() -> None:
        sent, program = Sent(), Program("sh", "-c", "exec 0<&-; echo enough")
        await Pump(program, parts(bytes(5_000_000)), silent).run(sent, [])
        assert sent.body == b"enough\n!"

    run(work())


def test_a_client_that_leaves_ends_the_program_at_once() -> None:
    async def work() -> None:
        program = Program("sleep", "100")
        with pytest.raises(ConnectionError):
            await Pump(program, parts(b"x"), leaves).run(Sent(), [])
        assert program.finished == [False]
        assert program.process.returncode is not None

    run(work())


def test_a_body_that_breaks_off_ends_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ConnectionError("the client left")

    async def work() -> None:
        program = Program("cat")
        sent = Sent()
        with pytest.raises(ConnectionError):
            await Pump(program, broken(), silent).run(sent, [])
        assert program.finished == [False]

    run(work())


def test_a_client_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump, "STALL_S", 0.05)

    async def stuck(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def work() -> None:
        program = Program("yes")
        with pytest.raises(TimeoutError):
            await Pump(program, parts(), silent).run(stuck, [])
        assert program.finished == [False]

    run(work())


def test_a_client_that_sends_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump, "STALL_S", 0.05)

    async def work() -> None:
        with pytest.raises(TimeoutError):
            async for _ in patient(never()):
                pass

    run(work())


def test_a_gate_lets_so_many_in_and_each_repository_its_share() -> None:
    async def work() -> None:
        gate, inside, most = Gate(3, 2), {"a": 0, "b": 0}, {"a": 0, "b": 0, "all": 0}

        async def visit(name: str) -> None:
            async with gate.enter(name):
                inside[name] += 1
                most[name] = max(most[name], inside[name])
                most["all"] = max(most["all"], sum(inside.values()))
                await asyncio.sleep(0)
                inside[name] -= 1

        await asyncio.gather(*(visit(name) for name in "aabbaabb" * 4))
        assert most == {"a": 2, "b": 2, "all": 3}

    run(work())


def test_a_long_line_is_told_to_come_back() -> None:
    async def work() -> None:
        gate = Gate(1, 1, waiting=1)
        async with gate.enter("a"):
            waiting = asyncio.ensure_future(enter(gate))
            await asyncio.sleep(0)
            with pytest.raises(AwsError) as error:
                await enter(gate)
            assert (error.value.code, error.value.status) == ("ThrottlingException", 429)
        await waiting

    async def enter(gate: Gate) -> None:
        async with gate.enter("a"):
            pass

    run(work())


def test_a_visitor_that_gives_up_leaves_no_place_taken() -> None:
    async def work() -> None:
        gate = Gate(1, 1)

        async def enter() -> None:
            async with gate.enter("a"):
                pass

        async with gate.enter("a"):
            waiting = asyncio.ensure_future(enter())
            await asyncio.sleep(0)
            waiting.cancel()
        await enter()

    run(work())


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_spool_gives_back_what_came_and_leaves_no_file(tmp_path: Path, size: int) -> None:
    async def work() -> None:
        with Spool(tmp_path) as spool:
            await spool.fill(b"head", parts(*[b"x" * (size // 10)] * 10))
            content = spool.content()
            read = content if isinstance(content, bytes) else content.read()
            assert read == b"head" + b"x" * (size // 10 * 10)
            assert isinstance(content, bytes) == (size == 10)
            assert list(tmp_path.iterdir()) == []

    run(work())


def test_an_answer_that_has_begun_is_not_refused_any_more() -> None:
    async def work() -> None:
        sent = Sent()
        answer = Answer(sent)
        await answer.refuse(404, "no")
        assert sent.messages[0]["status"] == 404
        sent.messages.clear()
        await answer({"type": "http.response.start", "status": 200, "headers": []})
        await answer.refuse(500, "late")
        assert len(sent.messages) == 1

    run(work())
