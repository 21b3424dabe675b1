"""git's own clients clone, fetch and push; events and the trail tell of it."""

from __future__ import annotations

import gzip
import http.client
import random
import socket
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from codeyard.git.command import Git
from codeyard.git.transfer import check
from tests.contract.git.conftest import Site
from tests.support.yard import wait_until


def basic(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    who = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return {"Authorization": "Basic " + b64encode(who.encode()).decode()}


def bare(site: Site) -> Path:
    (found,) = (site.yard.data / "git" / "repositories").glob("*/*.git")
    return found


def test_what_is_pushed_is_cloned(site: Site, url: str) -> None:
    work = site.work()
    site.git("push", url, "main", cwd=work)
    site.git("clone", "--quiet", url, "copy")
    assert site.git("rev-parse", "HEAD", cwd=site.folder / "copy") == site.git("rev-parse", "HEAD", cwd=work)
    assert check(Git(site.folder / "home"), bare(site)) == []
    tip = site.commit(work, "more", "more")
    site.git("push", url, "main", cwd=work)
    site.git("pull", "--quiet", cwd=site.folder / "copy")
    assert site.git("rev-parse", "HEAD", cwd=site.folder / "copy") == tip


def test_branches_and_tags_are_made_forced_back_and_deleted_with_an_event_each(site: Site, url: str) -> None:
    work = site.work()
    first, tip = site.git("rev-parse", "HEAD~2", cwd=work), site.git("rev-parse", "HEAD", cwd=work)
    site.git("tag", "light", cwd=work)
    site.git("tag", "--annotate", "--message", "v1", "v1", cwd=work)
    site.git("push", url, "main", "main:side", "light", "v1", cwd=work)
    site.git("push", url, f"{first}:side", cwd=work, ok=False)
    site.git("push", "--force", url, f"{first}:side", cwd=work)
    site.git("push", url, ":side", ":light", cwd=work)
    assert site.branches() == {"main": tip}
    told = [(e["event"], e["referenceName"], e.get("oldCommitId"), e.get("commitId")) for e in site.events()]
    tag = site.git("rev-parse", "v1", cwd=work)
    assert sorted(told[:4]) == [
        ("referenceCreated", "light", None, tip),
        ("referenceCreated", "main", None, tip),
        ("referenceCreated", "side", None, tip),
        ("referenceCreated", "v1", None, tag),
    ]
    assert told[4] == ("referenceUpdated", "side", tip, first)
    assert sorted(told[5:]) == [("referenceDeleted", "light", tip, None), ("referenceDeleted", "side", first, None)]
    assert {event["callerUserArn"] for event in site.events()} == {"arn:aws:iam::123456789012:user/alice"}


def test_the_first_branch_is_the_default_and_no_push_deletes_it(site: Site, url: str) -> None:
    work = site.work()
    site.git("push", url, "main:trunk", cwd=work)
    found = site.yard.call("codecommit", "GetRepository", {"repositoryName": "demo"})["repositoryMetadata"]
    assert found["defaultBranch"] == "trunk"
    said = site.git("push", url, ":trunk", cwd=work, ok=False)
    assert "deletion of the current branch prohibited" in said
    site.git("clone", "--quiet", url, "copy")
    assert site.git("branch", "--show-current", cwd=site.folder / "copy") == "trunk"


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_every_protocol_version_is_spoken(site: Site, url: str, version: str) -> None:
    work = site.work()
    site.git("push", url, "main", cwd=work)
    site.git("-c", f"protocol.version={version}", "clone", "--quiet", url, "copy")
    assert (site.folder / "copy" / "file2").exists()


def test_a_shallow_clone_deepens(site: Site, url: str) -> None:
    site.git("push", url, "main", cwd=site.work(5))
    site.git("clone", "--quiet", "--depth", "1", url, "copy")
    copy = site.folder / "copy"
    assert site.git("rev-list", "--count", "HEAD", cwd=copy) == "1"
    site.git("fetch", "--quiet", "--unshallow", cwd=copy)
    assert site.git("rev-list", "--count", "HEAD", cwd=copy) == "5"


def test_a_push_from_a_shallow_clone_arrives(site: Site, url: str) -> None:
    site.git("push", url, "main", cwd=site.work(3))
    site.git("clone", "--quiet", "--depth", "1", url, "copy")
    tip = site.commit(site.folder / "copy", "new", "new")
    site.git("push", "--quiet", cwd=site.folder / "copy")
    assert site.branches() == {"main": tip}


def test_a_partial_clone_fetches_what_it_needs_later(site: Site, url: str) -> None:
    site.git("push", url, "main", cwd=site.work())
    site.git("clone", "--quiet", "--filter=blob:none", "--no-checkout", url, "copy")
    copy = site.folder / "copy"
    missing = site.git("rev-list", "--objects", "--missing=print", "HEAD", cwd=copy)
    assert "?" in missing
    site.git("checkout", "--quiet", "main", cwd=copy)
    assert (copy / "file0").read_text() == "content 0\n"


def test_a_compressed_request_is_understood(site: Site, url: str) -> None:
    work = site.work(2)
    for number in range(300):
        site.git("update-ref", f"refs/tags/t{number}", "HEAD" if number % 2 else "HEAD~1", cwd=work)
    site.git("push", "--quiet", url, "main", "--tags", cwd=work)
    site.git("-c", "protocol.version=0", "clone", "--quiet", url, "copy")
    assert len(site.git("tag", cwd=site.folder / "copy").split()) == 300
    body = b"0014command=ls-refs\n0001" + b"0009peel\n" * 200 + b"0000"
    assert raw(site, url, gzip.compress(body), {"Content-Encoding": "gzip", "Git-Protocol": "version=2"}).status == 200
    assert raw(site, url, b"not gzip at all", {"Content-Encoding": "gzip"}).status == 400
    assert raw(site, url, body, {"Content-Encoding": "br"}).status == 400


def raw(site: Site, url: str, body: bytes, headers: dict[str, str]) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(urlsplit(url).hostname or "", urlsplit(url).port, timeout=30)
    headers = {**basic(url), "Content-Type": "application/x-git-upload-pack-request", **headers}
    connection.request("POST", "/v1/repos/demo/git-upload-pack", body, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_a_protocol_header_that_is_none_is_ignored(site: Site, url: str) -> None:
    site.git("push", url, "main", cwd=site.work(1))
    connection = http.client.HTTPConnection(urlsplit(url).hostname or "", urlsplit(url).port, timeout=30)
    target = "/v1/repos/demo/info/refs?service=git-upload-pack"
    connection.request("GET", target, headers={**basic(url), "Git-Protocol": "version=2;touch /codeyard-was-here"})
    assert connection.getresponse().read().startswith(b"001e# service=git-upload-pack\n")


def test_a_push_larger_than_memory_allows_arrives_by_file_and_in_chunks(site: Site, url: str) -> None:
    work = site.work(1)
    (work / "big").write_bytes(random.Random(1).randbytes(4_000_000))
    tip = site.commit(work, "small", "x")
    site.git("add", "big", cwd=work)
    site.git("commit", "--quiet", "--amend", "--no-edit", cwd=work)
    tip = site.git("rev-parse", "HEAD", cwd=work)
    site.git("-c", "http.postBuffer=65536", "push", "--quiet", url, "main", cwd=work)
    assert site.branches() == {"main": tip}
    assert list((site.yard.data / "git" / "incoming").iterdir()) == []


def test_many_clones_at_once_are_all_whole(site: Site, url: str) -> None:
    work = site.work()
    site.git("push", url, "main", cwd=work)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: site.git("clone", "--quiet", url, f"copy{n}"), range(16)))
    tips = {site.git("rev-parse", "HEAD", cwd=site.folder / f"copy{n}") for n in range(16)}
    assert tips == {site.git("rev-parse", "HEAD", cwd=work)}


def test_two_pushes_of_one_branch_cannot_both_win(site: Site, url: str) -> None:
    base = site.work(1)
    site.git("push", url, "main", cwd=base)
    rivals = []
    for name in ("left", "right"):
        site.git("clone", "--quiet", url, name)
        rivals.append((site.folder / name, site.commit(site.folder / name, name, name)))

    def push(rival: tuple[Path, str]) -> bool:
        try:
            site.git("push", "--quiet", cwd=rival[0])
        except AssertionError:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        won = list(threads.map(push, rivals))
    assert sorted(won) == [False, True]
    assert site.branches()["main"] == rivals[won.index(True)][1]
    assert [event["event"] for event in site.events()] == ["referenceCreated", "referenceUpdated"]


def serving(repository: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(repository).encode() in command:
                found.append(entry.name)
    return found


def test_a_client_that_leaves_takes_its_git_process_along(site: Site, url: str) -> None:
    work = site.work(1)
    (work / "big").write_bytes(random.Random(2).randbytes(30_000_000))
    site.git("add", "big", cwd=work)
    site.git("commit", "--quiet", "--message", "big", cwd=work)
    site.git("push", "--quiet", url, "main", cwd=work)
    tip = site.branches()["main"]
    body = f"0032want {tip}\n00000009done\n".encode()
    head = {**basic(url), "Host": "x", "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    with socket.create_connection((urlsplit(url).hostname or "", urlsplit(url).port or 80)) as client:
        client.sendall(f"POST /v1/repos/demo/git-upload-pack HTTP/1.1\r\n{lines}\r\n".encode() + body)
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        held = [pid for pid in serving(bare(site)) if "upload-pack" in _command(pid)]
        assert held, "git is held back while the client does not read"
    wait_until(lambda: not [pid for pid in held if Path("/proc", pid).exists()])


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_the_trail_tells_of_pulls_and_pushes(site: Site, url: str) -> None:
    work = site.work(1)
    site.git("push", url, "main", cwd=work)
    site.git("clone", "--quiet", url, "copy")
    # The test's clock stands still, so that records have no order among themselves.
    advertised, pushed = sorted(
        site.records("GitPush"), key=lambda r: bool(r["additionalEventData"]["dataTransferred"])
    )
    assert advertised["additionalEventData"]["dataTransferred"] is False
    data = pushed["additionalEventData"]
    assert (data["protocol"], data["dataTransferred"], data["repositoryName"]) == ("HTTP", True, "demo")
    assert {"report-status-v2", "side-band-64k"} <= set(data["capabilities"])
    tip = site.git("rev-parse", "HEAD", cwd=work)
    assert pushed["requestParameters"]["references"] == [{"commit": tip, "ref": "refs/heads/main"}]
    assert pushed["userIdentity"]["userName"] == "alice"
    pulls = site.records("GitPull")
    assert sorted(record["additionalEventData"]["dataTransferred"] for record in pulls) == [False, True, True]
    assert all(record["readOnly"] for record in pulls)


def history(site: Site, megabytes: int) -> Path:
    """A working copy whose pack has about the size: incompressible files, many commits."""
    work = site.work(1)
    source = random.Random(3)
    for number in range(megabytes // 5):
        for part in range(10):
            (work / f"blob{part}").write_bytes(source.randbytes(500_000))
        site.git("add", ".", cwd=work)
        site.git("commit", "--quiet", "--message", f"round {number}", cwd=work)
    return work


@pytest.mark.parametrize("megabytes", [10, pytest.param(300, marks=[pytest.mark.deep, pytest.mark.timeout(600)])])
def test_a_large_history_goes_in_and_comes_out_whole(site: Site, url: str, megabytes: int) -> None:
    work = history(site, megabytes)
    site.git("push", "--quiet", url, "main", cwd=work)
    site.git("clone", "--quiet", "--bare", url, "copy")
    site.git("fsck", "--full", cwd=site.folder / "copy")
    assert site.git("rev-parse", "main", cwd=site.folder / "copy") == site.git("rev-parse", "HEAD", cwd=work)
