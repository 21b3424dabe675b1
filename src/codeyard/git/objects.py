"""Git objects as values: ids and encodings as pure functions; a set of objects is written in one process."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from codeyard.git.command import Git, GitCommand

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
UNPACK_LIMIT = 20
_PACK_TYPES = {"commit": 1, "tree": 2, "blob": 3}

NORMAL, EXECUTABLE, SYMLINK, FOLDER, SUBMODULE = 0o100644, 0o100755, 0o120000, 0o040000, 0o160000


@dataclass(frozen=True, slots=True)
class NewObject:
    """An object to be written."""

    type: str
    content: bytes

    @property
    def id(self) -> str:
        """The object's SHA-1 id."""
        return object_id(self.type, self.content)


def object_id(kind: str, content: bytes) -> str:
    """The id that git gives to the content."""
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(content)) + content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One line of a tree. Names are bytes, as git keeps them."""

    name: bytes
    mode: int
    id: str

    @property
    def is_folder(self) -> bool:
        """Whether the entry is a tree."""
        return self.mode == FOLDER


def parse_tree(content: bytes) -> list[TreeEntry]:
    """The entries of a tree object."""
    entries, at = [], 0
    while at < len(content):
        space = content.index(b" ", at)
        nul = content.index(b"\0", space)
        mode = int(content[at:space], 8)
        entries.append(TreeEntry(content[space + 1 : nul], mode, content[nul + 1 : nul + 21].hex()))
        at = nul + 21
    return entries


def tree(entries: Iterable[TreeEntry]) -> NewObject:
    """The tree object of the entries, in git's order (a folder sorts as if its name ended in a slash)."""
    ordered = sorted(entries, key=lambda entry: entry.name + b"/" if entry.is_folder else entry.name)
    lines = (b"%o %s\0" % (entry.mode, entry.name) + bytes.fromhex(entry.id) for entry in ordered)
    return NewObject("tree", b"".join(lines))


@dataclass(frozen=True, slots=True)
class Signature:
    """Who and when: `at` in seconds since the epoch, `offset` as git writes it (+0000)."""

    name: str
    email: str
    at: int
    offset: str = "+0000"

    def encode(self) -> bytes:
        """As it stands in a commit; characters that would break the line are left out."""
        return f"{_clean(self.name)} <{_clean(self.email)}> {self.at} {self.offset}".encode()


def _clean(text: str) -> str:
    return "".join(c for c in text if c not in "<>\n\0\r").strip()


def commit(tree_id: str, parents: Sequence[str], author: Signature, committer: Signature, message: str) -> NewObject:
    """A commit object; the message ends in a newline unless it is empty."""
    lines = [b"tree " + tree_id.encode()]
    lines += [b"parent " + parent.encode() for parent in parents]
    lines += [b"author " + author.encode(), b"committer " + committer.encode()]
    text = message.replace("\0", "")
    if text and not text.endswith("\n"):
        text += "\n"
    return NewObject("commit", b"\n".join(lines) + b"\n\n" + text.encode())


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as read. `author` and `committer` are (name, email, "SECONDS OFFSET")."""

    id: str
    tree: str
    parents: tuple[str, ...]
    author: tuple[str, str, str]
    committer: tuple[str, str, str]
    message: str
    extra: str = ""


def parse_commit(commit_id: str, content: bytes) -> Commit:
    """Read a commit object; headers beyond the usual ones (a signature) come back as `extra`."""
    head, _, message = content.partition(b"\n\n")
    fields: dict[str, list[str]] = {}
    extra: list[str] = []
    for line in head.decode("utf-8", "replace").split("\n"):
        word, _, rest = line.partition(" ")
        if word in ("tree", "parent", "author", "committer"):
            fields.setdefault(word, []).append(rest)
        else:
            extra.append(line)
    return Commit(
        id=commit_id,
        tree=fields.get("tree", [""])[0],
        parents=tuple(fields.get("parent", [])),
        author=_parse_signature(fields.get("author", [""])[0]),
        committer=_parse_signature(fields.get("committer", [""])[0]),
        message=message.decode("utf-8", "replace"),
        extra="\n".join(extra),
    )


def _parse_signature(text: str) -> tuple[str, str, str]:
    name, _, rest = text.partition("<")
    email, _, date = rest.rpartition(">")
    return name.strip(), email, date.strip()


def pack(objects: Sequence[NewObject]) -> bytes:
    """A pack that holds the objects, undeltified."""
    parts = [b"PACK", struct.pack(">II", 2, len(objects))]
    for one in objects:
        parts += [_pack_header(_PACK_TYPES[one.type], len(one.content)), zlib.compress(one.content, 1)]
    body = b"".join(parts)
    return body + hashlib.sha1(body, usedforsecurity=False).digest()


def _pack_header(kind: int, size: int) -> bytes:
    byte, size = kind << 4 | size & 15, size >> 4
    header = bytearray()
    while size:
        header.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    header.append(byte)
    return bytes(header)


def write_objects(git: Git, repository: Path, objects: Sequence[NewObject]) -> None:
    """Write the objects durably, checked for broken content and links; all in one process.

    Many are kept as one pack, as receive-pack does with a push (receive.unpackLimit): two files are made durable
    instead of one for each object.
    """
    unique = list({one.id: one for one in objects}.values())
    if unique:
        loose = len(unique) < UNPACK_LIMIT
        name, flags = ("unpack-objects", ["-q", "--strict"]) if loose else ("index-pack", ["--stdin", "--strict"])
        git.run(GitCommand(name, flags, repository=repository), pack(unique))
