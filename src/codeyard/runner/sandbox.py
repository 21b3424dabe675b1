"""One build's sandbox: namespaces made first, then bubblewrap inside them. The same path for root and ordinary users.

(root only: become the build user) -> unshare user, mount and network namespaces -> tmpfs with an overlay over the
cached source -> slirp4netns and unreachable routes -> bubblewrap with a private root, no capabilities, seccomp
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codeyard.runner import limits, seccomp

BUILD_UID = 65534
SOURCE = "/codebuild/output/src/src"
CONTROL = "/codebuild/control"
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_BLOCKED = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10", "127.0.0.0/8")
_ETC = (
    "ssl",
    "ca-certificates",
    "alternatives",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
)
_HOLD = """set -e
mount -t tmpfs -o size={disk}m,mode=755,nosuid,nodev tmpfs {top}/work
mkdir {top}/work/up {top}/work/overlay {top}/work/src {top}/work/home {top}/work/tmp
chmod 1777 {top}/work/tmp
if [ -n "{lower}" ]; then
  cd {top}/work
  mount -t overlay overlay -o lowerdir={lower},upperdir=up,workdir=overlay,userxattr src
  cd /
fi
echo ready >&{ready}
read go <&{go}
exec {ready}>&- {go}<&- env -i {bwrap}
"""


class NoSandbox(Exception):
    """This machine cannot make a sandbox; the message names the fix."""


@dataclass
class Plan:
    """What a build's sandbox is made of."""

    folder: Path
    lower: Path | None
    control: Path
    network: str = "isolated"
    disk_mib: int = 8192
    compute_type: str = "BUILD_GENERAL1_SMALL"
    binds: Sequence[tuple[str, str]] = ()
    environment: dict[str, str] = field(default_factory=dict)


class Sandbox:
    """A running sandbox: `start` makes it wait, `go` lets the command run, `kill` leaves nothing behind."""

    def __init__(self, plan: Plan, command: Sequence[str]) -> None:
        _check_tools(plan.network)
        self._plan, self._command = plan, command
        self._slirp: subprocess.Popen[bytes] | None = None
        self._group = limits.make(plan.folder.name, plan.compute_type)
        self.said = f"bubblewrap; network {plan.network}; {self._group.said}; disk {plan.disk_mib} MiB of tmpfs"

    def start(self) -> None:
        """Make the namespaces and mounts; the command does not run yet."""
        top = self._plan.folder
        for folder in (top, self._plan.control):
            os.chmod(folder, 0o755)
        (top / "work").mkdir()
        self._etc = _made_etc(top, self._plan.network)
        self._give(top / "work", self._plan.control, *self._plan.control.iterdir())
        ready_read, ready_write = os.pipe()
        go_read, self._go = os.pipe()
        read_end, write_end = os.pipe()
        filter_fd = _filter_fd()
        script = _HOLD.format(
            disk=self._plan.disk_mib,
            top=top,
            lower=self._plan.lower or "",
            ready=ready_write,
            go=go_read,
            bwrap=" ".join(_quoted(a) for a in self._bwrap(filter_fd)),
        )
        self.process = subprocess.Popen(
            [*_drop(), *self._unshare(), "/bin/sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=write_end,
            stderr=write_end,
            pass_fds=(ready_write, go_read, filter_fd),
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            cwd="/",
            preexec_fn=limits.rlimits,
        )
        for fd in (ready_write, go_read, write_end, filter_fd):
            os.close(fd)
        self.output = read_end
        said = os.read(ready_read, 16)
        os.close(ready_read)
        if not said:
            message = os.read(read_end, 4096).decode("utf-8", "replace").strip()
            self.process.wait()
            raise NoSandbox(f"{message}. {_FIX}")
        self._group.add(self.process.pid)
        self._wire_network()

    def listener(self) -> socket.socket:
        """A socket that listens on the sandbox's own 127.0.0.1: what connects there comes from this build."""
        if self._plan.network == "host":
            return _listen()
        ours, theirs = socket.socketpair()
        child = os.fork()
        if child == 0:
            _listen_inside(self.process.pid, theirs)
        theirs.close()
        _, fds, _, _ = socket.recv_fds(ours, 1, 1)
        ours.close()
        os.waitpid(child, 0)
        if not fds:
            raise NoSandbox("the relay could not enter the build's network namespace")
        return socket.socket(fileno=fds[0])

    def go(self) -> None:
        """Let the command run."""
        os.write(self._go, b"go\n")
        os.close(self._go)

    def path(self, inside: str) -> Path:
        """Where a folder of the sandbox (src, tmp, home) is seen from here: only with care, the build made it."""
        return Path(f"/proc/{self.process.pid}/root{self._plan.folder}/work/{inside}")

    def kill(self) -> None:
        """End every process of the sandbox and give back what it held."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self._slirp is not None:
            self._slirp.kill()
            self._slirp.wait()
        self._group.remove()

    def _unshare(self) -> list[str]:
        network = [] if self._plan.network == "host" else ["--net"]
        return ["unshare", "--user", "--map-root-user", "--mount", *network, "--propagation", "private"]

    def _bwrap(self, filter_fd: int) -> list[str]:
        work = self._plan.folder / "work"
        arguments = ["/usr/bin/bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
        arguments += ["--unshare-cgroup-try", "--disable-userns", "--uid", "0", "--gid", "0", "--cap-drop", "ALL"]
        arguments += ["--die-with-parent", "--new-session", "--seccomp", str(filter_fd), "--hostname", "codebuild"]
        arguments += ["--ro-bind", "/usr", "/usr"]
        for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
            if os.path.islink(f"/{name}"):
                arguments += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
            elif os.path.isdir(f"/{name}"):
                arguments += ["--ro-bind", f"/{name}", f"/{name}"]
        arguments += ["--ro-bind", str(self._etc), "/etc"]
        arguments += ["--proc", "/proc", "--dev", "/dev", "--bind", str(work / "tmp"), "/tmp"]
        arguments += ["--bind", str(work / "home"), "/root", "--bind", str(work / "tmp"), "/var/tmp"]
        arguments += ["--bind", str(work / "src"), SOURCE, "--bind", str(self._plan.control), CONTROL]
        for host, inside in self._plan.binds:
            arguments += ["--ro-bind", host, inside]
        for name, value in self._plan.environment.items():
            arguments += ["--setenv", name, value]
        return [*arguments, "--remount-ro", "/", "--chdir", SOURCE, "--", *self._command]

    def _wire_network(self) -> None:
        if self._plan.network == "host":
            return
        enter = [*_drop(), "nsenter", "-t", str(self.process.pid), "-U", "-n", "--preserve-credentials"]
        rules = ["ip link set lo up"]
        if self._plan.network == "isolated":
            self._start_slirp()
            rules += [f"ip route add unreachable {net}" for net in (*_BLOCKED, *_own_addresses())]
        done = subprocess.run([*enter, "/bin/sh", "-c", "; ".join(rules)], capture_output=True, check=False)
        if done.returncode not in (0, 2):
            raise NoSandbox(f"the build's network could not be set up: {done.stderr.decode()[-300:]}")

    def _start_slirp(self) -> None:
        ready_read, ready_write = os.pipe()
        pid = str(self.process.pid)
        command = ["slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", "--enable-seccomp"]
        command += [f"--userns-path=/proc/{pid}/ns/user", f"--ready-fd={ready_write}", pid, "tap0"]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._slirp = subprocess.Popen(
            [*_drop(), *command],
            stdin=subprocess.DEVNULL,
            pass_fds=(ready_write,),
            preexec_fn=_die_with_parent,
            **quiet,
        )
        os.close(ready_write)
        ready = os.read(ready_read, 1)
        os.close(ready_read)
        if not ready:
            raise NoSandbox("slirp4netns did not start. Use the network none or host, or see its requirements")

    def _give(self, *paths: Path) -> None:
        if os.geteuid() == 0:
            for path in paths:
                os.chown(path, BUILD_UID, BUILD_UID)


_FIX = (
    "Builds need bubblewrap and user namespaces: apt-get install bubblewrap slirp4netns uidmap, and "
    "sysctl kernel.unprivileged_userns_clone=1 where it is 0; or start the server with --unsafe-local-builds"
)


def _check_tools(network: str) -> None:
    needed = ["bwrap", "unshare", "nsenter", *(["slirp4netns", "ip"] if network == "isolated" else [])]
    if missing := [
        tool for tool in needed if shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None
    ]:
        raise NoSandbox(f"{', '.join(missing)} not found. {_FIX}")


def _drop() -> list[str]:
    """Root becomes the build user before anything else; everybody else stays who they are."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={BUILD_UID}", f"--regid={BUILD_UID}", "--clear-groups", "--no-new-privs"]


def _made_etc(top: Path, network: str) -> Path:
    """A made-up /etc: users, hosts, resolver, and the host's certificates and linker cache."""
    etc = top / "etc"
    etc.mkdir()
    (etc / "passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    )
    (etc / "group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (etc / "hosts").write_text("127.0.0.1 localhost codebuild\n::1 localhost\n")
    (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
    resolver = Path("/etc/resolv.conf").read_text() if network == "host" else "nameserver 10.0.2.3\n"
    (etc / "resolv.conf").write_text(resolver)
    for name in _ETC:
        source = Path("/etc") / name
        if source.is_dir():
            shutil.copytree(source, etc / name, symlinks=True, ignore=shutil.ignore_patterns("private"))
        elif source.exists():
            shutil.copyfile(source, etc / name)
    for path in (etc, *etc.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    return etc


def _filter_fd() -> int:
    """The seccomp program in a descriptor that bubblewrap reads to its end."""
    descriptor, name = tempfile.mkstemp(prefix="seccomp-")
    os.unlink(name)
    os.write(descriptor, seccomp.program())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _own_addresses() -> list[str]:
    """This host's own addresses, so that no build reaches its services by them."""
    done = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False)
    return [address for address in done.stdout.split() if ":" not in address]


def _listen() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.bind(("127.0.0.1", 0))
    sock.listen(64)
    return sock


def _listen_inside(pid: int, reply: socket.socket) -> None:
    """In a forked child: enter the namespaces of `pid`, listen there, send the socket back, end."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        spaces = [
            (os.open(f"/proc/{pid}/ns/{n}", os.O_RDONLY), kind)
            for n, kind in (("user", _CLONE_NEWUSER), ("net", _CLONE_NEWNET))
        ]
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(BUILD_UID, BUILD_UID, BUILD_UID)
            os.setresuid(BUILD_UID, BUILD_UID, BUILD_UID)
        for descriptor, kind in spaces:
            if libc.setns(descriptor, kind) != 0:
                os._exit(1)
        sock = _listen()
        socket.send_fds(reply, [b"x"], [sock.fileno()])
        os._exit(0)
    except BaseException:  # a forked child must never return into the builder's code
        os._exit(1)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
