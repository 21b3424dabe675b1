"""CPU-seconds of processes and of every process below them, from /proc."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_LISTEN = "0A"


class Cpu:
    """The time of some processes, their descendants, and those of them that have ended and were waited for."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids

    @classmethod
    def listening(cls, port: int) -> Cpu:
        """The process that listens on this port of the loopback."""
        wanted = {f"socket:[{inode}]" for inode in _inodes(port)}
        return cls(*(pid for pid in _processes() if wanted & _open(pid)))

    def seconds(self) -> float:
        """User and system time until now."""
        table = {pid: found for pid in _processes() if (found := _stat(pid)) is not None}
        members = set(self._pids)
        while more := {pid for pid, (parent, _) in table.items() if parent in members} - members:
            members |= more
        return sum(table[pid][1] for pid in members if pid in table) / _TICKS


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _stat(pid: int) -> tuple[int, int] | None:
    """(parent, ticks of itself and of its children that were waited for)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1]), sum(int(ticks) for ticks in fields[11:15])


def _inodes(port: int) -> set[str]:
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return {row[9] for row in rows if row[3] == _LISTEN and int(row[1].split(":")[1], 16) == port}


def _open(pid: int) -> set[str]:
    found: set[str] = set()
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return found
    for name in names:
        try:
            found.add(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            continue
    return found
