"""The servers that are measured: ours and the peers, each a process of its own on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(port: int, seconds: float = 20) -> None:
    """Wait until something accepts."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on {port}")


@contextlib.contextmanager
def _process(command: list[str], *, cpu: int | None = 0, **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    pinned = ["taskset", "-c", str(cpu), *command] if cpu is not None and shutil.which("taskset") else command
    child = subprocess.Popen(pinned, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(timeout=15)
        except subprocess.TimeoutExpired:
            child.kill()


@contextlib.contextmanager
def codeyard(*flags: str, cpu: int | None = 0) -> Iterator[dict[str, Any]]:
    """Our server on one core, with SigV4, IAM and audit on; yields endpoint.json and its folder."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        program = str(Path(sys.executable).with_name("codeyard"))
        with _process([program, "serve", "--data", str(data), "--port", "0", *flags], cpu=cpu) as child:
            deadline = time.monotonic() + 30
            while not (data / "endpoint.json").exists():
                if child.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("codeyard did not start")
                time.sleep(0.02)
            yield {**json.loads((data / "endpoint.json").read_text()), "data": str(data), "pid": child.pid}


@contextlib.contextmanager
def moto() -> Iterator[str | None]:
    """moto's server on the same core; None where it is not installed (make bench installs it)."""
    beside = Path(sys.executable).with_name("moto_server")
    program = str(beside) if beside.exists() else shutil.which("moto_server")
    if program is None:
        yield None
        return
    port = free_port()
    with _process([program, "-p", str(port), "-H", "127.0.0.1"]):
        await_port(port)
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def git_daemon(root: Path) -> Iterator[str]:
    """git's own daemon over the folder."""
    port = free_port()
    command = [
        "git",
        "daemon",
        f"--port={port}",
        "--listen=127.0.0.1",
        f"--base-path={root}",
        "--export-all",
        str(root),
    ]
    with _process(
        command,
        env={**os.environ, "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"},
    ):
        await_port(port)
        yield f"git://127.0.0.1:{port}"
