"""DIR/keyring: the domain key, under which everything is sealed, wrapped by the root key (docs/adr/0012).

A new root key wraps the same domain key anew, so that a rotation writes one small file, whatever the data's size.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from codeyard.contract import Ids
from codeyard.storage.durable import alone_in, remove_durably, replace_durably
from codeyard.storage.keys import KEY_BYTES, DomainKey
from codeyard.storage.roots import (
    DEFAULT_FILE,
    Environment,
    HeldRoot,
    RootKey,
    RootKeyError,
    file_of,
    root_key,
    source_of,
)

_CONTEXT = "codeyard keyring v1"
Wrapped = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Ring:
    """The domain key as it is kept, beside its root key's source: once, and twice while that one's file changes.
    `adopted`: it is the first root key itself, of a folder that is older than keyrings."""

    wrapped: tuple[Wrapped, ...]
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: the sources before and after, whether the old key's file is gone, and `Ring.adopted`."""

    old: str
    new: str
    removed: bool
    adopted: bool


class Keyring:
    """The keyring of a data folder."""

    def __init__(self, folder: Path, ids: Ids, environment: Environment = os.environ) -> None:
        self._folder, self._ids, self._environment = folder, ids, environment
        self._path = folder / "keyring"
        self._pending: Ring | None = None

    def open(self, source: str = "") -> DomainKey:
        """The domain key, by the root key of a source; RootKeyError where that is not the one. A fresh folder gets a
        keyring now, an older one when `keep` is called."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with alone_in(self._folder):
            ring, source = self._read(), source_of(source, self._folder, self._environment)
            if ring is None:
                return DomainKey(self._begin(source), self._ids)
            root = self._root(source, ring)
            domain, kept = self._unwrap(ring, root)
            if len(ring.wrapped) > 1:  # a rotation was cut short
                self._write(replace(ring, wrapped=(kept,)))
            return DomainKey(domain, self._ids)

    def keep(self) -> None:
        """Write the keyring of a folder that had none, once it is known that its root key opens its data."""
        if self._pending is not None:
            with alone_in(self._folder):
                self._write(self._pending)
            self._pending = None

    def rotate(self, source: str, to: str) -> Rotation:
        """Wrap the domain key by the root key of `to`, which is made where it is a file that is not there; without
        `to`, by a new key in the file of the present one. Either key opens the keyring until it is written, the new
        one alone from then on. A running server goes on: it has the domain key."""
        with alone_in(self._folder):
            ring = self._read()
            if ring is None:
                raise RootKeyError(f"there is no {self._path} yet: start the server on this folder once, then rotate")
            old = self._root(source_of(source, self._folder, self._environment), ring)
            domain, kept = self._unwrap(ring, old)
            new = self._to(ring, old, to) if to else self._in_place(ring, old, domain, kept)
            self._write(replace(ring, wrapped=(_wrap(new, domain),)))
            left = file_of(old.name) == self._folder / DEFAULT_FILE and new.name != old.name
            if left:
                remove_durably(self._folder / DEFAULT_FILE)
            return Rotation(old.name, new.name, left, ring.adopted)

    def _begin(self, source: str) -> bytes:
        """The domain key of a folder without a keyring: a random one, or the root key's own bytes where data is."""
        older, file = (self._folder / "blobs").exists(), file_of(source)
        if not older and file == self._folder / DEFAULT_FILE and not file.exists():
            self._make(file)
        root = root_key(source, self._ids, self._environment)
        if older and not isinstance(root, HeldRoot):
            raise RootKeyError("this folder has no keyring yet: start with its root key of 32 bytes once, then rotate")
        domain = root.key if older and isinstance(root, HeldRoot) else self._ids.bytes(KEY_BYTES)
        ring = Ring((_wrap(root, domain),), adopted=older)
        if older:
            self._pending = ring
        else:
            self._write(ring)
        return domain

    def _root(self, source: str, ring: Ring) -> RootKey:
        try:
            return root_key(source, self._ids, self._environment)
        except RootKeyError as error:
            names = " or ".join(dict.fromkeys(name for name, _ in ring.wrapped))
            hint = "" if source in names else f". {self._path} was sealed by the key of {names}: see --root-key"
            raise RootKeyError(f"{error}{hint}") from None

    def _unwrap(self, ring: Ring, root: RootKey) -> tuple[bytes, Wrapped]:
        for kept in ring.wrapped:
            try:
                return root.unwrap(kept[1], _CONTEXT), kept
            except ValueError:
                continue
        raise RootKeyError(
            f"the root key of {root.name} does not open {self._path}, which was sealed by the key of "
            f"{ring.wrapped[0][0]}: start with that key (--root-key SOURCE), or restore the keyring of yours"
        )

    def _to(self, ring: Ring, old: RootKey, to: str) -> RootKey:
        source = source_of(to, self._folder, self._environment)
        if source == old.name:
            raise RootKeyError(f"the key of {source} is the root key already")
        file = file_of(source)
        if file is not None and not file.exists():
            self._make(file)
        new = root_key(source, self._ids, self._environment)
        try:
            self._unwrap(ring, new)
        except RootKeyError:
            return new
        raise RootKeyError(f"the key of {source} is the root key already")

    def _in_place(self, ring: Ring, old: RootKey, domain: bytes, kept: Wrapped) -> RootKey:
        """A new key in the present one's file. While the file changes, the keyring opens by both."""
        file = file_of(old.name)
        if file is None:
            raise RootKeyError(f"only you can change the key of {old.name}: make another one and name it by --to")
        key = self._ids.bytes(KEY_BYTES)
        new = HeldRoot(old.name, key, self._ids)
        self._write(replace(ring, wrapped=(kept, _wrap(new, domain))))
        replace_durably(file, key.hex().encode() + b"\n", inherits=True)
        return new

    def _make(self, file: Path) -> None:
        try:
            replace_durably(file, self._ids.bytes(KEY_BYTES).hex().encode() + b"\n", inherits=True)
        except OSError as error:
            raise RootKeyError(f"{file} cannot be written: {error.strerror}") from None

    def _read(self) -> Ring | None:
        try:
            said = json.loads(self._path.read_bytes())
            wrapped = tuple((one["root"], base64.b64decode(one["domain_key"])) for one in said["wrapped"])
            return Ring(wrapped, said["adopted"]) if wrapped else None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RootKeyError(f"{self._path} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError):
            raise RootKeyError(f"{self._path} is damaged: restore it from a backup") from None

    def _write(self, ring: Ring) -> None:
        wrapped = [{"root": name, "domain_key": base64.b64encode(one).decode()} for name, one in ring.wrapped]
        said = {"version": 1, "adopted": ring.adopted, "wrapped": wrapped}
        replace_durably(self._path, json.dumps(said, indent=1).encode() + b"\n", inherits=True)


def _wrap(root: RootKey, domain: bytes) -> Wrapped:
    """The domain key wrapped by a root key that has been seen to open it."""
    wrapped = root.wrap(domain, _CONTEXT)
    if root.unwrap(wrapped, _CONTEXT) != domain:
        raise RootKeyError(f"the key of {root.name} does not give back what it wraps")
    return root.name, wrapped
