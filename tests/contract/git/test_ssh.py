"""Git over SSH with Debian's own ssh and git: who comes in, what is served, and what is not."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from codeyard.gateway.attempts import FREE_TRIES, WAIT
from tests.contract.git.conftest import ALL, ARN, Site
from tests.support.yard import TestYard, wait_until


class Shell:
    """A site with users who have SSH keys."""

    def __init__(self, site: Site) -> None:
        self.site, self.yard = site, site.yard
        self.host, _, self.port = self.yard.yard.ssh_address.rpartition(":")
        self.keys: dict[str, Path] = {}

    def person(self, name: str, statements: list[Any] | None = None, *, bits: str = "2048") -> str:
        """The key id of a new user with an SSH key."""
        self.yard.user(name, (ALL if statements is None else statements) or None)
        return self.key(name, bits=bits)

    def key(self, name: str, *, bits: str = "2048") -> str:
        path = self.site.folder / f"id_{name}_{len(self.keys)}"
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", bits, "-N", "", "-f", str(path)], check=True)
        body = path.with_suffix(".pub").read_text()
        made = self.yard.call("iam", "UploadSSHPublicKey", {"UserName": name, "SSHPublicKeyBody": body})
        key_id = str(made["SSHPublicKey"]["SSHPublicKeyId"])
        self.keys[key_id] = path
        return key_id

    def command(self, key_id: str, *more: str) -> list[str]:
        known = f"UserKnownHostsFile={self.site.folder / 'known_hosts'}"
        options = [known, "StrictHostKeyChecking=accept-new", "IdentitiesOnly=yes", "BatchMode=yes"]
        flags = [word for option in options for word in ("-o", option)]
        return ["ssh", "-F", os.devnull, *more, *flags, "-i", str(self.keys[key_id])]

    def url(self, key_id: str, repository: str = "demo") -> str:
        return f"ssh://{key_id}@{self.host}:{self.port}/v1/repos/{repository}"

    def git(self, key_id: str, *arguments: str, **more: Any) -> str:
        env = {**self.site.environment(), "GIT_SSH_COMMAND": " ".join(self.command(key_id))}
        return self.site.git(*arguments, env=env, **more)

    def ssh(self, key_id: str, *words: str, user: str = "", flags: tuple[str, ...] = ()) -> Any:
        place = ["-p", self.port, f"{user or key_id}@{self.host}"]
        command = [*self.command(key_id, *flags), *place, *words]
        return subprocess.run(command, capture_output=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def shell(module_yard: TestYard, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    module_yard.call("codecommit", "CreateRepository", {"repositoryName": "demo"})
    made = Shell(Site(module_yard, tmp_path_factory.mktemp("client")))
    return made


@pytest.fixture(scope="module")
def ann(shell: Shell) -> str:
    """The key id of one who may pull and push."""
    return shell.person("ann")


@pytest.fixture
def branch(request: pytest.FixtureRequest) -> str:
    return re.sub(r"\W", "-", request.node.name)


def tip(shell: Shell, branch: str) -> str:
    return shell.site.branches().get(branch, "")


@pytest.mark.parametrize("version", ["0", "2"])
def test_what_is_pushed_is_cloned_by_every_protocol(shell: Shell, ann: str, branch: str, version: str) -> None:
    work, protocol = shell.site.work(3), ("-c", f"protocol.version={version}")
    shell.git(ann, *protocol, "push", shell.url(ann), f"main:{branch}", cwd=work)
    assert tip(shell, branch) == shell.site.git("rev-parse", "HEAD", cwd=work)
    copy = f"copy{version}"
    shell.git(ann, *protocol, "clone", "--quiet", "--branch", branch, shell.url(ann), copy)
    assert shell.site.git("rev-parse", "HEAD", cwd=shell.site.folder / copy) == tip(shell, branch)
    shell.site.commit(work, "more", "x" * 200_000)
    shell.git(ann, *protocol, "push", shell.url(ann), f"main:{branch}", "main:refs/tags/t" + version, cwd=work)
    said = shell.git(ann, *protocol, "fetch", "--tags", "origin", cwd=shell.site.folder / copy)
    assert f"t{version}" in said
    assert "up-to-date" in shell.git(ann, *protocol, "push", shell.url(ann), f"main:{branch}", cwd=work)


def test_a_large_push_arrives_whole_and_is_cloned_shallow_and_in_parts(shell: Shell, ann: str, branch: str) -> None:
    work = shell.site.work(1)
    (work / "blob").write_bytes(os.urandom(4 << 20))
    shell.site.git("add", "blob", cwd=work)
    shell.site.git("commit", "--quiet", "-m", "large", cwd=work)
    shell.git(ann, "push", "--quiet", shell.url(ann), f"main:{branch}", cwd=work)
    whole = shell.site.git("rev-parse", "HEAD:blob", cwd=work)
    for number, how in enumerate((["--depth=1"], ["--filter=blob:none"], [])):
        shell.git(ann, "clone", "--quiet", *how, "--branch", branch, shell.url(ann), f"large{number}")
        assert shell.site.git("hash-object", "blob", cwd=shell.site.folder / f"large{number}") == whole
    assert shell.git(ann, "push", shell.url(ann), f":{branch}", cwd=work)
    assert tip(shell, branch) == ""


def test_push_options_are_taken_with_and_without_a_pack(shell: Shell, ann: str, branch: str) -> None:
    work, option = shell.site.work(1), f"for={branch}"
    shell.git(ann, "push", "-o", option, "-o", "plain", shell.url(ann), f"main:{branch}", cwd=work)
    assert tip(shell, branch)
    shell.git(ann, "push", "-o", branch, shell.url(ann), f":{branch}", f":refs/heads/{branch}-none", cwd=work)
    assert tip(shell, branch) == ""
    named = [one["additionalEventData"].get("pushOptions") for one in shell.site.records("GitPush")]
    assert ["for", "plain"] in named
    assert [branch] in named


def test_an_archive_is_made(shell: Shell, ann: str, branch: str) -> None:
    shell.git(ann, "push", "--quiet", shell.url(ann), f"main:{branch}", cwd=shell.site.work(1))
    shell.git(ann, "archive", f"--remote={shell.url(ann)}", "--output=all.tar", branch)
    listed = subprocess.run(["tar", "tf", str(shell.site.folder / "all.tar")], capture_output=True, check=True)
    assert listed.stdout == b"file0\n"


def test_a_push_is_judged_reference_by_reference_and_refused_whole(shell: Shell, branch: str) -> None:
    protected = {"StringEqualsIfExists": {"codecommit:References": ["refs/heads/prod"]},
                 "Null": {"codecommit:References": "false"}}  # fmt: skip
    deny = {"Effect": "Deny", "Action": "codecommit:GitPush", "Resource": ARN, "Condition": protected}
    key, work = shell.person("guarded", [*ALL, deny]), shell.site.work(1)
    said = shell.git(key, "push", shell.url(key), f"main:{branch}", "main:prod", cwd=work, ok=False)
    assert "not authorized to perform: codecommit:GitPush" in said
    assert (tip(shell, branch), tip(shell, "prod")) == ("", "")
    shell.git(key, "push", shell.url(key), f"main:{branch}", cwd=work)
    assert tip(shell, branch)


def test_who_may_only_read_cannot_push_and_a_stranger_learns_nothing(shell: Shell, ann: str, branch: str) -> None:
    shell.git(ann, "push", "--quiet", shell.url(ann), f"main:{branch}", cwd=shell.site.work(1))
    reader = shell.person("reader", [{"Effect": "Allow", "Action": "codecommit:GitPull", "Resource": ARN}])
    assert tip(shell, branch) in shell.git(reader, "ls-remote", shell.url(reader))
    said = shell.git(reader, "push", shell.url(reader), "main:x", cwd=shell.site.work(1), ok=False)
    assert "codecommit:GitPush" in said
    stranger = shell.person("stranger", [])
    here = shell.git(stranger, "ls-remote", shell.url(stranger), ok=False)
    nowhere = shell.git(stranger, "ls-remote", shell.url(stranger, "absent"), ok=False)
    assert here.replace(":demo", "") == nowhere.replace(":absent", "")
    assert "There is no such repository" in shell.git(ann, "ls-remote", shell.url(ann, "a/b"), ok=False)


def test_a_key_counts_under_its_own_id_and_as_long_as_it_is_active(shell: Shell, ann: str) -> None:
    other = shell.person("other")
    assert shell.ssh(ann, "git-upload-pack '/v1/repos/demo'", user=other).returncode == 255
    assert shell.ssh(ann, "git-upload-pack '/v1/repos/demo'", user="APKA00000000000000000").returncode == 255
    assert shell.ssh(ann, "git-upload-pack '/v1/repos/demo'", user="git").returncode == 255
    shell.git(other, "ls-remote", shell.url(other))
    status = {"UserName": "other", "SSHPublicKeyId": other}
    shell.yard.call("iam", "UpdateSSHPublicKey", {**status, "Status": "Inactive"})
    assert "Permission denied" in shell.git(other, "ls-remote", shell.url(other), ok=False)
    shell.yard.call("iam", "UpdateSSHPublicKey", {**status, "Status": "Active"})
    shell.git(other, "ls-remote", shell.url(other))
    shell.yard.call("iam", "DeleteSSHPublicKey", status)
    assert "Permission denied" in shell.git(other, "ls-remote", shell.url(other), ok=False)


@pytest.mark.parametrize(
    "words",
    [(), ("ls",), ("git-upload-pack",), ("git-shell -c ls",), ("git-upload-pack --strict /v1/repos/demo",),
     ("git-upload-pack '/v1/repos/demo' ; id",), ("git-upload-pack '$(id)'",), ("git-upload-pack '../../etc'",)],
)  # fmt: skip
def test_nothing_but_gits_commands_is_executed(shell: Shell, ann: str, words: tuple[str, ...]) -> None:
    done = shell.ssh(ann, *words)
    assert done.returncode == 128
    assert b"Only git" in done.stdout + done.stderr or b"no such repository" in done.stdout


def test_no_terminal_no_files_no_forwarding_no_old_signatures(shell: Shell, ann: str) -> None:
    assert b"PTY allocation request failed" in shell.ssh(ann, flags=("-tt",)).stderr
    assert shell.ssh(ann, "sftp", flags=("-s",)).returncode != 0
    assert shell.ssh(ann, flags=("-W", "127.0.0.1:22")).returncode != 0
    old = ("-o", "PubkeyAcceptedAlgorithms=ssh-rsa", "-o", "HostKeyAlgorithms=ssh-rsa")
    assert shell.ssh(ann, "git-upload-pack '/v1/repos/demo'", flags=old).returncode == 255
    new = ("-o", "PubkeyAcceptedAlgorithms=rsa-sha2-256", "-o", "HostKeyAlgorithms=rsa-sha2-512")
    file = f"UserKnownHostsFile={shell.site.folder / 'by_rsa'}"
    assert shell.ssh(ann, "git-upload-pack '/v1/repos/demo'", flags=(*new, "-o", file)).returncode in (0, 128)
    assert shell.ssh(ann, "x", flags=("-o", "PreferredAuthentications=password,keyboard-interactive")).returncode == 255


def test_the_trail_tells_of_pulls_and_pushes_over_ssh(shell: Shell, ann: str, branch: str) -> None:
    work = shell.site.work(1)
    shell.git(ann, "push", shell.url(ann), f"main:{branch}", cwd=work)
    moved = {"commit": shell.site.git("rev-parse", "HEAD", cwd=work), "ref": f"refs/heads/{branch}"}
    (pushed,) = [one for one in shell.site.records("GitPush") if one["requestParameters"].get("references") == [moved]]
    assert pushed["additionalEventData"]["protocol"] == "SSH"
    assert (pushed["userIdentity"]["accessKeyId"], pushed["userIdentity"]["userName"]) == (ann, "ann")
    assert "OpenSSH" in pushed["userAgent"]
    assert "tlsDetails" not in pushed
    (told,) = [one for one in shell.site.events() if one.get("referenceName") == branch]
    assert (told["event"], told["callerUserArn"].rpartition("/")[2]) == ("referenceCreated", "ann")
    shell.git(ann, "ls-remote", shell.url(ann))
    pulled = [one for one in shell.site.records("GitPull") if one["userIdentity"].get("accessKeyId") == ann]
    assert {one["additionalEventData"]["protocol"] for one in pulled} == {"SSH"}


def test_a_client_that_leaves_takes_its_git_process_along(shell: Shell, ann: str, branch: str) -> None:
    shell.git(ann, "push", "--quiet", shell.url(ann), f"main:{branch}", cwd=shell.site.work(1))
    place = ["-p", shell.port, f"{ann}@{shell.host}", "git-upload-pack '/v1/repos/demo'"]
    client = subprocess.Popen([*shell.command(ann), *place], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert client.stdout is not None
    client.stdout.read(100)
    assert list(_children("upload-pack"))
    client.send_signal(signal.SIGKILL)
    client.wait(60)
    wait_until(lambda: not list(_children("upload-pack")))


def _children(word: str) -> Iterator[int]:
    """This process's own children of that name."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and word in (path.parent / "cmdline").read_text():
                yield int(path.parent.name)
        except (OSError, ValueError):
            continue


def test_the_host_keeps_its_keys_and_files_are_the_servers_alone(shell: Shell, ann: str) -> None:
    shell.ssh(ann, "x")
    folder = shell.yard.data / "ssh"
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "host_ed25519": 0o600, "host_rsa": 0o600}  # fmt: skip
    assert f"[{shell.host}]:{shell.port}" in (shell.site.folder / "known_hosts").read_text()


def test_clone_urls_name_the_door(shell: Shell) -> None:
    told = shell.yard.call("codecommit", "GetRepository", {"repositoryName": "demo"})["repositoryMetadata"]
    assert told["cloneUrlSsh"].endswith(f":{shell.port}/v1/repos/demo")
    assert shell.yard.facts["ssh"] == f"{shell.host}:{shell.port}"


def test_large_files_go_by_https_after_a_word_over_ssh(shell: Shell, ann: str, branch: str) -> None:
    work, copy = shell.site.work(1), shell.site.folder / "with-large"
    content = os.urandom(300_000)
    shell.git(ann, "lfs", "install", "--local", cwd=work)
    shell.git(ann, "lfs", "track", "*.bin", cwd=work)
    (work / "large.bin").write_bytes(content)
    shell.site.git("add", ".", cwd=work)
    shell.site.git("commit", "--quiet", "-m", "large", cwd=work)
    shell.git(ann, "remote", "add", "origin", shell.url(ann), cwd=work)
    shell.git(ann, "push", "--quiet", "origin", f"main:{branch}", cwd=work)
    shell.git(ann, "clone", "--quiet", "--branch", branch, shell.url(ann), str(copy))
    shell.git(ann, "lfs", "install", "--local", cwd=copy)
    shell.git(ann, "lfs", "pull", cwd=copy)
    assert (copy / "large.bin").read_bytes() == content
    assert shell.ssh(ann, "git-lfs-authenticate '/v1/repos/demo' delete").returncode == 128


def test_a_connection_that_stays_open_serves_a_key_no_longer_than_it_is_active(shell: Shell) -> None:
    key = shell.person("leaver")
    control = f"ControlPath={shell.site.folder / 'line'}"
    master = shell.command(key, "-o", control, "-o", "ControlMaster=yes", "-N", "-p", shell.port, f"{key}@{shell.host}")
    line = subprocess.Popen(master, stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: (shell.site.folder / "line").exists())
        again = ("-o", control)
        assert b"git-upload-pack" in shell.ssh(key, "ls", flags=again).stderr
        assert shell.ssh(key, "git-upload-pack '/v1/repos/demo'", flags=again).stdout.startswith(b"0")
        status = {"UserName": "leaver", "SSHPublicKeyId": key, "Status": "Inactive"}
        shell.yard.call("iam", "UpdateSSHPublicKey", status)
        assert b"not active" in shell.ssh(key, "git-upload-pack '/v1/repos/demo'", flags=again).stdout
    finally:
        line.terminate()
        line.wait(60)


def test_who_guesses_too_often_waits_and_keeps_nobody_else_out(shell: Shell, ann: str) -> None:
    guessed = shell.person("guessed")
    for _ in range(FREE_TRIES):
        assert shell.ssh(ann, "git-upload-pack '/v1/repos/demo'", user=guessed).returncode == 255
    assert shell.ssh(guessed, "git-upload-pack '/v1/repos/demo'").returncode == 255
    shell.git(ann, "ls-remote", shell.url(ann))
    shell.yard.clock.advance(WAIT // 1_000_000 + 1)
    shell.git(guessed, "ls-remote", shell.url(guessed))


def test_a_connection_runs_ten_commands_at_once_and_no_more(shell: Shell, ann: str) -> None:
    async def fill() -> list[Any]:
        place = {"port": int(shell.port), "username": ann, "client_keys": [str(shell.keys[ann])], "known_hosts": None}
        async with asyncssh.connect(shell.host, **place) as line:  # type: ignore[arg-type]
            for _ in range(10):
                found = await line.create_process("git-upload-pack '/v1/repos/demo'", encoding=None)
                assert await found.stdout.read(4)
            with pytest.raises(asyncssh.ChannelOpenError):
                await line.create_process("git-upload-pack '/v1/repos/demo'", encoding=None)
            found.close()
            await found.wait_closed()
            return list(_children("upload-pack"))

    assert len(asyncio.run(fill())) >= 9
    wait_until(lambda: not list(_children("upload-pack")))


def test_the_hosts_keys_outlive_a_restart(tmp_path: Path) -> None:
    def offered(yard: TestYard) -> bytes:
        host, _, port = yard.yard.ssh_address.rpartition(":")
        scan = subprocess.run(["ssh-keyscan", "-p", port, host], capture_output=True, timeout=60, check=True)
        return b"\n".join(sorted(line.partition(b" ")[2] for line in scan.stdout.splitlines() if line[:1] != b"#"))

    keys = []
    for _ in range(2):
        yard = TestYard(tmp_path / "data")
        keys.append(offered(yard))
        yard.close()
    assert keys[0] == keys[1]
    assert b"ssh-ed25519" in keys[0]
    assert b"ssh-rsa" in keys[0]
