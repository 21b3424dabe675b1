"""A seccomp filter for builds, assembled here: kernel surface that no build needs answers EPERM.

The program is classic BPF (seccomp(2)); bubblewrap loads it from a file descriptor.
"""

from __future__ import annotations

import platform
import struct

_LOAD, _JUMP_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _EPERM, _ENOSYS, _KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
_NUMBER, _ARCH, _ARG0, _ARG1 = 0, 4, 16, 24
_ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE_NEW = 0x10000000 | 0x00020000 | 0x40000000 | 0x20000000 | 0x08000000 | 0x04000000 | 0x02000000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

# Denied altogether: (x86_64, aarch64).
_DENIED = {
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "unshare": (272, 97),
    "setns": (308, 268),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "quotactl": (179, 60),
    "acct": (163, 89),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
_CLONE, _CLONE3, _IOCTL = (56, 220), (435, 435), (16, 29)
_X32_BIT = 0x40000000


def program(machine: str = "") -> bytes:
    """The filter for this machine's architecture; another architecture's system calls end the process."""
    machine = machine or platform.machine()
    index = 0 if machine == "x86_64" else 1
    code = [_instruction(_LOAD, _ARCH), *_unless_equal_return(_ARCHES[machine], _KILL), _instruction(_LOAD, _NUMBER)]
    if machine == "x86_64":
        code += [_instruction(_JUMP_SET, _X32_BIT, 0, 1), _instruction(_RETURN, _ENOSYS)]
    for numbers in _DENIED.values():
        code += [_instruction(_JUMP_EQUAL, numbers[index], 0, 1), _instruction(_RETURN, _EPERM)]
    # glibc falls back to clone, whose flags a filter can read, when clone3 is not there.
    code += [_instruction(_JUMP_EQUAL, _CLONE3[index], 0, 1), _instruction(_RETURN, _ENOSYS)]
    code += [
        _instruction(_JUMP_EQUAL, _CLONE[index], 0, 4),
        _instruction(_LOAD, _ARG0),
        _instruction(_JUMP_SET, _CLONE_NEW, 0, 1),
        _instruction(_RETURN, _EPERM),
        _instruction(_RETURN, _ALLOW),
        _instruction(_JUMP_EQUAL, _IOCTL[index], 0, 4),
        _instruction(_LOAD, _ARG1),
        _instruction(_JUMP_EQUAL, _TIOCSTI, 1, 0),
        _instruction(_JUMP_EQUAL, _TIOCLINUX, 0, 1),
        _instruction(_RETURN, _EPERM),
        _instruction(_RETURN, _ALLOW),
    ]
    return b"".join(code)


def _instruction(code: int, value: int, true: int = 0, false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, true, false, value)


def _unless_equal_return(value: int, result: int) -> list[bytes]:
    return [_instruction(_JUMP_EQUAL, value, 1, 0), _instruction(_RETURN, result)]
