"""Folders whose files lie encrypted in another folder, by gocryptfs: names and contents, AES-256-GCM block by block.

An open folder is a FUSE file system that the server's own user alone can enter. gocryptfs closes it after a while in
which nobody used it, and a helper closes all when the server ends, however it ends: the helper waits at a pipe whose
other end only the server holds.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

_IDLE = "15m"
_WRONG_SECRET = 12  # gocryptfs(1), EXIT CODES
_WATCH = 'cat >/dev/null; for place in "$0"/*; do fusermount3 -q -u -z "$place"; done'
_ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C"}
_DEVICE = "/dev/fuse"


class Unreadable(Exception):
    """What lies in the folder cannot be opened with this secret: it, or its gocryptfs.conf, is not what was made."""


class Unavailable(Exception):
    """gocryptfs cannot open or make a folder on this machine; the text says why."""


class Gocryptfs:
    """Makes, opens and closes encrypted folders; those that are open are all below `places`.

    A secret is bytes with the strength of a key: nothing is done to make guessing slow.
    """

    def __init__(self, places: Path) -> None:
        self._places = places
        self._watch: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def create(self, cipher: Path, secret: bytes) -> None:
        """Make an encrypted folder, empty."""
        cipher.mkdir(parents=True)
        self._run(["-init", "-q", "-scryptn", "10", "--", str(cipher)], secret)

    def open(self, cipher: Path, place: Path, secret: bytes) -> None:
        """Open it at the place, which an earlier process may have left behind. Unreadable with another secret."""
        self._begin_watch()
        close(place)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._run(["-q", "-nosyslog", "-idle", _IDLE, "--", str(cipher), str(place)], secret)

    def close_all(self) -> None:
        """Close every folder below `places`, those of earlier processes too; nobody may be using one."""
        with self._lock:
            watch, self._watch = self._watch, None
        if watch is not None and watch.stdin is not None:
            watch.stdin.close()
            watch.wait()
        for place in self._places.iterdir() if self._places.is_dir() else ():
            close(place)

    def _begin_watch(self) -> None:
        with self._lock:
            if self._watch is None or self._watch.poll() is not None:
                self._watch = subprocess.Popen(
                    ["/bin/sh", "-c", _WATCH, str(self._places)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=_ENVIRONMENT,
                    start_new_session=True,
                )

    def _run(self, arguments: Sequence[str], secret: bytes) -> None:
        lacking = missing()
        if lacking:
            raise Unavailable(lacking)
        with tempfile.TemporaryFile() as stderr:  # no pipe: the process that stays keeps it open
            done = subprocess.run(
                ["gocryptfs", *arguments],
                input=base64.b64encode(secret) + b"\n",
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=_ENVIRONMENT,
                start_new_session=True,
                check=False,
                timeout=60,
            )
            stderr.seek(0)
            said = stderr.read(2000).decode("utf-8", "replace").strip()
        if done.returncode:
            raise Unreadable(said) if done.returncode == _WRONG_SECRET else Unavailable(said)


def missing() -> str:
    """What this machine lacks for encrypted folders, and how to get it; empty where it lacks nothing."""
    for program, package in (("gocryptfs", "gocryptfs"), ("fusermount3", "fuse3")):
        if shutil.which(program, path=_ENVIRONMENT["PATH"]) is None:
            return f"{program} is not installed (apt-get install {package})"
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        return f"{_DEVICE} is not there for this user (modprobe fuse; in a container, pass the device in)"
    return ""


def close(place: Path) -> None:
    """Close what is open at the place, if anything is; whoever still reads a file there may read on."""
    if os.path.ismount(place) or _is_dead(place):
        command = ["fusermount3", "-q", "-u", "-z", "--", str(place)]
        subprocess.run(command, env=_ENVIRONMENT, capture_output=True, check=False)
    try:
        place.rmdir()
    except OSError:
        return  # it never was, or holds something: then opening fails and says so


def _is_dead(place: Path) -> bool:
    """Whether a file system stands there whose process is gone."""
    try:
        place.stat()
    except FileNotFoundError:
        return False
    except OSError:  # ENOTCONN: transport endpoint is not connected
        return True
    return False
