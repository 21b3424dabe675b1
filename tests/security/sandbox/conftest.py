"""A command in a real sandbox, started as root and as an ordinary user."""

from __future__ import annotations

import ctypes
import os
import pickle
import select
import signal
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from codeyard.runner.sandbox import cgroups, enter

NOBODY = 65534
_NEW_MOUNTS, _PRIVATE = 0x20000, 0x44000
Run = Callable[..., "Ran"]


@dataclass(frozen=True)
class Ran:
    """What a command printed, and what was left of it."""

    text: str
    words: str
    seconds: float
    pid: int


def _sandboxed(plan: enter.Plan, until: str, seconds: float) -> Ran:
    read, write = os.pipe()
    began = time.monotonic()
    sandbox = enter.Seed(write).grow(plan)
    os.close(write)
    data = b""
    while time.monotonic() - began < seconds and not (until and until.encode() in data):
        if select.select([read], [], [], 0.05)[0]:
            piece = os.read(read, 65536)
            if not piece:
                break
            data += piece
    sandbox.close()
    os.close(read)
    return Ran(data.decode("utf-8", "replace"), sandbox.words, time.monotonic() - began, sandbox.pid)


def _as_user(plan: enter.Plan, until: str, seconds: float) -> Ran:
    """The same in a forked child that has become an ordinary user."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _open_tun()
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, which an exec would have set again
            os.environ.clear()
            os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
            answer: object = _sandboxed(plan, until, seconds)
        except BaseException as error:
            answer = error
        with os.fdopen(write, "wb") as out:
            out.write(pickle.dumps(answer))
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as found:
        answer = pickle.loads(found.read())
    os.waitpid(pid, 0)
    if isinstance(answer, BaseException):
        raise answer
    assert isinstance(answer, Ran)
    return answer


def _open_tun() -> None:
    """A /dev/net/tun that users may open, seen by this process alone; udev makes one, not every machine has it."""
    if os.stat("/dev/net/tun").st_mode & 0o006 == 0o006:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(_NEW_MOUNTS) == 0
    assert libc.mount(b"none", b"/", None, _PRIVATE, None) == 0
    assert libc.mount(b"tmpfs", b"/dev/net", b"tmpfs", 0, None) == 0
    os.mknod("/dev/net/tun", stat.S_IFCHR, os.makedev(10, 200))
    os.chmod("/dev/net/tun", 0o666)


@pytest.fixture(params=["root", "user"])
def user(request: pytest.FixtureRequest) -> str:
    """Who starts the sandbox; whoever runs the tests is an ordinary user unless it is root."""
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("these tests run as an ordinary user")
    return str(request.param)


@pytest.fixture
def run(user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run a shell command in a sandbox."""
    monkeypatch.setenv("CODEYARD_TEST_SECRET", "the server's own")
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)

    def go(
        command: str,
        *,
        network: str = "none",
        source: Path | None = None,
        until: str = "",
        seconds: float = 60,
        **limits: int,
    ) -> Ran:
        plan = enter.Plan(
            name=f"{user}-{os.getpid()}-{time.monotonic_ns()}",
            command=["/bin/sh", "-c", command],
            network=network,
            limits=cgroups.Limits(**{"disk": 64 << 20, "processes": 200, "memory": 512 << 20, **limits}),  # type: ignore[arg-type]
            layers=[(str(source), "src/src")] if source else [],
        )
        if user == "user" and os.geteuid() == 0:
            return _as_user(plan, until, seconds)
        return _sandboxed(plan, until, seconds)

    yield go
    signal.signal(signal.SIGPIPE, before)
