"""Every row of the threat table that a sandbox answers, tried from inside a real one, as root and as a user."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from codeyard.runner.sandbox.netlink import host_addresses
from tests.security.sandbox.conftest import NOBODY, Run

pytestmark = pytest.mark.sandbox
PYTHON = "/usr/bin/python3 -c"


def test_pid_1_tells_nothing_of_the_server(run: Run) -> None:
    said = run("tr '\\0' '\\n' </proc/1/environ; cat /proc/1/cmdline; env").text
    assert "server's own" not in said
    assert "CODEYARD" not in said


def test_no_open_file_of_the_server_comes_in(run: Run, tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        said = run("ls -l /proc/1/fd /proc/self/fd").text
    assert "secret" not in said
    assert "socket:" not in said


@pytest.mark.parametrize("path", ["/etc/shadow", "/root/.ssh", "/home", "/work", "/opt", "/srv", "/etc/ssl/private"])
def test_the_hosts_files_are_not_there(run: Run, path: str) -> None:
    assert "there" not in run(f"[ -e {path} ] && echo there").text


def test_the_toolchain_cannot_be_changed(run: Run) -> None:
    said = run("for p in /usr/bin/x /etc/x /x /dev/x /codebuild/x; do echo 1 >$p && echo wrote; done").text
    assert "wrote" not in said


def test_there_is_no_further_user_namespace(run: Run) -> None:
    said = run(
        "unshare -Ur true && echo made; unshare -m true && echo made; cat /proc/sys/user/max_user_namespaces"
    ).text
    assert "made" not in said


def test_the_build_has_no_capability_and_a_filter(run: Run) -> None:
    status = dict(line.split(":\t") for line in run("cat /proc/self/status").text.splitlines() if ":\t" in line)
    assert status["CapEff"] == status["CapPrm"] == status["CapBnd"] == "0" * 16
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")


CALLS = """
import ctypes, errno, fcntl, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(name, number, *args):
    ctypes.set_errno(0)
    result = libc.syscall(number, *args)
    print(name, result, errno.errorcode.get(ctypes.get_errno(), ""))
import platform
X = platform.machine() == "x86_64"
call("keyctl", 250 if X else 219, 0, -3, 0)
call("add_key", 248 if X else 217, b"user", b"a", b"b", 1, -3)
call("bpf", 321 if X else 280, 0, 0, 0)
call("perf", 298 if X else 241, 0, 0, -1, -1, 0)
call("uffd", 323 if X else 282, 0)
call("mount", 165 if X else 40, b"a", b"/tmp", b"tmpfs", 0, 0)
call("ptrace", 101 if X else 117, 16, 1, 0, 0)
call("unshare", 272 if X else 97, 0x10000000)
call("clone", 56 if X else 220, 0x10000000 | 17, 0, 0, 0, 0)
call("setns", 308 if X else 268, 0, 0)
call("io_uring", 425, 1, 0)
call("fsopen", 430, b"tmpfs", 0)
call("clone3", 435, 0, 0)
try: fcntl.ioctl(0, 0x5412, b"x"); print("TIOCSTI 0")
except OSError as e: print("TIOCSTI -1", errno.errorcode[e.errno])
for family in (38, 40, 17):
    try: socket.socket(family, socket.SOCK_RAW); print("family", family, "0")
    except OSError as e: print("family", family, "-1", errno.errorcode[e.errno])
"""


def test_dangerous_system_calls_are_refused(run: Run) -> None:
    lines = run(f"{PYTHON} '{CALLS}'").text.splitlines()
    assert len(lines) == 17, lines
    for line in lines:
        assert line.endswith(("EPERM", "ENOSYS")), line


FORK_BOMB = """
import os
n = 0
try:
    while n < 5000:
        if os.fork() == 0: os.read(os.pipe()[0], 1)
        n += 1
except OSError: pass
print("forked", n, flush=True)
"""


def test_a_fork_bomb_is_bounded(run: Run) -> None:
    said = run(f"{PYTHON} '{FORK_BOMB}'", until="forked", processes=60).text
    assert 0 < int(said.split("forked ")[1].split()[0]) < 120


def test_the_disk_is_bounded_in_all_folders_together(run: Run) -> None:
    fill = "for d in /tmp /root /var/tmp /codebuild/output /run /dev/shm; do head -c 40M /dev/zero >$d/f; done; "
    said = run(fill + "cat /tmp/f /root/f /var/tmp/f /codebuild/output/f /run/f /dev/shm/f | wc -c", disk=64 << 20).text
    assert int(said.split()[-1]) <= 64 << 20
    assert "No space left" in said


MANY_FILES = """
n = 0
try:
    while n < 3000: open(f"/tmp/{n}", "w"); n += 1
except OSError: pass
print("made", n)
"""


def test_the_number_of_files_is_bounded(run: Run) -> None:
    assert int(run(f"{PYTHON} '{MANY_FILES}'", files=500).text.split()[-1]) < 500


def test_memory_is_bounded_where_a_cgroup_is(run: Run) -> None:
    ran = run(f"{PYTHON} 'x=bytearray(400<<20); print(len(x))'; echo status $?", memory=128 << 20)
    if "memory" in ran.words:
        assert "status 137" in ran.text


CONNECT = """
import socket, sys
for place in sys.argv[1:]:
    host, _, port = place.partition(":")
    with socket.socket() as s:
        s.settimeout(3)
        try: s.connect((host, int(port or 80))); print("open")
        except OSError as e: print(e.errno)
"""


def test_metadata_private_and_host_addresses_have_no_route(run: Run) -> None:
    own = [address.partition("/")[0] for address in host_addresses()] or ["192.168.0.1"]
    places = ["169.254.169.254", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "10.0.2.2", *own]
    said = run(f"{PYTHON} '{CONNECT}' {' '.join(places)}", network="isolated").text.split()
    assert len(said) == len(places)
    assert set(said) <= {"101", "113", "111"}, said


@pytest.mark.parametrize("network", ["none", "isolated"])
def test_the_hosts_loopback_is_closed(run: Run, network: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        server.settimeout(0)
        said = run(f"{PYTHON} '{CONNECT}' 127.0.0.1:{port} 10.0.2.2:{port}", network=network).text
        with pytest.raises(BlockingIOError):
            server.accept()
    assert "open" not in said
    assert len(said.split()) == 2


def test_without_a_network_nothing_is_reached(run: Run) -> None:
    assert run(f"{PYTHON} '{CONNECT}' 8.8.8.8:53").text.strip() == "101"


def test_routes_cannot_be_changed_from_inside(run: Run) -> None:
    said = run(
        "ip route del unreachable 169.254.0.0/16 && echo changed; ip link add x type dummy && echo changed",
        network="isolated",
    )
    assert "changed" not in said.text


def test_the_hosts_abstract_sockets_are_not_seen(run: Run) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0codeyard-test-abstract")
        assert "codeyard-test-abstract" not in run("cat /proc/net/unix").text


def test_a_setuid_file_gives_nothing_and_belongs_to_no_one_of_the_host(run: Run) -> None:
    said = run("cp /usr/bin/id /tmp/id; chmod 4755 /tmp/id; /tmp/id; grep ' /tmp ' /proc/self/mountinfo").text
    assert "nosuid" in said
    assert "nodev" in said


def test_devices_cannot_be_made(run: Run) -> None:
    assert "made" not in run("mknod /tmp/d b 8 0 && echo made; mknod /tmp/c c 1 1 && echo made").text


def test_the_kept_source_is_never_changed_and_the_build_may_change_its_own(run: Run, tmp_path: Path, user: str) -> None:
    source = tmp_path / "source"
    (source / "a").mkdir(parents=True)
    (source / "a" / "f").write_text("kept\n")
    os.link(source / "a" / "f", tmp_path / "of another source")
    _readable(source)
    if user == "user" and os.geteuid() == 0:  # what a runner keeps is its own user's
        for path in (source, source / "a", source / "a" / "f"):
            os.chown(path, NOBODY, NOBODY)
    before = (source / "a" / "f").stat().st_mode & 0o777
    command = (
        "cd src/src && echo more >>a/f && chmod 777 a/f && rm -rf a/f && mkdir b && echo new >a/f && cat a/f && ls"
    )
    assert run(command, source=source).text.split() == ["new", "a", "b"]
    assert (source / "a" / "f").read_text() == "kept\n"
    assert sorted(p.name for p in source.iterdir()) == ["a"]
    other = tmp_path / "of another source"
    assert (other.read_text(), other.stat().st_mode & 0o777) == ("kept\n", before)


def test_a_daemon_is_gone_with_its_build(run: Run) -> None:
    mark = f"31{os.getpid()}"
    ran = run(f"setsid sh -c 'trap \"\" TERM HUP; sleep {mark}' >/dev/null 2>&1 & echo started", until="started")
    assert "started" in ran.text
    assert not _alive(mark)


def test_an_endless_loop_is_killed_at_once(run: Run) -> None:
    ran = run("while :; do :; done", seconds=0.3)
    assert ran.seconds < 3
    assert not Path(f"/proc/{ran.pid}").exists()


@pytest.mark.parametrize("path", ["/proc/kcore", "/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/1/mem"])
def test_the_kernels_levers_are_out_of_reach(run: Run, path: str) -> None:
    assert "wrote" not in run(f"(echo x >{path}) 2>/dev/null && [ ! -c {path} ] && echo wrote").text
    assert len(run(f"head -c 10 {path}").text) < 200


def test_the_kernel_log_and_symbols_are_not_told(run: Run) -> None:
    said = run("dmesg | head -3; grep -v '^0* ' /proc/kallsyms | head -3").text
    assert all("denied" in line or "not permitted" in line.lower() or "failed" in line for line in said.splitlines())


def test_other_processes_are_neither_seen_nor_signalled(run: Run) -> None:
    said = run(f"ls /proc | grep -c '^[0-9]'; kill -0 {os.getpid()} && echo reached").text
    assert "reached" not in said
    assert int(said.split()[0]) < 10


def test_the_record_says_what_holds_the_build(run: Run, user: str) -> None:
    words = run("true").words
    assert words.startswith("bubblewrap, ")
    assert "network none" in words
    assert "64 MiB of disk" in words
    assert "cgroup" in words or "rlimits only" in words


def _readable(folder: Path) -> None:
    """Let the ordinary user reach a folder of the test's."""
    for path in (folder, *folder.parents):
        if path == Path("/") or path.stat().st_uid != os.geteuid():
            break
        path.chmod(path.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)


def _alive(mark: str) -> bool:
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and f"sleep\0{mark}" in (folder / "cmdline").read_text():
                return True
        except OSError:
            continue
    return False
