"""Who may come in: every kind of credential that git clients of CodeCommit send, and every refusal."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from codeyard.gateway.attempts import FREE_TRIES, WAIT
from tests.contract.git.conftest import ALL, ARN, Site

HELPER = (
    "-c",
    "credential.helper=!aws codecommit credential-helper --ignore-host-check $@",
    "-c",
    "credential.UseHttpPath=true",
)


def keys(site: Site, name: str = "bob", statements: list[dict[str, Any]] = ALL) -> dict[str, str]:
    return site.yard.user(name, statements)


def session(site: Site, made: dict[str, str]) -> dict[str, str]:
    found = site.yard.client("sts", keys=made).get_session_token()["Credentials"]
    return {
        "access_key_id": found["AccessKeyId"],
        "secret_access_key": found["SecretAccessKey"],
        "session_token": found["SessionToken"],
    }


def with_token(site: Site, made: dict[str, str], **more: Any) -> dict[str, str]:
    env = site.environment(keys=made, **more)
    return {**env, "AWS_SESSION_TOKEN": made["session_token"]} if "session_token" in made else env


@pytest.mark.parametrize("temporary", [False, True])
def test_the_credential_helper_of_aws_signs_in(site: Site, temporary: bool) -> None:
    made = keys(site)
    env = with_token(site, session(site, made) if temporary else made)
    remote = f"{site.yard.endpoint}/v1/repos/demo"
    site.git(*HELPER, "push", remote, "main", cwd=site.work(1), env=env)
    assert "main" in site.branches()


@pytest.mark.parametrize("temporary", [False, True])
def test_git_remote_codecommit_signs_in_over_https(site: Site, temporary: bool) -> None:
    made = keys(site)
    env = with_token(site, session(site, made) if temporary else made, tls=True)
    work = site.work(1)
    site.git("push", "codecommit::us-east-1://demo", "main", cwd=work, env=env)
    site.git("clone", "--quiet", "codecommit://demo", "copy", env=env)
    assert (site.folder / "copy" / "file0").exists()


def test_plain_https_works_with_git_credentials(site: Site, url: str) -> None:
    work = site.work(1)
    site.git("push", url.replace("http://", "https://"), "main", cwd=work, env=site.environment(tls=True))
    assert "main" in site.branches()


def test_a_wrong_secret_is_refused(site: Site) -> None:
    made = {**keys(site), "secret_access_key": "x" * 40}
    said = site.git(
        *HELPER, "ls-remote", f"{site.yard.endpoint}/v1/repos/demo", env=site.environment(keys=made), ok=False
    )
    assert "403" in said


def test_a_signature_lives_fifteen_minutes(site: Site) -> None:
    made = keys(site)
    remote = f"{site.yard.endpoint}/v1/repos/demo"
    site.git(*HELPER, "ls-remote", remote, env=site.environment(keys=made))
    site.yard.clock.advance(16 * 60)
    said = site.git(*HELPER, "ls-remote", remote, env=site.environment(keys=made), ok=False)
    assert "403" in said


def test_a_wrong_password_is_refused(site: Site, url: str) -> None:
    said = site.git("ls-remote", url.replace("@127", "x@127"), ok=False)
    assert "403" in said


def test_an_inactive_credential_is_refused(site: Site, url: str) -> None:
    listed = site.yard.call("iam", "ListServiceSpecificCredentials", {"UserName": "alice"})[
        "ServiceSpecificCredentials"
    ]
    update = {"UserName": "alice", "ServiceSpecificCredentialId": listed[0]["ServiceSpecificCredentialId"]}
    site.git("ls-remote", url)
    site.yard.call("iam", "UpdateServiceSpecificCredential", {**update, "Status": "Inactive"})
    assert "403" in site.git("ls-remote", url, ok=False)


def ask(site: Site, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    parts = urlsplit(site.yard.endpoint)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    connection.request(method, path, headers=headers)
    return connection.getresponse()


def test_who_guesses_at_a_git_password_has_to_wait_and_the_right_one_too(site: Site, url: str) -> None:
    there = urlsplit(url)
    user, right = unquote(there.username or ""), unquote(there.password or "")

    def tried(password: str) -> int:
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        path = "/v1/repos/demo/info/refs?service=git-upload-pack"
        return ask(site, path, Authorization=f"Basic {basic}").status

    assert [tried(right), *(tried(f"guess {number}") for number in range(FREE_TRIES))] == [200, *[403] * FREE_TRIES]
    assert "429" in site.git("ls-remote", url, ok=False)
    site.yard.clock.advance(WAIT / 1_000_000)
    site.git("ls-remote", url)
    assert tried("a guess") == 403


def test_a_stranger_is_challenged_first_and_learns_nothing(site: Site) -> None:
    for name in ("demo", "none"):
        answer = ask(site, f"/v1/repos/{name}/info/refs?service=git-upload-pack")
        assert answer.status == 401
        assert (answer.getheader("www-authenticate") or "").startswith("Basic ")


@pytest.mark.parametrize(
    "header", ["Basic !!!", "Basic " + "/" * 8, "Bearer x", "Basic", "Basic QUtJQUFBQUFBQUFBQUFBQTp4", "Basic Og=="]
)
def test_a_broken_header_is_no_fault_of_ours(site: Site, header: str) -> None:
    answer = ask(site, "/v1/repos/demo/info/refs?service=git-upload-pack", Authorization=header)
    assert answer.status in (401, 403)


@pytest.mark.parametrize(
    "path",
    ["/v1/repos/demo", "/v1/repos/demo/", "/v1/repos/demo/HEAD", "/v1/repos/../info/refs", "/v1/repos/a/b/info/refs"],
)
def test_nothing_but_the_three_paths_is_served(site: Site, path: str) -> None:
    assert ask(site, path).status in (401, 404)


def test_a_repository_that_is_not_there_is_not_found(site: Site) -> None:
    url = site.person("carol", [{"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}])
    said = site.git("ls-remote", url.replace("/demo", "/none"), ok=False)
    assert "not found" in said


def test_who_may_only_pull_cannot_push(site: Site) -> None:
    reader = site.person("dave", [{"Effect": "Allow", "Action": "codecommit:GitPull", "Resource": ARN}])
    site.git("ls-remote", reader)
    said = site.git("push", reader, "main", cwd=site.work(1), ok=False)
    assert "403" in said
    refused = [r for r in site.records("GitPush") if r.get("errorCode")]
    assert [record["errorCode"] for record in refused] == ["AccessDeniedException"]


def test_who_may_do_nothing_sees_nothing(site: Site) -> None:
    nobody = site.person("erin", [])
    assert "403" in site.git("ls-remote", nobody, ok=False)


# The policy of AWS's user guide that protects branches: the Null part lets the advertisement pass.
PROTECT = {
    "Effect": "Deny",
    "Action": ["codecommit:GitPush", "codecommit:DeleteBranch", "codecommit:PutFile"],
    "Resource": ARN,
    "Condition": {
        "StringEqualsIfExists": {"codecommit:References": ["refs/heads/main", "refs/heads/prod"]},
        "Null": {"codecommit:References": "false"},
    },
}


def test_a_protected_branch_refuses_the_whole_push_and_says_so(site: Site) -> None:
    url = site.person("frank", [*ALL, PROTECT])
    work = site.work(1)
    said = site.git("push", url, "main:feature", "main:prod", cwd=work, ok=False)
    assert said.count("remote rejected") == 2
    assert "not authorized" in said
    assert site.branches() == {}
    assert site.events() == []
    assert [r["errorCode"] for r in site.records("GitPush") if "errorCode" in r] == ["AccessDeniedException"]
    site.git("push", url, "main:feature", cwd=work)
    assert list(site.branches()) == ["feature"]


def test_who_may_push_one_branch_only_may_still_see_what_there_is(site: Site) -> None:
    only = [
        {"Effect": "Allow", "Action": "codecommit:GitPull", "Resource": ARN},
        {
            "Effect": "Allow",
            "Action": "codecommit:GitPush",
            "Resource": ARN,
            "Condition": {"StringLikeIfExists": {"codecommit:References": "refs/heads/team/*"}},
        },
    ]
    url = site.person("grace", only)
    work = site.work(1)
    site.git("push", url, "main:team/a", cwd=work)
    site.git("push", url, "main", cwd=work, ok=False)
    assert list(site.branches()) == ["team/a"]


def test_no_secret_stands_on_the_trail(site: Site, url: str) -> None:
    site.git("push", url, "main", cwd=site.work(1))
    password = urlsplit(url).password or ""
    assert password
    assert password not in json.dumps(site.yard.trail())
