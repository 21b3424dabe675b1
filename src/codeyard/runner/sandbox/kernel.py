"""The kernel's calls that Python 3.11 lacks: namespaces, mounts, idmapped mounts, openat2."""

from __future__ import annotations

import ctypes
import os
import struct

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 4096, 16384, 1 << 18
# The same numbers on x86_64 and aarch64: both are from after the table was unified.
_OPEN_TREE, _MOVE_MOUNT, _OPENAT2, _MOUNT_SETATTR = 428, 429, 437, 442
_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000
_ATTR_IDMAP, _ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 0x100000, 1, 2, 4
BENEATH, NO_SYMLINKS, NO_MAGICLINKS = 0x08, 0x04, 0x02


class Libc:
    """The C library, loaded once by whoever needs it."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def unshare(self, flags: int) -> None:
        """Leave the namespaces of these kinds for new ones."""
        self._checked(self._libc.unshare(flags), "unshare")

    def mount(self, source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
        """mount(2)."""
        args = (os.fsencode(source), os.fsencode(target), kind.encode() if kind else None)
        said = options.encode() if options else None
        self._checked(self._libc.mount(*args, ctypes.c_ulong(flags), said), f"mount {target}")

    def sethostname(self, name: str) -> None:
        """Name this UTS namespace."""
        self._checked(self._libc.sethostname(name.encode(), len(name)), "sethostname")

    def idmapped(self, path: str, userns: int) -> int:
        """A detached, read-only mount of the folder whose owners are seen through the user namespace."""
        tree = self._syscall(_OPEN_TREE, _AT_FDCWD, os.fsencode(path), 1 | os.O_CLOEXEC)
        attr = struct.pack("=QQQQ", _ATTR_IDMAP | _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV, 0, 0, userns)
        try:
            self._syscall(_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, attr, len(attr))
        except OSError:
            os.close(tree)
            raise
        return tree

    def attach(self, tree: int, target: str) -> None:
        """Put a detached mount at a folder of this mount namespace."""
        self._syscall(_MOVE_MOUNT, tree, b"", _AT_FDCWD, os.fsencode(target), 4)

    def openat2(self, folder: int, path: str, flags: int, resolve: int) -> int:
        """Open a path below a folder by the resolve rules (BENEATH, …)."""
        how = struct.pack("=QQQ", flags | os.O_CLOEXEC, 0, resolve)
        return self._syscall(_OPENAT2, folder, os.fsencode(path), how, len(how))

    def _syscall(self, number: int, *args: int | bytes) -> int:
        given = [ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) for a in args]
        result = int(self._libc.syscall(ctypes.c_long(number), *given))
        self._checked(result, f"system call {number}")
        return result

    @staticmethod
    def _checked(result: int, what: str) -> None:
        if result < 0:
            error = ctypes.get_errno()
            raise OSError(error, f"{what}: {os.strerror(error)}")
