"""References of every kind as users push them: tags, notes, submodules, atomic and forced pushes, thousands at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.git.conftest import ARN, Site

PUSHER = [{"Effect": "Allow", "Action": ["codecommit:GitPull", "codecommit:GitPush"], "Resource": "*"}]
NOT_PROD = {
    "Effect": "Deny",
    "Action": "codecommit:GitPush",
    "Resource": ARN,
    "Condition": {
        "StringEqualsIfExists": {"codecommit:References": ["refs/heads/prod", "refs/tags/v1"]},
        "Null": {"codecommit:References": "false"},
    },
}


def test_tags_and_notes_come_back_as_they_were_pushed(site: Site, url: str) -> None:
    work = site.work()
    site.git("tag", "light", cwd=work)
    site.git("tag", "--annotate", "v1.0", "--message", "The first", cwd=work)
    site.git("tag", "--annotate", "of-the-tag", "v1.0", "--message", "A tag of a tag", cwd=work)
    site.git("notes", "add", "--message", "Reviewed by Ann", cwd=work)
    site.git("push", url, "main", "--tags", "refs/notes/*:refs/notes/*", cwd=work)
    site.git("clone", "--quiet", url, "copy")
    copy = site.folder / "copy"
    site.git("fetch", "--quiet", "origin", "refs/notes/*:refs/notes/*", cwd=copy)
    shown = "for-each-ref", "--format=%(refname) %(objectname)", "refs/tags", "refs/notes"
    assert site.git(*shown, cwd=copy) == site.git(*shown, cwd=work)
    assert "Reviewed by Ann" in site.git("log", "-1", cwd=copy)
    assert site.git("cat-file", "-t", "of-the-tag^{}", cwd=copy) == "commit"
    assert list(site.branches()) == ["main"]


def test_a_submodule_of_this_server_is_cloned_with_its_parent(site: Site) -> None:
    site.yard.call("codecommit", "CreateRepository", {"repositoryName": "library"})
    url = site.person("bob", PUSHER)
    part, parent = site.work(1), site.work(1)
    site.git("push", "--quiet", url.replace("/demo", "/library"), "main", cwd=part)
    site.git("submodule", "add", "--quiet", url.replace("/demo", "/library"), "lib", cwd=parent)
    site.git("config", "--file", ".gitmodules", "submodule.lib.url", "../library", cwd=parent)
    site.git("commit", "--quiet", "--all", "--message", "Use the library", cwd=parent)
    site.git("push", "--quiet", url, "main", cwd=parent)
    site.git("clone", "--quiet", "--recurse-submodules", url, "copy")
    assert (site.folder / "copy" / "lib" / "file0").read_text() == "content 0\n"
    found = site.yard.call("codecommit", "GetFolder", {"repositoryName": "demo", "folderPath": "/"})
    assert [one["absolutePath"] for one in found["subModules"]] == ["lib"]
    assert found["subModules"][0]["commitId"] == site.git("rev-parse", "HEAD", cwd=part)


@pytest.mark.parametrize("more", [(), ("--atomic",)])
def test_a_push_of_which_one_reference_is_refused_changes_none_and_says_why_of_each(
    site: Site, more: tuple[str, ...]
) -> None:
    site.git("push", "--quiet", site.person("alice", PUSHER), "main", "main:prod", cwd=site.work())
    before = site.branches()
    work = site.work(4)
    said = site.git(
        "push", "--force", *more, site.person("eve", [*PUSHER, NOT_PROD]), "main", "main:prod", "main:fresh",
        "HEAD:refs/tags/v1", cwd=work, ok=False,
    )  # fmt: skip
    assert site.branches() == before
    lines = [line for line in said.splitlines() if "rejected]" in line]
    assert len(lines) == 4
    assert sum("not authorized" in line or "denied" in line.lower() for line in lines) >= 2, said
    assert "refs/tags" not in site.git("ls-remote", site.person("reader", PUSHER))


def test_an_atomic_push_with_a_stale_branch_changes_none(site: Site, url: str) -> None:
    work = site.work()
    site.git("push", "--quiet", url, "main", "main:side", cwd=work)
    site.git("clone", "--quiet", url, "other")
    site.commit(site.folder / "other", "theirs", "x")
    site.git("push", "--quiet", url, "main", cwd=site.folder / "other")
    before = site.branches()
    site.commit(work, "ours", "y")
    site.git("push", "--atomic", url, "main", "main:side", cwd=work, ok=False)
    assert site.branches() == before
    site.git("push", url, "main", "main:side", cwd=work, ok=False)
    assert site.branches() == before | {"side": site.git("rev-parse", "HEAD", cwd=work)}


def test_a_forced_push_with_a_lease_wins_only_over_what_it_saw(site: Site, url: str) -> None:
    work = site.work()
    site.git("remote", "add", "origin", url, cwd=work)
    site.git("push", "--quiet", "origin", "main", cwd=work)
    site.git("clone", "--quiet", url, "other")
    site.commit(site.folder / "other", "theirs", "x")
    site.git("push", "--quiet", url, "main", cwd=site.folder / "other")
    site.git("commit", "--quiet", "--amend", "--message", "Rewritten", cwd=work)
    assert "stale info" in site.git("push", "--force-with-lease", "origin", "main", cwd=work, ok=False)
    site.git("fetch", "--quiet", "origin", cwd=work)
    site.git("push", "--quiet", "--force-with-lease", "origin", "main", cwd=work)
    assert site.branches()["main"] == site.git("rev-parse", "HEAD", cwd=work)


def test_4000_references_are_pushed_at_once_and_one_more_is_not(site: Site, url: str) -> None:
    work = site.work(1)
    commit = site.git("rev-parse", "HEAD", cwd=work)
    _tags(work, commit, range(4000))
    said = site.git("push", url, "refs/tags/*:refs/tags/*", "HEAD:refs/heads/main", cwd=work, ok=False)
    assert "at most 4000 references, and this one has 4001" in said
    assert site.branches() == {}
    assert site.git("ls-remote", url) == ""
    site.git("push", "--quiet", url, "refs/tags/*:refs/tags/*", cwd=work)
    assert len(site.git("ls-remote", "--tags", url).splitlines()) == 4000


def _tags(work: Path, commit: str, numbers: range) -> None:
    packed = [f"{commit} refs/tags/t{number:05}\n" for number in numbers]
    (work / ".git" / "packed-refs").write_text("# pack-refs with: peeled fully-peeled sorted \n" + "".join(packed))


@pytest.mark.parametrize("name", ["refs/codeyard/x", "HEAD", "refs/heads/", "refs/heads/a..b"])
def test_a_reference_that_users_may_not_make_is_refused(site: Site, url: str, name: str) -> None:
    work = site.work(1)
    site.git("push", "--quiet", url, "main", cwd=work)
    before = site.git("ls-remote", url)
    site.git("push", url, f"HEAD:{name}", cwd=work, ok=False)
    assert site.git("ls-remote", url) == before
