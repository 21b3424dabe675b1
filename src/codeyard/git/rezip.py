"""A commit's zip out of the zip of a commit before it: what changed is packed anew, all else is copied as it lies.

The result is, byte for byte, what `git archive` makes of the commit. It knows git's own zips only.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from codeyard.git.diff import Change
from codeyard.git.objects import SUBMODULE

MOST_PATHS, MOST_WORDS, MOST_ENTRIES, MOST_BYTES = 1000, 100_000, 60_000, 1 << 30
_END, _COMMENT = struct.Struct("<4s4H2LH"), 40
_ENTRY, _LOCAL = 46, 30
_STEP = 1 << 20
_STAMP = 9  # the extra field that git gives each member: when it was changed
_HEAD = b"UT\x05\x00\x01"
_ATTRIBUTES = b".gitattributes"


class Unusable(Exception):
    """The zip before cannot be built upon: the archive is made as a whole."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a zip: its name, its line of the directory, and where it lies."""

    name: bytes
    line: bytes
    start: int
    end: int


class Zip:
    """A zip of git's that is open for reading."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        size = file.seek(0, os.SEEK_END)
        if size > MOST_BYTES or size < _END.size + _COMMENT:
            raise Unusable("the size")
        file.seek(size - _END.size - _COMMENT)
        magic, _, _, _, count, length, start, comment = _END.unpack(file.read(_END.size))
        if magic != b"PK\5\6" or comment != _COMMENT or count > MOST_ENTRIES:
            raise Unusable("the end")
        file.seek(start)
        self.members = list(_members(file.read(length), start))
        if len(self.members) != count:
            raise Unusable("the directory")

    def copy(self, members: Sequence[Member], stamp: Stamp) -> Iterator[bytes]:
        """The members as they lie, with the other time."""
        for group in _groups(members):
            start, end = group[0].start, group[-1].end
            self.file.seek(start)
            data = bytearray(self.file.read(min(end - start, _STEP)))
            for member in group:
                stamp.put(data, member.start - start + 10, member.start - start + _LOCAL, len(member.name))
            yield bytes(data)
            left = end - start - len(data)
            while left > 0:
                data = bytearray(self.file.read(min(left, _STEP)))
                if not data:
                    raise Unusable("the zip is cut short")
                left -= len(data)
                yield bytes(data)


@dataclass(frozen=True, slots=True)
class Stamp:
    """The time of a commit as the members of its zip have it."""

    dos: bytes
    unix: bytes

    @classmethod
    def of(cls, member: Member) -> Stamp:
        """A member's."""
        at = _ENTRY + len(member.name) + len(_HEAD)
        return cls(member.line[12:16], member.line[at : at + 4])

    def put(self, data: bytearray, dos: int, head: int, name: int) -> None:
        """Write it into a member's header, or line, that has its name at `head`."""
        at = head + name
        if data[at : at + len(_HEAD)] != _HEAD:
            raise Unusable("a member without a time")
        data[dos : dos + 4] = self.dos
        data[at + len(_HEAD) : at + _STAMP] = self.unix


def wanted(before: Zip, changes: Sequence[Change]) -> list[str]:
    """The paths to pack anew; at least one, since they tell the commit's time. Unusable where that would not do."""
    if len(changes) > MOST_PATHS or sum(len(c.path) for c in changes) > MOST_WORDS:
        raise Unusable("the changes are many")
    if any(SUBMODULE in (c.old_mode, c.new_mode) for c in changes):
        raise Unusable("a submodule changed")
    if any(c.path.rpartition(b"/")[2] == _ATTRIBUTES for c in changes):
        raise Unusable("what files are turned into may have changed")
    changed = {c.path for c in changes}
    paths = [c.path for c in changes if c.new_mode]
    kept = (m.name for m in before.members if not m.name.endswith(b"/") and m.name not in changed)
    paths = paths or [name for name, _ in zip(kept, range(1), strict=False)]
    if not paths or any(path.startswith(b"-") or b"\n" in path for path in paths):
        raise Unusable("git cannot be asked for these paths")
    return [os.fsdecode(path) for path in paths]


def spliced(before: Zip, fresh: Zip, changes: Iterable[Change], commit: str) -> Iterator[bytes]:
    """The zip of the commit: of `fresh` what it has, of `before` all else that is still there."""
    gone = {change.path for change in changes}
    anew = {member.name: member for member in fresh.members}
    files = {m.name for m in before.members if not m.name.endswith(b"/")} - gone | {n for n in anew if n[-1:] != b"/"}
    parents, empty = _folders(files), _empty(before)
    kept = [
        m for m in before.members if m.name not in anew and (m.name in files or m.name in parents or m.name in empty)
    ]
    stamp, offset, directory = Stamp.of(fresh.members[0]), 0, bytearray()
    for source, run in _runs(sorted([*kept, *anew.values()], key=lambda m: m.name), anew, before, fresh):
        yield from source.copy(run, stamp)
        for member in run:
            directory += _line(member, stamp, offset)
            offset += member.end - member.start
    count = len(kept) + len(anew)
    if offset + len(directory) > MOST_BYTES or count > MOST_ENTRIES:
        raise Unusable("the size")
    yield bytes(directory)
    yield _END.pack(b"PK\5\6", 0, 0, count, count, len(directory), offset, _COMMENT) + commit.encode()


def _runs(
    members: Iterable[Member], anew: dict[bytes, Member], before: Zip, fresh: Zip
) -> Iterator[tuple[Zip, list[Member]]]:
    run: list[Member] = []
    source = before
    for member in members:
        its = fresh if anew.get(member.name) is member else before
        if run and its is not source:
            yield source, run
            run = []
        source = its
        run.append(member)
    if run:
        yield source, run


def _line(member: Member, stamp: Stamp, offset: int) -> bytearray:
    line = bytearray(member.line)
    stamp.put(line, 12, _ENTRY, len(member.name))
    line[42:46] = offset.to_bytes(4, "little")
    return line


def _groups(members: Sequence[Member]) -> Iterator[list[Member]]:
    """Members that lie one behind the other, a megabyte together; a larger one is by itself."""
    group: list[Member] = []
    for member in members:
        if group and (group[-1].end != member.start or member.end - group[0].start > _STEP):
            yield group
            group = []
        group.append(member)
    if group:
        yield group


def _folders(files: Iterable[bytes]) -> set[bytes]:
    """The folders that the files lie in."""
    found: set[bytes] = set()
    for name in files:
        while (cut := name.rfind(b"/", 0, -1)) >= 0 and name[: cut + 1] not in found:
            name = name[: cut + 1]
            found.add(name)
    return found


def _empty(archive: Zip) -> set[bytes]:
    """The folders without anything in them: submodules."""
    names = [member.name for member in archive.members]
    parents = _folders(names)
    return {name for name in names if name.endswith(b"/") and name not in parents}


def _members(directory: bytes, end: int) -> Iterator[Member]:
    """The members of a directory; each lies up to where the next one begins."""
    lines = []
    at = 0
    while at < len(directory):
        if directory[at : at + 4] != b"PK\1\2":
            raise Unusable("the directory")
        name, extra, comment = struct.unpack_from("<3H", directory, at + 28)
        if extra != _STAMP or comment:
            raise Unusable("a member of another make")
        size = _ENTRY + name + extra
        line = directory[at : at + size]
        lines.append((line[_ENTRY : _ENTRY + name], line, int.from_bytes(line[42:46], "little")))
        at += size
    starts = [start for _, _, start in lines]
    if starts != sorted(starts):
        raise Unusable("the order")
    for (name_, line, start), following in zip(lines, [*starts[1:], end], strict=True):
        yield Member(name_, line, start, following)
