"""What else git moves between a copy and our server: submodules, tags, notes, atomic, forced and very wide pushes."""

from __future__ import annotations

import hashlib
import http.client
import json
from base64 import b64encode
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from codeyard.git.pktline import MAX_REFERENCES, PushHead, pkt, read_report
from tests.contract.git.conftest import ALL, Site
from tests.support.yard import TestYard

_NUMBERS = count(1)


@pytest.fixture(scope="module")
def shared(module_yard: TestYard, tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, str]:
    """One served yard, and the URL of a user who may push everything but `refs/heads/guarded/…` there."""
    guarded = {"StringLike": {"codecommit:References": "refs/heads/guarded/*"}}
    deny = {"Effect": "Deny", "Action": "codecommit:GitPush", "Resource": "*", "Condition": guarded}
    anywhere = [{**ALL[0], "Resource": "*"}, deny]
    module_yard.call("codecommit", "CreateRepository", {"repositoryName": "demo"})
    site = Site(module_yard, tmp_path_factory.mktemp("client"))
    return site, site.person("pam", anywhere)


@pytest.fixture
def at(shared: tuple[Site, str]) -> Site:
    return shared[0]


@pytest.fixture
def remote(shared: tuple[Site, str]) -> str:
    """The clone URL of a new repository; `demo` is only the user's first."""
    site, url = shared
    name = f"demo{next(_NUMBERS)}"
    site.yard.call("codecommit", "CreateRepository", {"repositoryName": name})
    return url.removesuffix("demo") + name


def there(site: Site, remote: str) -> dict[str, str]:
    """Every reference that the server shows, and what it names."""
    listed = site.git("ls-remote", "--refs", remote).splitlines()
    return {ref: tip for tip, ref in (line.split("\t") for line in listed)}


def test_a_clone_brings_its_submodules_along(at: Site, remote: str) -> None:
    library, work = at.work(2), at.work(1)
    inner = f"{remote}-inner"
    at.yard.call("codecommit", "CreateRepository", {"repositoryName": inner.rpartition("/")[2]})
    pinned = at.git("rev-parse", "HEAD~1", cwd=library)
    at.git("push", "--quiet", inner, "main", cwd=library)
    at.git("submodule", "--quiet", "add", f"../{inner.rpartition('/')[2]}", "lib", cwd=with_origin(at, work, remote))
    at.git("checkout", "--quiet", pinned, cwd=work / "lib")
    at.git("add", "lib", cwd=work)
    at.git("commit", "--quiet", "--message", "pin the library", cwd=work)
    at.git("push", "--quiet", remote, "main", cwd=work)
    copy = at.folder / f"{work.name}-copy"
    at.git("clone", "--quiet", "--recurse-submodules", remote, str(copy))
    assert at.git("rev-parse", "HEAD", cwd=copy / "lib") == pinned
    assert (copy / "lib" / "file0").read_text() == "content 0\n"
    assert not (copy / "lib" / "file1").exists()


def with_origin(site: Site, work: Path, remote: str) -> Path:
    site.git("remote", "add", "origin", remote, cwd=work)
    return work


def test_tags_and_notes_are_pushed_and_fetched(at: Site, remote: str) -> None:
    work = at.work(2)
    at.git("tag", "light", "HEAD~1", cwd=work)
    at.git("tag", "--annotate", "--message", "the first\n\nand its story", "v1", cwd=work)
    at.git("tag", "--annotate", "--message", "a tag of a tag", "v1-again", "v1", cwd=work)
    at.git("notes", "add", "--message", "seen by Ann", cwd=work)
    at.git("push", "--quiet", remote, "main", "--tags", "refs/notes/*", cwd=work)
    copy = at.folder / f"{work.name}-copy"
    at.git("clone", "--quiet", remote, str(copy))
    for name in ("light", "v1", "v1-again"):
        assert at.git("rev-parse", f"refs/tags/{name}", cwd=copy) == at.git("rev-parse", name, cwd=work)
    assert "and its story" in at.git("cat-file", "tag", "v1", cwd=copy)
    at.git("fetch", "--quiet", "origin", "refs/notes/*:refs/notes/*", cwd=copy)
    assert at.git("notes", "show", "HEAD", cwd=copy) == "seen by Ann"
    at.git("notes", "append", "--message", "and by Bob", cwd=copy)
    at.git("push", "--quiet", "origin", "refs/notes/commits", ":refs/tags/light", cwd=copy)
    at.git("fetch", "--quiet", remote, "+refs/notes/*:refs/notes/*", cwd=work)
    assert "and by Bob" in at.git("notes", "show", "HEAD", cwd=work)
    assert "refs/tags/light" not in there(at, remote)


@pytest.mark.parametrize(
    ("refused", "reason"),
    [("main:guarded/prod", "not authorized"), (":main", "deletion of the current branch prohibited")],
)
def test_an_atomic_push_of_which_one_reference_is_refused_changes_nothing(
    at: Site, remote: str, refused: str, reason: str
) -> None:
    work = at.work(2)
    at.git("push", "--quiet", remote, "HEAD~1:refs/heads/main", cwd=work)
    before = there(at, remote)
    said = at.git("push", "--atomic", remote, "main:a", "main:b", refused, "HEAD:refs/tags/t", cwd=work, ok=False)
    assert said.count("remote rejected") == 4
    assert reason in said
    assert there(at, remote) == before
    at.git("push", "--quiet", "--atomic", remote, "main:a", "main:b", cwd=work)
    assert there(at, remote).keys() == {"refs/heads/main", "refs/heads/a", "refs/heads/b"}


def test_without_atomic_what_git_does_not_refuse_is_done(at: Site, remote: str) -> None:
    work = at.work(2)
    at.git("push", "--quiet", remote, "main", cwd=work)
    said = at.git("push", remote, "main:a", ":main", cwd=work, ok=False)
    assert said.count("remote rejected") == 1
    assert there(at, remote).keys() == {"refs/heads/main", "refs/heads/a"}


def test_a_forced_push_replaces_a_history_and_a_lease_guards_it(at: Site, remote: str) -> None:
    work, name = at.work(3), remote.rpartition("/")[2]
    first, old = (at.git("rev-parse", rev, cwd=work) for rev in ("HEAD~2", "HEAD"))
    at.git("push", "--quiet", remote, "main", cwd=work)
    at.git("reset", "--quiet", "--hard", first, cwd=work)
    new = at.commit(work, "other", "another story")
    assert "non-fast-forward" in at.git("push", remote, "main", cwd=work, ok=False)
    said = at.git("push", f"--force-with-lease=main:{first}", remote, "main", cwd=work, ok=False)
    assert "stale info" in said
    at.git("push", "--quiet", f"--force-with-lease=main:{old}", remote, "main", cwd=work)
    assert there(at, remote) == {"refs/heads/main": new}
    at.git("push", "--quiet", remote, f"+{first}:main", cwd=work)
    assert there(at, remote) == {"refs/heads/main": first}
    moves = [(e["oldCommitId"], e["commitId"]) for e in at.events()
             if e.get("repositoryName") == name and e["event"] == "referenceUpdated"]  # fmt: skip
    assert moves == [(old, new), (new, first)]


def test_push_options_are_taken_and_their_names_stand_on_the_trail(at: Site, remote: str) -> None:
    work, name = at.work(1), remote.rpartition("/")[2]
    at.git("push", "--quiet", "-o", "ci.skip", "-o", "token=hunter2", remote, "main", cwd=work)
    assert "refs/heads/main" in there(at, remote)
    at.git("push", "--quiet", "--push-option=why=no reason", remote, ":main", "main:other", cwd=work, ok=False)
    said = at.git("push", "-o", "x" * 1025, remote, "main:long", cwd=work, ok=False)
    assert "A push option is a printable text of at most 1024 characters." in said
    said = at.git("push", *["-o", "x"] * 51, remote, "main:many", cwd=work, ok=False)
    assert "at most 50 push options" in said
    assert there(at, remote).keys() == {"refs/heads/main", "refs/heads/other"}
    told = [r for r in at.records("GitPush") if r["additionalEventData"].get("repositoryName") == name]
    named = [r["additionalEventData"]["pushOptions"] for r in told if "pushOptions" in r["additionalEventData"]]
    assert sorted(named) == [["ci.skip", "token"], ["why"]]
    assert "hunter2" not in json.dumps(told)
    assert [r["errorCode"] for r in told if "errorCode" in r] == ["ValidationException"] * 2


def wide_push(site: Site, remote: str, tip: str, wide: int) -> Mapping[str, str | None]:
    """Push so many new tags in git's own words, but without its client, which takes seconds over them; the report."""
    there, zero = urlsplit(remote), "0" * 40
    lines = [f"{zero} {tip} refs/tags/t{number:04}".encode() for number in range(wide)]
    lines[0] += b"\0report-status"
    pack = b"PACK\0\0\0\2\0\0\0\0"
    body = b"".join(map(pkt, lines)) + b"0000" + pack + hashlib.sha1(pack).digest()
    who = b64encode(f"{unquote(there.username or '')}:{unquote(there.password or '')}".encode()).decode()
    connection = http.client.HTTPConnection(there.hostname or "", there.port, timeout=100)
    connection.request("POST", f"{there.path}/git-receive-pack", body, {"Authorization": f"Basic {who}"})
    said = connection.getresponse().read()
    connection.close()
    report = read_report(said, PushHead((), frozenset({"report-status"})))
    assert report is not None, said
    return report.outcomes


def test_four_thousand_references_are_a_push_and_one_more_is_none(at: Site, remote: str) -> None:
    work = at.work(1)
    tip = at.git("rev-parse", "HEAD", cwd=work)
    at.git("push", "--quiet", remote, "main", cwd=work)
    refused = wide_push(at, remote, tip, MAX_REFERENCES + 1)
    assert len(refused) == MAX_REFERENCES + 1
    assert None not in refused.values()
    assert there(at, remote).keys() == {"refs/heads/main"}
    taken = wide_push(at, remote, tip, MAX_REFERENCES)
    assert set(taken.values()) == {None}
    assert len(there(at, remote)) == MAX_REFERENCES + 1


@pytest.mark.deep
def test_git_itself_is_told_why_a_push_is_too_wide(at: Site, remote: str) -> None:
    work = at.work(1)
    tip = at.git("rev-parse", "HEAD", cwd=work)
    packed = "".join(f"{tip} refs/tags/t{number:04}\n" for number in range(MAX_REFERENCES))
    (work / ".git" / "packed-refs").write_text(f"# pack-refs with: peeled fully-peeled sorted \n{packed}")
    said = at.git("push", remote, "main", "refs/tags/*", cwd=work, ok=False)
    assert f"at most {MAX_REFERENCES} references" in said
    assert there(at, remote) == {}
    at.git("push", "--quiet", remote, "refs/tags/*", cwd=work)
    assert len(there(at, remote)) == MAX_REFERENCES
