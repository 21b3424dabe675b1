"""The `aws` command line without its start: one process has imported it and forks for every command.

A start costs most of a second, and a page of docs/howto runs dozens. What runs in the fork is the installed command
line itself, with the caller's arguments, environment, folder and files; only its waiters look again sooner.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

SHIM = """#!{python} -IS
import json, os, socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect({path!r})
asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(line, [len(asked).to_bytes(4, "big")], [0, 1, 2])
line.sendall(asked)
sys.exit(line.recv(1)[0])
"""
_LONGEST_WAIT_S = 0.3
_SERVICES = (
    "cloudtrail",
    "codebuild",
    "codecommit",
    "codedeploy",
    "codepipeline",
    "events",
    "iam",
    "logs",
    "s3",
    "sns",
    "sts",
)


def install(folder: Path, path: Path) -> None:
    """Write an `aws` into the folder that asks the server at the path."""
    shim = folder / "aws"
    shim.write_text(SHIM.format(python=sys.executable, path=str(path)))
    shim.chmod(0o755)


def serve(path: str) -> None:
    """Answer commands until killed."""
    import awscli.clidriver
    import botocore.loaders
    import botocore.waiter

    for loader, look in (("JSONFileLoader", "load_file"), ("Loader", "list_available_services")):
        _remember(getattr(botocore.loaders, loader), look)
    calm = SimpleNamespace(sleep=lambda seconds: time.sleep(min(seconds, _LONGEST_WAIT_S)))
    botocore.waiter.time = calm  # type: ignore[attr-defined]
    session = awscli.clidriver.create_clidriver().session
    for service in _SERVICES:
        session.get_service_model(service)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    while True:
        line, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _answer(line)
        line.close()


def _remember(loader: Any, look: str) -> None:
    """What a loader has read stays read, for every fork."""
    known: dict[tuple[Any, ...], Any] = {}
    read = getattr(loader, look)

    def remembering(self: Any, *asked: Any, **named: Any) -> Any:
        key = (*asked, *named.items())
        if key not in known:
            known[key] = read(self, *asked, **named)
        return known[key]

    setattr(loader, look, remembering)


def _answer(line: socket.socket) -> None:
    size, files, _, _ = socket.recv_fds(line, 4, 3)
    asked = b""
    while len(asked) < int.from_bytes(size, "big"):
        asked += line.recv(65536)
    arguments, folder, environment = json.loads(asked)
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.chdir(folder)
    kept = {"AWS_DATA_PATH": os.environ["AWS_DATA_PATH"]}  # set by the import of the command line
    os.environ.clear()
    os.environ.update(environment | kept)
    status = 255
    try:
        from awscli.clidriver import create_clidriver

        sys.argv = ["aws", *arguments]
        status = create_clidriver().main(arguments)
        sys.stdout.flush()
    except BaseException:  # it goes where the command's errors go; a fork must not return
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        line.sendall(bytes([status & 255]))
        os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
