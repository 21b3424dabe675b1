"""`codeyard migrate`: repositories of other git servers come whole, again and again, and go out as well."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result

from codeyard.cli import main
from codeyard.cli.mirror import copy as copying
from tests.support.git_server import GitServer, git_server
from tests.support.howto import script
from tests.support.ssh_git_server import ssh_git_server
from tests.support.yard import TestYard, module_yard, wait_until

__all__ = ["module_yard"]
PAGES = Path(__file__).resolve().parents[3] / "docs" / "howto"
TOKEN = "s3cret/t0ken"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """Another git server, with no repository yet."""
    with git_server(tmp_path_factory.mktemp("elsewhere"), TOKEN) as serving:
        yield serving


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's own home, whose git has Git LFS."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    config = tmp_path / "gitconfig"
    config.write_text(
        "[user]\n name = Ann\n email = ann@example.com\n[init]\n defaultBranch = trunk\n"
        '[filter "lfs"]\n clean = git-lfs clean -- %f\n smudge = git-lfs smudge --skip -- %f\n required = true\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("CODEYARD_GIT_TOKEN", raising=False)


def git(folder: Path, *arguments: str) -> str:
    """What git says in a folder."""
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def bare(server: GitServer, name: str, work: Path) -> Path:
    """A repository at the server with two branches, a tag, a note, a pull request's reference, and a working copy."""
    git(server.folder, "init", "--quiet", "--bare", name)
    git(server.folder / name, "config", "http.receivepack", "true")
    work.mkdir()
    git(work, "init", "--quiet")
    (work / "a").write_text("one\n")
    git(work, "add", "a")
    git(work, "commit", "--quiet", "-m", "One")
    git(work, "tag", "-a", "v1", "-m", "v1")
    git(work, "branch", "side")
    git(work, "notes", "add", "-m", "noted")
    git(work, "update-ref", "refs/pull/1/head", "HEAD")
    git(work, "remote", "add", "origin", str(server.folder / name))
    git(work, "push", "--quiet", "--mirror", "origin")
    return server.folder / name


def migrate(yard: TestYard, *arguments: str) -> Result:
    """Run the command, in this process; it does not print the token."""
    (yard.data / "endpoint.json").write_text(json.dumps(yard.facts))
    found = CliRunner().invoke(main, ["migrate", *arguments, "--data", str(yard.data)])
    assert TOKEN not in found.output
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exc_info
    return found


def done(yard: TestYard, *arguments: str) -> str:
    """What a command says that succeeds."""
    found = migrate(yard, *arguments)
    assert found.exit_code == 0, found.output
    return found.output


def references(repository: Path | str) -> dict[str, str]:
    """What a folder has, but for a host's own."""
    told = git(Path(repository), "for-each-ref", "--format=%(refname) %(objectname)")
    pairs = dict(line.split(" ") for line in told.splitlines())
    return {name: value for name, value in pairs.items() if not name.startswith(("refs/pull/", "refs/remotes/"))}


def here(yard: TestYard, name: str) -> dict[str, str]:
    """What the migrated repository has."""
    from codeyard.cli.mirror.place import ours

    class keys:
        access_key, secret_key, token = yard.facts["access_key_id"], yard.facts["secret_access_key"], ""

    with copying.opened(Path(os.environ["XDG_CACHE_HOME"]) / "look") as run:
        place = ours(yard.facts, name, keys)
        return dict(copying.Copy(run, place, place, print).remote(place).ids)


def test_a_repository_comes_whole_and_follows_until_the_switch(
    module_yard: TestYard, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = bare(server, "whole.git", tmp_path / "work")
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    asked = ("git", f"{server.url}/whole.git", "whole", "--token-file", str(token))
    monkeypatch.setattr(copying, "GROUP", 2)
    said = done(module_yard, *asked)
    assert "sent 4 of 4 references" in said
    assert "git remote set-url origin codecommit::us-east-1://whole" in said
    assert here(module_yard, "whole") == references(there)
    codecommit = module_yard.client("codecommit")
    assert codecommit.get_repository(repositoryName="whole")["repositoryMetadata"]["defaultBranch"] == "trunk"

    work = tmp_path / "work"
    git(work, "commit", "--quiet", "--amend", "-m", "Moved")
    git(work, "branch", "-D", "side")
    git(work, "branch", "side/below")
    git(work, "push", "--quiet", "--mirror", "origin")
    done(module_yard, *asked)
    assert here(module_yard, "whole") == references(there)
    assert "fetched" not in done(module_yard, *asked).replace("the mirror", ""), "nothing was new"


def test_large_files_come_along_and_go_out_again(
    module_yard: TestYard, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, work = bare(server, "large.git", tmp_path / "work"), tmp_path / "work"
    (work / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (work / "big.bin").write_bytes(content := os.urandom(70_000))
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", "Large")
    git(work, "push", "--quiet", "--no-verify", "origin", "trunk")
    url = f"{server.url}/large.git"
    monkeypatch.setenv("CODEYARD_GIT_TOKEN", TOKEN)
    refused = migrate(module_yard, "git", url, "large")
    assert refused.exit_code == 1, "the other server does not have the file"
    oid = git(work, "lfs", "ls-files", "--long").split(" ")[0]
    server.large[oid] = content
    assert "Git LFS: sent" in done(module_yard, "git", url, "large")
    assert here(module_yard, "large") == references(there)

    server.large.clear()
    git(server.folder, "init", "--quiet", "--bare", "out.git")
    git(server.folder / "out.git", "config", "http.receivepack", "true")
    done(module_yard, "export", "large", f"{server.url}/out.git", "--bearer")
    assert server.large == {oid: content}
    assert references(server.folder / "out.git") == references(there)


def test_commits_that_only_the_target_has_are_not_lost(
    module_yard: TestYard, server: GitServer, tmp_path: Path
) -> None:
    there = bare(server, "kept.git", tmp_path / "work")
    done(module_yard, "git", str(there), "kept")
    tip = references(there)["refs/heads/trunk"]
    codecommit = module_yard.client("codecommit")
    codecommit.put_file(
        repositoryName="kept", branchName="trunk", filePath="b", fileContent=b"ours", parentCommitId=tip
    )
    refused = migrate(module_yard, "git", str(there), "kept")
    assert refused.exit_code == 1
    assert "refs/heads/trunk" in refused.output
    assert "--overwrite" in refused.output
    done(module_yard, "git", str(there), "kept", "--overwrite")
    assert here(module_yard, "kept") == references(there)


def test_a_killed_run_goes_on_where_it_stopped(
    module_yard: TestYard, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = bare(server, "killed.git", tmp_path / "work")
    monkeypatch.setattr(copying, "GROUP", 1)
    pushed, push = [], copying.Copy._push

    def stopping(self: copying.Copy, specifications: list[str], said: str) -> None:
        push(self, specifications[:1], said)
        pushed.append(specifications)
        raise KeyboardInterrupt

    work = tmp_path / "mirror"
    with monkeypatch.context() as patched:
        patched.setattr(
            copying.Copy, "send", lambda self, a, b: stopping(self, [f"+{a.ids[x]}:{x}" for x in a.news(b)], "sent")
        )
        assert migrate(module_yard, "git", str(there), "killed", "--work", str(work)).exit_code == 1
    assert set(here(module_yard, "killed")) == {"refs/heads/trunk"}
    (work / "mirror.git" / "packed-refs.lock").touch()
    said = done(module_yard, "git", str(there), "killed", "--work", str(work))
    assert "sent 3 of 3 references" in said
    assert here(module_yard, "killed") == references(there)


def test_git_daemon_is_a_source(module_yard: TestYard, server: GitServer, tmp_path: Path) -> None:
    there = bare(server, "daemon.git", tmp_path / "work")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["git", "daemon", "--export-all", "--listen=127.0.0.1", f"--port={port}", f"--base-path={server.folder}"]
    daemon = subprocess.Popen([*command, "--reuseaddr"], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        done(module_yard, "git", f"git://127.0.0.1:{port}/daemon.git", "daemon")
    finally:
        daemon.terminate()
        daemon.wait(60)
    assert here(module_yard, "daemon") == references(there)


def test_ssh_is_a_source_and_a_target(
    module_yard: TestYard, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = bare(server, "ssh.git", tmp_path / "work")
    git(server.folder, "init", "--quiet", "--bare", "ssh-out.git")
    with ssh_git_server(tmp_path) as (port, command):
        monkeypatch.setenv("GIT_SSH_COMMAND", command)
        root = f"ssh://ann@127.0.0.1:{port}{server.folder}"
        done(module_yard, "git", f"{root}/ssh.git", "ssh")
        assert here(module_yard, "ssh") == references(there)
        done(module_yard, "export", "ssh", f"{root}/ssh-out.git")
        assert references(server.folder / "ssh-out.git") == references(there)
        monkeypatch.setenv("GIT_SSH_COMMAND", command.replace(f"-i {tmp_path}/key", "-i none -o IdentitiesOnly=yes"))
        refused = migrate(module_yard, "git", f"{root}/ssh.git", "ssh")
    assert "ssh HOST" in refused.output


def test_a_refusal_says_what_to_do(module_yard: TestYard, server: GitServer, tmp_path: Path) -> None:
    bare(server, "refused.git", tmp_path / "work")
    without = migrate(module_yard, "git", f"{server.url}/refused.git", "refused")
    assert without.exit_code == 1
    assert "--token-file" in without.output
    wrong = migrate(module_yard, "git", f"http://ann:{quote(TOKEN, safe='')}@127.0.0.1:1/refused.git", "refused")
    assert "cannot be reached" in wrong.output
    assert "%2F" in migrate(module_yard, "git", f"http://ann:{TOKEN}@127.0.0.1:1/refused.git", "refused").output
    assert "none of https://" in migrate(module_yard, "git", "ext::sh", "refused").output
    names = [one["repositoryName"] for one in module_yard.client("codecommit").list_repositories()["repositories"]]
    assert "refused" not in names


@pytest.mark.parametrize(
    ("page", "host"),
    [
        ("migrate-from-github", "https://github.com/you/"),
        ("migrate-from-a-git-server", "https://git.example.com/"),
    ],
)
def test_the_pages_commands_work_as_they_stand(
    module_yard: TestYard, server: GitServer, tmp_path: Path, page: str, host: str
) -> None:
    folder = tmp_path / "reader"
    folder.mkdir()
    git(tmp_path, "init", "--quiet", "my-clone")
    git(tmp_path / "my-clone", "remote", "add", "origin", "nowhere")
    (tmp_path / "my-clone").rename(folder / "my-clone")
    (folder / "token").write_text(TOKEN)
    there = bare(server, f"{page}.git", tmp_path / "work")
    git(server.folder, "init", "--quiet", "--bare", f"{page}-out.git")
    git(server.folder / f"{page}-out.git", "config", "http.receivepack", "true")
    typed = script(PAGES / f"{page}.md")
    for told, own in ((f"{host}hello.git", f"{page}.git"), (f"{host}hello-copy.git", f"{page}-out.git")):
        assert told in typed
        typed = typed.replace(told, f"{server.url}/{own}")
    typed = re.sub(r"\bhello\b", page, typed)
    (module_yard.data / "endpoint.json").write_text(json.dumps(module_yard.facts))
    environment = {**os.environ, "CODEYARD_DATA": str(module_yard.data)}
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-c", typed], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert TOKEN not in ran.stdout + ran.stderr
    assert references(server.folder / f"{page}-out.git") == references(there)
    assert git(folder / "my-clone", "remote", "get-url", "origin") == f"codecommit::us-east-1://{page}"


def test_the_pages_differ_in_url_and_token_only() -> None:
    github, gitlab = (script(PAGES / f"migrate-from-{host}.md") for host in ("github", "gitlab"))
    assert re.sub(r"at=\d+", "", github).replace("github.com", "gitlab.com") == re.sub(r"at=\d+", "", gitlab)


def test_git_alone_mirrors_as_well(module_yard: TestYard, server: GitServer, tmp_path: Path) -> None:
    there = bare(server, "alone.git", tmp_path / "work")
    module_yard.call("codecommit", "CreateRepository", {"repositoryName": "alone"})
    git(tmp_path, "clone", "--quiet", "--mirror", str(there), "alone.git")
    environment = module_yard.environment(tls=True)
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    push = ["git", "push", "--quiet", "--mirror", "codecommit::us-east-1://alone"]
    ran = subprocess.run(push, cwd=tmp_path / "alone.git", env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert here(module_yard, "alone") == references(there)
