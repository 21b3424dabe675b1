"""Commits that git signed with SSH keys: whose they are is told by the door and on the console's pages."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from codeyard.contract import AwsError
from tests.contract.git.conftest import ALL, Site
from tests.support.yard import TestYard
from tests.unit.console.support import Browser

EVIL = "<script>alert(1)</script>\x1b[31m"


class Signed:
    """A repository whose branch `main` has a commit of every kind, by its name."""

    def __init__(self, site: Site) -> None:
        self.site, self.work, self.commits = site, site.work(1), dict[str, str]()
        self.url = site.person("sam", [{**ALL[0], "Action": "codecommit:*"}])
        self.key_id = self._upload(self._key("known"))
        self.commits["plain"] = site.git("rev-parse", "HEAD", cwd=self.work)
        for name in ("known", "stranger"):
            self.commits[name] = self._commit(name, self._key(name))
        whole = site.git("cat-file", "commit", self.commits["known"], cwd=self.work) + "\n"
        self.commits["forged"] = self._write(whole.replace("change known", "change forged"))
        head, _, message = whole.partition("\n\n")
        bare = head.partition("gpgsig")[0]
        for name, signature in (("openpgp", "-----BEGIN PGP SIGNATURE-----"), ("broken", EVIL)):
            self.commits[name] = self._write(f"{bare}gpgsig {signature}\n {EVIL}\n\n{message}")
        for name in ("forged", "openpgp", "broken"):  # a merge holds them all
            parents = ["-p", "HEAD", "-p", self.commits[name]]
            made = site.git("commit-tree", "HEAD^{tree}", *parents, "-m", "hold", cwd=self.work)
            site.git("reset", "--quiet", "--hard", made, cwd=self.work)
        site.git("push", "--quiet", self.url, "main", cwd=self.work)

    def _key(self, name: str) -> Path:
        path = self.site.folder / f"id_{name}"
        if not path.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(path)], check=True)
        return path

    def _upload(self, key: Path) -> str:
        body = {"UserName": "sam", "SSHPublicKeyBody": key.with_suffix(".pub").read_text()}
        return str(self.site.yard.call("iam", "UploadSSHPublicKey", body)["SSHPublicKey"]["SSHPublicKeyId"])

    def _commit(self, name: str, key: Path) -> str:
        signing = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={key}"]
        words = ["commit", "--quiet", "--allow-empty", "-S", "--message", f"change {name}"]
        self.site.git(*signing, *words, cwd=self.work)
        return self.site.git("rev-parse", "HEAD", cwd=self.work)

    def _write(self, content: str) -> str:
        (self.site.folder / "raw").write_bytes(content.encode())
        raw = str(self.site.folder / "raw")
        return self.site.git("hash-object", "-t", "commit", "-w", "--literally", raw, cwd=self.work)

    def told(self) -> dict[str, tuple[str, str]]:
        ids = list(self.commits.values())
        asked = {"repositoryName": "demo", "commitIds": [*ids, "f" * 40, "no id"]}
        said = self.site.yard.caller().call("codecommit", "GetCommitSignatures", asked)["signatures"]
        assert set(said) <= set(ids)
        named = {name: said[one] for name, one in self.commits.items() if one in said}
        return {name: (one["status"], one["userName"]) for name, one in named.items()}


@pytest.fixture(scope="module")
def signed(module_yard: TestYard, tmp_path_factory: pytest.TempPathFactory) -> Signed:
    module_yard.call("codecommit", "CreateRepository", {"repositoryName": "demo"})
    return Signed(Site(module_yard, tmp_path_factory.mktemp("client")))


@pytest.fixture(scope="module")
def reader(signed: Signed) -> Browser:
    browser, yard = Browser(), signed.site.yard.yard
    browser.console = yard.console
    principal = yard.identity.user_named(signed.site.yard.account, "sam")
    assert principal is not None
    assert browser.post("/signin/once", {"token": yard.console.sessions.link(principal)}).status == 303
    return browser


def test_a_signature_is_verified_by_a_users_key_and_by_nothing_else(signed: Signed) -> None:
    assert signed.told() == {
        "known": ("VERIFIED", "sam"),
        "stranger": ("UNKNOWN", ""),
        "forged": ("BAD", "sam"),
        "openpgp": ("UNKNOWN", ""),
        "broken": ("UNKNOWN", ""),
    }


def test_a_key_that_is_not_active_vouches_for_nothing(signed: Signed) -> None:
    status: dict[str, Any] = {"UserName": "sam", "SSHPublicKeyId": signed.key_id}
    signed.site.yard.call("iam", "UpdateSSHPublicKey", {**status, "Status": "Inactive"})
    assert signed.told()["known"] == ("UNKNOWN", "")
    signed.site.yard.call("iam", "UpdateSSHPublicKey", {**status, "Status": "Active"})
    assert signed.told()["known"] == ("VERIFIED", "sam")


def test_who_may_not_get_commits_is_not_told(signed: Signed) -> None:
    keys = signed.site.yard.user("nobody")
    principal = signed.site.yard.yard.identity.credential(keys["access_key_id"], "").principal
    asked = {"repositoryName": "demo", "commitIds": list(signed.commits.values())}
    with pytest.raises(AwsError, match="codecommit:GetCommit"):
        signed.site.yard.caller(principal).call("codecommit", "GetCommitSignatures", asked)


@pytest.mark.parametrize(
    ("name", "words"),
    [("known", ["Verified", "sam"]), ("stranger", ["Unverified", "key not known"]), ("openpgp", ["Unverified"]),
     ("forged", ["Unverified", "not right"]), ("broken", ["Unverified"]), ("plain", [])],
)  # fmt: skip
def test_the_page_of_a_commit_shows_it(signed: Signed, reader: Browser, name: str, words: list[str]) -> None:
    answer = reader.get(f"/repositories/demo/commit/{signed.commits[name]}")
    assert answer.status == 200
    shown = answer.text.partition("<dt>Signature</dt>")[2].partition("</dd>")[0]
    assert bool(shown) is bool(words)
    assert all(word in shown for word in words)
    assert "<script>alert" not in answer.text


def test_lists_of_commits_show_it_too(signed: Signed, reader: Browser) -> None:
    history = reader.get("/repositories/demo/commits").text
    assert (history.count(">Verified<"), history.count(">Unverified<")) == (1, 1)
    yard, first = signed.site.yard, signed.commits["plain"]
    branch = {"repositoryName": "demo", "branchName": "base", "commitId": first}
    yard.call("codecommit", "CreateBranch", branch)
    target = {"repositoryName": "demo", "sourceReference": "main", "destinationReference": "base"}
    made = yard.call("codecommit", "CreatePullRequest", {"title": "Signed", "targets": [target]})["pullRequest"]
    proposed = reader.get(f"/repositories/demo/pulls/{made['pullRequestId']}/commits").text
    assert (proposed.count(">Verified<"), proposed.count(">Unverified<")) == (1, 4)
    compared = reader.get("/repositories/demo/compare?before=base&after=main").text
    assert (compared.count(">Verified<"), compared.count(">Unverified<")) == (1, 4)
