"""The private root of a build: the host's toolchain read-only, an /etc made for it, and nothing else of the host."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TOOLCHAIN = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# What of the host's /etc toolchains need, and what is no secret.
_ETC = (
    "/etc/alternatives",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/services",
    "/etc/protocols",
    "/etc/java-17-openjdk",
    "/etc/java-21-openjdk",
)
# With the administrator's pass_host_tooling: where pip, npm and git are told of mirrors and certificates.
TOOLING = ("/etc/pip.conf", "/etc/npmrc", "/usr/etc/npmrc", "/etc/gitconfig", "/usr/local/share/ca-certificates")
_UID = 1000  # of a user who is not root; `nobody` has its usual one
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Room:
    """Folders of the scratch file system and where its user sees them."""

    scratch: str
    user: str = "root"

    @property
    def uid(self) -> int:
        """The user's number in the sandbox; outside it is the build's one user either way."""
        return {"root": 0, "nobody": 65_534}.get(self.user, _UID)

    @property
    def binds(self) -> tuple[tuple[str, str], ...]:
        """(folder of the scratch, place in the sandbox); all are writable and share one bound."""
        return (
            (f"{self.scratch}/tmp", "/tmp"),
            (f"{self.scratch}/root", home(self.user)),
            (f"{self.scratch}/var", "/var"),
            (f"{self.scratch}/run", "/run"),
            (f"{self.scratch}/out", "/codebuild/output"),
            (f"{self.scratch}/shm", "/dev/shm"),
        )

    def furnish(self, resolver: str) -> None:
        """Make the folders and the made-up /etc; called inside the build's namespaces, as its user."""
        for name in ("tmp", "var/tmp", "var/lib", "var/cache", "var/log", "root", "run", "out/tmp", "shm"):
            os.makedirs(f"{self.scratch}/{name}", exist_ok=True)
        for name in ("tmp", "var/tmp", "shm"):
            os.chmod(f"{self.scratch}/{name}", 0o1777)
        etc = Path(self.scratch) / "etc"
        for host in (*_ETC, *TOOLING):
            if host.startswith("/etc/") and os.path.exists(host):
                _mount_point(etc / host.removeprefix("/etc/"), os.path.isdir(host))
        for name, text in {**_made_up(resolver), **self._users()}.items():
            (etc / name).parent.mkdir(parents=True, exist_ok=True)
            (etc / name).write_text(text)

    def _users(self) -> dict[str, str]:
        """Who is in passwd and group: root, nobody, and the build's user."""
        users = {"root": (0, "/root", "/bin/sh"), "nobody": (65_534, "/nonexistent", "/usr/sbin/nologin")}
        users[self.user] = (self.uid, home(self.user), "/bin/sh")
        groups = {"root": 0, "nogroup": 65_534} | ({self.user: _UID} if self.uid == _UID else {})
        lines = [f"{name}:x:{uid}:{uid}:{name}:{where}:{shell}" for name, (uid, where, shell) in users.items()]
        return {
            "passwd": "".join(f"{line}\n" for line in lines),
            "group": "".join(f"{name}:x:{gid}:\n" for name, gid in groups.items()),
        }


def home(user: str) -> str:
    """Where a user of the sandbox is at home."""
    return "/root" if user == "root" else f"/home/{user}"


def arguments(room: Room, spec: Sequence[tuple[str, str]], *, tooling: bool, seccomp: int, cwd: str) -> list[str]:
    """bubblewrap's arguments; the namespaces of network and scratch are there already. `spec` are read-only binds."""
    said = [
        ["--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-ipc", "--unshare-uts"],
        ["--unshare-cgroup-try"],
        ["--die-with-parent", "--cap-drop", "ALL", "--seccomp", str(seccomp), "--hostname", "codebuild"],
    ]
    said += [["--uid", str(room.uid), "--gid", str(room.uid)]]
    said += [_toolchain(path) for path in _TOOLCHAIN]
    said += [["--ro-bind", f"{room.scratch}/etc", "/etc"]]
    passed = (*_ETC, *TOOLING) if tooling else _ETC
    said += [["--ro-bind", path, path] for path in passed if path.startswith("/etc/") and os.path.exists(path)]
    if not tooling:
        said += [["--tmpfs", path] for path in ("/usr/local/share/ca-certificates",) if os.path.isdir(path)]
        said += [["--ro-bind", "/dev/null", path] for path in ("/usr/etc/npmrc",) if os.path.isfile(path)]
    said += [["--proc", "/proc"]]
    said += [["--ro-bind", "/dev/null", p] for p in ("/proc/kcore", "/proc/keys", "/proc/sysrq-trigger") if _there(p)]
    said += [["--dev", "/dev"]]
    said += [["--bind", folder, place] for folder, place in room.binds]
    said += [["--ro-bind", folder, place] for folder, place in spec]
    said += [["--remount-ro", place] for place in ("/dev", "/")]
    said += [["--chdir", cwd]]
    return [word for words in said for word in words]


def is_shown(path: str) -> bool:
    """Whether a file of the host's toolchain or configuration is there in the sandbox, host tooling passed."""
    places = (*_TOOLCHAIN, *_ETC, *TOOLING)
    return os.path.normpath(path) == path and any(path == one or path.startswith(f"{one}/") for one in places)


def environment(user: str = "root") -> dict[str, str]:
    """What the shell of a build begins with; everything else is set by the build."""
    own = {"HOME": home(user), "USER": user, "LOGNAME": user}
    return {"PATH": _PATH, **own, "SHELL": "/bin/sh", "LANG": "C.UTF-8"}


def _toolchain(path: str) -> list[str]:
    if os.path.islink(path):
        return ["--symlink", os.readlink(path), path]
    return ["--ro-bind", path, path] if os.path.isdir(path) else []


def _there(path: str) -> bool:
    return os.path.exists(path)


def _mount_point(path: Path, folder: bool) -> None:
    """Something to mount the host's over."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if folder:
        path.mkdir(exist_ok=True)
    else:
        path.touch()


def _made_up(resolver: str) -> dict[str, str]:
    return {
        "hosts": "127.0.0.1 localhost codebuild\n",
        "hostname": "codebuild\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "resolv.conf": f"nameserver {resolver}\n" if resolver else "",
        "os-release": _os_release(),
    }


def _os_release() -> str:
    try:
        return Path("/etc/os-release").read_text()
    except OSError:
        return "NAME=Linux\nID=linux\n"
