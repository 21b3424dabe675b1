"""The seccomp filter of a build, assembled here: what no build needs and the kernel has had holes in is refused."""

from __future__ import annotations

import errno
import platform
import struct

_LD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _ARG0, _ARG1 = 0, 4, 16, 24
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# name -> number on (x86_64, aarch64); -1 where the architecture has none
CALLS: dict[str, tuple[int, int]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "modify_ldt": (154, -1),
    "uselib": (134, -1),
    "personality": (135, 92),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "vmsplice": (278, 75),
    "move_pages": (279, 239),
    "mbind": (237, 235),
    "migrate_pages": (256, 238),
    "kcmp": (312, 272),
    "fanotify_init": (300, 262),
}
_CLONE, _CLONE3, _IOCTL, _SOCKET = (56, 220), (435, 435), (16, 29), (41, 198)
_NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW*; a build's fork and threads need none
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_FAMILIES = (38, 40, 17)  # AF_ALG, AF_VSOCK, AF_PACKET


def program(machine: str = "") -> bytes:
    """The filter as bubblewrap's --seccomp takes it: struct sock_filter after struct sock_filter."""
    machine = machine or platform.machine()
    if machine not in _ARCHES:
        raise OSError(errno.ENOSYS, f"there is no seccomp filter for {machine}")
    column = list(_ARCHES).index(machine)
    code = [_stmt(_LD, _ARCH), _jump(_JEQ, _ARCHES[machine], 1, 0), _stmt(_RET, _KILL), _stmt(_LD, _NUMBER)]
    if machine == "x86_64":  # the x32 numbers would slip past the comparisons
        code += [_jump(_JGE, 0x40000000, 0, 1), _refuse(errno.ENOSYS)]
    for numbers in CALLS.values():
        if numbers[column] >= 0:
            code += [_jump(_JEQ, numbers[column], 0, 1), _refuse(errno.EPERM)]
    code += [_jump(_JEQ, _CLONE3[column], 0, 1), _refuse(errno.ENOSYS)]
    code += _by_argument(_CLONE[column], _ARG0, _JSET, (_NEW_NAMESPACES,))
    code += _by_argument(_IOCTL[column], _ARG1, _JEQ, (_TIOCSTI, _TIOCLINUX))
    code += _by_argument(_SOCKET[column], _ARG0, _JEQ, _FAMILIES)
    return b"".join([*code, _stmt(_RET, _ALLOW)])


def _by_argument(number: int, argument: int, test: int, values: tuple[int, ...]) -> list[bytes]:
    """Refuse a call where the low word of an argument is (or has a bit of) one of the values."""
    tests = [part for value in values for part in (_jump(test, value, 0, 1), _refuse(errno.EPERM))]
    return [_jump(_JEQ, number, 0, len(tests) + 2), _stmt(_LD, argument), *tests, _stmt(_RET, _ALLOW)]


def _refuse(error: int) -> bytes:
    return _stmt(_RET, _ERRNO | error)


def _stmt(code: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, 0, 0, value)


def _jump(code: int, value: int, yes: int, no: int) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)
