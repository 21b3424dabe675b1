"""Starts a build's sandbox: a user namespace first, then mounts and network inside it, bubblewrap last.

One path serves root and ordinary users. Root gives each build a user id of its own; an ordinary user's builds run as
that user. Inside, the build is uid 0 of a namespace that owns nothing of the host.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import pickle
import resource
import shutil
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from codeyard.runner.sandbox import cgroups, kernel, netlink, root, seccomp
from codeyard.runner.sandbox.slirp import RESOLVER, Slirp

SCRATCH = "/tmp"  # of the build's own mount namespace, where the host's /tmp is not needed
_UIDS_FROM, _UIDS = 1_400_000_000, 65_536


class SandboxError(Exception):
    """No sandbox can be made here; the message names what is missing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sandbox is made of. `layers` are (host folder, place below /codebuild/output) to be overlaid,
    `shown` (host folder, place in the sandbox) to be seen read-only; `user` is whom the build is inside."""

    name: str
    command: Sequence[str]
    cwd: str = "/codebuild/output"
    network: str = "isolated"
    limits: cgroups.Limits = field(default_factory=cgroups.Limits)
    layers: Sequence[tuple[str, str]] = ()
    shown: Sequence[tuple[str, str]] = ()
    tooling: bool = False
    user: str = "root"


class Sandbox:
    """A running sandbox: its process, its folder, the listening socket of its own loopback."""

    def __init__(self, pid: int, cgroup: cgroups.Cgroup, user: str = "root") -> None:
        self.pid, self.words, self.home = pid, "", root.home(user)
        self._cgroup, self._slirp = cgroup, cast(Slirp | None, None)
        self.scratch, self.listener = -1, socket.socket()
        self._over = False

    def kill(self) -> None:
        """Leave no process of the build behind."""
        if self._over:
            return
        self._over = True
        self._cgroup.kill()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        self._cgroup.kill()
        self._cgroup.remove()
        if self._slirp is not None:
            self._slirp.close()
        self.listener.close()

    def close(self) -> None:
        """Kill, and let go of the build's files."""
        self.kill()
        if self.scratch >= 0:
            os.close(self.scratch)
            self.scratch = -1

    def introduce(self, plan: Plan, chat: socket.socket) -> None:
        """The parent's side: map the user, lend the layers, take scratch and listener, bring the network up."""
        self._cgroup.add(self.pid)
        _hear(chat, "user")
        _map_user(self.pid, _uid(plan.name))
        trees, how = _layers(plan, self.pid)
        _say(chat, how, trees)
        for tree in trees:
            os.close(tree)
        self.scratch, listener = _hear(chat, "room", 2)
        self.listener = socket.socket(fileno=listener)
        if plan.network == "isolated":
            self._slirp = Slirp(self.pid)
            self._slirp.wait()
        _say(chat, "go")
        used = _hear_text(chat)
        disk = f"{plan.limits.disk >> 20} MiB of disk (tmpfs)"
        self.words = f"bubblewrap, {self._cgroup.words}, {disk}, network {plan.network}, workspace {used}"


class Seed:
    """The process that will be a sandbox, forked while this process has no other thread.

    `fds` are (descriptor here, its number in the sandbox); `log` takes what the build prints.
    """

    def __init__(self, log: int, fds: Sequence[tuple[int, int]] = ()) -> None:
        self._chat, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            self._chat.close()
            _child(theirs, log, fds)
        theirs.close()
        self._chat.settimeout(30)

    def grow(self, plan: Plan) -> Sandbox:
        """Make the sandbox and run the command in it; SandboxError where that is not possible."""
        sandbox = Sandbox(self.pid, cgroups.make(plan.name, plan.limits), plan.user)
        try:
            _check_host(plan)
            self._chat.send(pickle.dumps(plan))
            sandbox.introduce(plan, self._chat)
        except (OSError, SandboxError) as error:
            sandbox.close()
            known = isinstance(error, SandboxError)
            raise error if known else SandboxError(f"no sandbox can be made: {error}") from error
        finally:
            self._chat.close()
        return sandbox

    def drop(self) -> None:
        """End the process, which was not needed."""
        self._chat.close()
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def _child(chat: socket.socket, log: int, fds: Sequence[tuple[int, int]]) -> None:
    """The child's side; never returns."""
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        said = chat.recv(1 << 20)
        if not said:
            os._exit(0)
        plan: Plan = pickle.loads(said)  # from our own parent, over a socket that nobody else has
        with contextlib.suppress(OSError):
            os.setsid()
        libc = kernel.Libc()
        libc.unshare(kernel.NEWUSER)
        _say(chat, "user")
        how, trees = _receive(chat, 16)
        _own_namespaces(libc, plan)
        used = _furnish(libc, plan, trees, how)
        listener = _listener()
        scratch = os.open(SCRATCH, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        _say(chat, "room", [scratch, listener.fileno()])
        _hear(chat, "go")
        _say(chat, used)
        _limit(plan.limits)
        _run(plan, log, fds)
    except BaseException as error:  # the child may only tell and end; it is a fork of its parent
        with contextlib.suppress(OSError):
            _say(chat, f"error: {type(error).__name__}: {error}")
    finally:
        os._exit(1)


def _own_namespaces(libc: kernel.Libc, plan: Plan) -> None:
    hosts = netlink.host_addresses()  # of the network that is about to be left
    kinds = kernel.NEWNS | kernel.NEWIPC | kernel.NEWUTS
    libc.unshare(kinds | (kernel.NEWNET if plan.network != "host" else 0))
    libc.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    if plan.network != "host":
        netlink.loopback_up()
        if plan.network == "isolated":
            netlink.close([*netlink.CLOSED, *netlink.CLOSED_6, *hosts])


def _furnish(libc: kernel.Libc, plan: Plan, trees: list[int], how: str) -> str:
    """Mount the scratch with its layers; how the workspace was made."""
    opened = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for folder, _ in (*plan.layers, *plan.shown)]
    limits = plan.limits
    options = f"size={limits.disk},nr_inodes={limits.files},mode=0755"
    if _may_set_groups():
        os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    libc.mount("scratch", SCRATCH, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
    root.Room(SCRATCH, plan.user).furnish(RESOLVER if plan.network == "isolated" else _host_resolver(plan))
    used = [_layer(libc, n, place, opened[n], trees, how) for n, (_, place) in enumerate(plan.layers)]
    for n, _ in enumerate(plan.shown):
        os.makedirs(f"{SCRATCH}/shown/{n}")
        source = f"/proc/self/fd/{opened[len(plan.layers) + n]}"
        libc.mount(source, f"{SCRATCH}/shown/{n}", None, kernel.MS_BIND)
    return used[0] if used else "empty"


def _layer(libc: kernel.Libc, n: int, place: str, opened: int, trees: list[int], how: str) -> str:
    """One layer at its place: an overlay with a fresh upper where the kernel can, else a copy."""
    target = f"{SCRATCH}/out/{place}"
    os.makedirs(target)
    for name in ("upper", "work", "lower"):
        os.makedirs(f"{SCRATCH}/layers/{n}/{name}")
    base = f"{SCRATCH}/layers/{n}"
    try:
        lower = f"/proc/self/fd/{opened}"
        if how == "mapped":
            libc.attach(trees[n], f"{base}/lower")
            lower = f"{base}/lower"
        elif how == "copied":
            raise OSError("the layer's owner is not the build")
        libc.mount(
            "overlay",
            target,
            "overlay",
            kernel.MS_NOSUID | kernel.MS_NODEV,
            f"lowerdir={lower},upperdir={base}/upper,workdir={base}/work,userxattr",
        )
        return "overlay"
    except OSError:
        shutil.copytree(f"/proc/self/fd/{opened}", target, symlinks=True, dirs_exist_ok=True, copy_function=shutil.copy)
        return "copy"


def _listener() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    return listener


def _limit(limits: cgroups.Limits) -> None:
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, limits.processes),
        (resource.RLIMIT_FSIZE, limits.disk),
        (resource.RLIMIT_NOFILE, 65_536),
    ):
        hard = resource.getrlimit(kind)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (most, most))


def _run(plan: Plan, log: int, fds: Sequence[tuple[int, int]]) -> None:
    """Become bubblewrap, with an empty environment and no file of this process but the build's."""
    filter_fd = _memory(seccomp.program())
    shown = [(f"{SCRATCH}/shown/{n}", place) for n, (_, place) in enumerate(plan.shown)]
    room = root.Room(SCRATCH, plan.user)
    words = root.arguments(room, shown, tooling=plan.tooling, seccomp=filter_fd, cwd=plan.cwd)
    for name, value in root.environment(plan.user).items():
        words += ["--setenv", name, value]
    become_only(log, fds, filter_fd)
    os.execve(_bwrap(), ["bwrap", *words, "--", *plan.command], {})


def become_only(log: int, fds: Sequence[tuple[int, int]], *others: int) -> None:
    """Keep no descriptor but the build's: nothing on 0, the log on 1 and 2, the others by their numbers."""
    high = [(fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, 100), theirs) for ours, theirs in fds]
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    keep = {0, 1, 2, *others, *(os.dup2(ours, theirs) for ours, theirs in high)}
    for fd in (int(name) for name in os.listdir("/proc/self/fd")):
        if fd not in keep:
            with contextlib.suppress(OSError):
                os.close(fd)
    for fd in keep:
        os.set_inheritable(fd, True)
    os.umask(0o022)


def _layers(plan: Plan, pid: int) -> tuple[list[int], str]:
    """As root: the layers as detached mounts in which the build owns what root owns here."""
    if os.geteuid() != 0:
        return [], "owned"
    trees: list[int] = []
    userns = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    try:
        libc = kernel.Libc()
        trees.extend(libc.idmapped(folder, userns) for folder, _ in plan.layers)
    except OSError:
        for tree in trees:
            os.close(tree)
        return [], "copied"
    finally:
        os.close(userns)
    return trees, "mapped"


def _map_user(pid: int, uid: int) -> None:
    own = os.geteuid()
    if own != 0:
        with open(f"/proc/{pid}/setgroups", "w") as file:
            file.write("deny")
    for name, outer in (("uid_map", uid), ("gid_map", uid if own == 0 else os.getegid())):
        with open(f"/proc/{pid}/{name}", "w") as file:
            file.write(f"0 {outer} 1")


def _uid(name: str) -> int:
    """The host's user id that a build runs as: root gives each its own."""
    if os.geteuid() != 0:
        return os.geteuid()
    return _UIDS_FROM + int.from_bytes(name.encode()[-8:], "big") % _UIDS


def _may_set_groups() -> bool:
    with open("/proc/self/setgroups") as file:
        return file.read().strip() == "allow"


def _host_resolver(plan: Plan) -> str:
    if plan.network != "host":
        return ""
    with contextlib.suppress(OSError), open("/etc/resolv.conf") as file:
        for line in file:
            words = line.split()
            if len(words) > 1 and words[0] == "nameserver":
                return words[1]
    return ""


def _check_host(plan: Plan) -> None:
    if shutil.which("bwrap") is None:
        raise SandboxError("bubblewrap is not installed: apt-get install bubblewrap")
    if plan.network == "isolated" and shutil.which("slirp4netns") is None:
        raise SandboxError("slirp4netns is not installed: apt-get install slirp4netns, or tag the project")


def _bwrap() -> str:
    return shutil.which("bwrap") or "/usr/bin/bwrap"


def _memory(data: bytes) -> int:
    fd = os.memfd_create("seccomp")
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 50)


def _say(chat: socket.socket, word: str, fds: Sequence[int] = ()) -> None:
    if fds:
        rights = array.array("i", fds)
        chat.sendmsg([word.encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    else:
        chat.send(word.encode()[:4000])


def _receive(chat: socket.socket, most: int) -> tuple[str, list[int]]:
    data, fds, _, _ = socket.recv_fds(chat, 4096, most)
    return data.decode("utf-8", "replace"), list(fds)


def _hear(chat: socket.socket, word: str, fds: int = 0) -> list[int]:
    said, given = _receive(chat, max(fds, 1))
    if said != word or len(given) != fds:
        raise SandboxError(_why(said))
    return given


def _hear_text(chat: socket.socket) -> str:
    said, _ = _receive(chat, 1)
    if not said or said.startswith("error"):
        raise SandboxError(_why(said))
    return said


def _why(said: str) -> str:
    text = said.removeprefix("error: ") or "the sandbox ended at once"
    if "unshare" in text:
        return f"user namespaces are not allowed here ({text}): set kernel.unprivileged_userns_clone=1 or run as root"
    return f"no sandbox can be made: {text}"
