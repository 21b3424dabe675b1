"""Git LFS: Debian's client goes round, objects are stored once and whole, and links do what they say and no more."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from codeyard.edge.git.lfs_grants import LIFETIME_S, Grants
from codeyard.git.lfs import MAX_OBJECT
from tests.contract.git.conftest import ALL, ARN
from tests.contract.git.lfs import LfsSite
from tests.support.yard import TestYard, wait_until

READ = [{"Effect": "Allow", "Action": "codecommit:GitPull", "Resource": ARN}]
KEEP_OFF_MAIN = [
    *ALL,
    {
        "Effect": "Deny",
        "Action": "codecommit:GitPush",
        "Resource": ARN,
        "Condition": {
            "StringEqualsIfExists": {"codecommit:References": ["refs/heads/main"]},
            "Null": {"codecommit:References": "false"},
        },
    },
]
MB = 1024 * 1024
SIGN = "aws codecommit credential-helper --ignore-host-check get"
HELPER = {
    "credential.helper": f'!f() {{ [ "$1" = get ] && {SIGN}; true; }}; f',
    "credential.useHttpPath": "true",
}

pytestmark = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed: make setup does it")


@pytest.fixture(scope="module")
def lfs(module_yard: TestYard, tmp_path_factory: pytest.TempPathFactory) -> LfsSite:
    """A repository that the tests of this module share; their files and users differ."""
    module_yard.call("codecommit", "CreateRepository", {"repositoryName": "demo"})
    return LfsSite(module_yard, tmp_path_factory.mktemp("client"))


@pytest.mark.parametrize("megabytes", [64, pytest.param(500, marks=[pytest.mark.deep, pytest.mark.timeout(600)])])
def test_a_large_file_goes_in_by_git_lfs_and_comes_out_the_same(lfs: LfsSite, megabytes: int) -> None:
    content = os.urandom(megabytes * MB)
    before = set(lfs.blobs())
    work = lfs.tracked(content)
    lfs.git("push", "origin", f"main:round{megabytes}", cwd=work)
    copy = lfs.folder / f"copy{megabytes}"
    lfs.git("clone", "--quiet", "--branch", f"round{megabytes}", lfs.url(), str(copy))
    found = hashlib.sha256((copy / "big.bin").read_bytes()).hexdigest()
    assert found == hashlib.sha256(content).hexdigest()
    (stored,) = set(lfs.blobs()) - before
    with stored.open("rb") as sealed:
        assert content[:64] not in sealed.read(MB)
    shutil.rmtree(copy)
    shutil.rmtree(work)


def test_what_is_there_is_not_sent_again_and_two_uploads_at_once_store_one(lfs: LfsSite) -> None:
    content = b"twice " * 1000
    before = len(lfs.blobs())
    links = [lfs.link("upload", content) for _ in range(2)]
    assert [lfs.ask("PUT", link, content, by="").status for link in links] == [200, 200]
    assert len(lfs.blobs()) == before + 1
    assert "actions" not in lfs.batch("upload", content)
    assert "error" not in lfs.batch("upload", content)


def test_an_upload_is_verified_and_the_trail_says_who_did_it_without_the_link(
    lfs: LfsSite, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    content = b"verified " * 100
    said = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}
    entry = lfs.batch("upload", content, ref={"name": "refs/heads/topic"})
    verify = entry["actions"]["verify"]["href"]
    assert entry["authenticated"] is True
    assert lfs.post(verify, said, by="").status == 404
    assert lfs.ask("PUT", entry["actions"]["upload"]["href"], content, by="").status == 200
    assert lfs.post(verify, said, by="").status == 200
    assert lfs.post(verify, {**said, "size": 1}, by="").status == 422
    about = [record for record in lfs.records("GitPush") if said["oid"] in json.dumps(record)]
    asked = [(r["requestParameters"]["lfs"]["action"], r["additionalEventData"]["dataTransferred"]) for r in about]
    assert sorted(asked) == [("put", True), ("upload", False), ("verify", False), ("verify", False)]
    assert {record["userIdentity"]["userName"] for record in about} == {"alice"}
    assert all(r["requestParameters"]["references"] == [{"ref": "refs/heads/topic"}] for r in about)
    assert "grant" not in json.dumps(about)
    # pytest listens to the log of accesses too, which the server leaves off
    told = [one.getMessage() for one in caplog.records if one.name != "uvicorn.access"]
    assert [text[:100] for text in told if verify.partition("grant=")[2] in text] == []


@pytest.mark.parametrize(
    ("sent", "words"),
    [(b"other content", "SHA-256"), (b"short", "5 bytes arrived"), (b"far too long a content", "More than the 13")],
)
def test_what_is_not_the_object_is_refused_and_leaves_nothing(lfs: LfsSite, sent: bytes, words: str) -> None:
    before = lfs.blobs()
    refused = lfs.ask("PUT", lfs.link("upload", b"right content"), sent, by="")
    assert refused.status == 422
    assert words in refused.json()["message"]
    assert lfs.blobs() == before
    assert lfs.batch("download", b"right content")["error"]["code"] == 404


def test_an_upload_that_breaks_off_leaves_nothing_and_is_sent_anew(lfs: LfsSite) -> None:
    content, before = os.urandom(3 * MB), len(lfs.blobs())
    there = urlsplit(lfs.link("upload", content))
    with socket.create_connection((there.hostname or "", there.port or 0)) as raw:
        head = (
            f"PUT {there.path}?{there.query} HTTP/1.1\r\nHost: {there.netloc}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        raw.sendall(head.encode() + content[: 2 * MB])
        wait_until(lambda: len(lfs.blobs()) == before + 1)
        assert lfs.batch("download", content)["error"]["code"] == 404
    wait_until(lambda: len(lfs.blobs()) == before)
    work = lfs.tracked(content)
    lfs.git("push", "origin", "main:anew", cwd=work)
    assert lfs.ask("GET", lfs.link("download", content), by="").body == content


@pytest.mark.parametrize(
    ("asked", "status", "span"),
    [
        ("bytes=3-", 206, slice(3, None)),
        ("bytes=2-5", 206, slice(2, 6)),
        ("bytes=-4", 206, slice(-4, None)),
        ("bytes=0-99999999", 206, slice(0, None)),
        ("bytes=5-2", 200, slice(0, None)),
        ("bytes=a-", 200, slice(0, None)),
        ("bytes=1-2,4-5", 200, slice(0, None)),
    ],
)
def test_a_download_may_ask_for_a_range(lfs: LfsSite, asked: str, status: int, span: slice) -> None:
    content = bytes(range(200)) * 700
    lfs.upload(content)
    found = lfs.ask("GET", lfs.link("download", content), by="", Range=asked)
    assert (found.status, found.body) == (status, content[span])
    if status == 206:
        start = span.indices(len(content))[0]
        assert found.headers["content-range"] == f"bytes {start}-{start + len(found.body) - 1}/{len(content)}"


def test_a_range_beyond_the_object_is_refused_and_an_empty_object_is_one(lfs: LfsSite) -> None:
    lfs.upload(b"ten bytes.")
    beyond = lfs.ask("GET", lfs.link("download", b"ten bytes."), by="", Range="bytes=10-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, "bytes */10")
    lfs.upload(b"")
    assert lfs.ask("GET", lfs.link("download", b""), by="").body == b""


def altered(link: str) -> str:
    place, _, token = link.partition("grant=")
    middle = len(token) // 2
    return f"{place}grant={token[:middle]}{'A' if token[middle] != 'A' else 'B'}{token[middle + 1 :]}"


def test_a_link_is_for_one_object_one_use_and_one_repository(lfs: LfsSite) -> None:
    lfs.upload(b"linked")
    down, up = lfs.link("download", b"linked"), lfs.link("upload", b"not yet there")
    other = hashlib.sha256(b"other").hexdigest()
    oid = hashlib.sha256(b"linked").hexdigest()
    tried = {
        "altered": lfs.ask("GET", altered(down), by=""),
        "another use": lfs.ask("PUT", down, b"linked", by=""),
        "another use again": lfs.ask("GET", up, by=""),
        "another object": lfs.ask("GET", down.replace(oid, other), by=""),
        "another repository": lfs.ask("GET", down.replace("/demo/", "/demo2/"), by=""),
        "no link": lfs.ask("GET", f"objects/{oid}"),
        "a link as a password": lfs.ask("GET", "locks", by="", Authorization=f"Bearer {down.partition('grant=')[2]}"),
    }
    assert {name: said.status for name, said in tried.items()} == dict.fromkeys(tried, 403)
    assert lfs.ask("GET", down, by="").body == b"linked"


def test_a_link_ends_with_its_time_and_with_the_permission(lfs: LfsSite) -> None:
    lfs.url("brief")
    lfs.upload(b"for a while")
    entry = lfs.batch("download", b"for a while", by="brief")["actions"]["download"]
    assert entry["expires_in"] == LIFETIME_S
    lfs.yard.call("iam", "DeleteUserPolicy", {"UserName": "brief", "PolicyName": "inline"})
    assert lfs.ask("GET", entry["href"], by="").status == 403
    mine = lfs.link("download", b"for a while")
    lfs.yard.clock.advance(LIFETIME_S - 1)
    assert lfs.ask("GET", mine, by="").status == 200
    lfs.yard.clock.advance(1)
    late = lfs.ask("GET", mine, by="")
    assert (late.status, "expired" in late.json()["message"]) == (403, True)


def test_who_may_only_read_downloads_and_does_not_upload_or_lock(lfs: LfsSite) -> None:
    content = os.urandom(5000)
    lfs.upload(content)
    reader = lfs.url("reader", READ)
    assert "actions" in lfs.batch("download", content, by="reader")
    assert lfs.post("locks", {"path": "a.bin"}, by="reader").status == 403
    assert lfs.post("locks/verify", {}, by="reader").status == 403
    assert lfs.ask("GET", "locks", by="reader").status == 200
    objects = [{"oid": "a" * 64, "size": 1}]
    refused = lfs.post("objects/batch", {"operation": "upload", "objects": objects}, by="reader")
    assert (refused.status, refused.json()["request_id"] != "") == (403, True)
    assert "codecommit:GitPush" in refused.json()["message"]
    said = lfs.git("push", "origin", "main:readers", cwd=lfs.tracked(os.urandom(100), remote=reader), ok=False)
    assert "codecommit:GitPush" in said


def test_a_policy_on_references_judges_uploads_and_locks_for_that_branch(lfs: LfsSite) -> None:
    lfs.url("contrib", KEEP_OFF_MAIN)
    objects = [{"oid": "b" * 64, "size": 1}]

    def tried(branch: str) -> list[int]:
        ref = {"name": f"refs/heads/{branch}"}
        batch = lfs.post("objects/batch", {"operation": "upload", "objects": objects, "ref": ref}, by="contrib")
        return [batch.status, lfs.post("locks", {"path": f"{branch}.bin", "ref": ref}, by="contrib").status]

    assert (tried("main"), tried("topic")) == ([403, 403], [200, 201])


def test_a_stranger_is_asked_for_a_password_in_the_words_of_git_lfs(lfs: LfsSite) -> None:
    for name in ("demo", "none", "demo.git"):
        answer = lfs.ask("POST", f"{lfs.yard.endpoint}/v1/repos/{name}/info/lfs/objects/batch", b"{}", by="")
        assert answer.status == 401
        assert answer.headers["lfs-authenticate"].startswith("Basic ")
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert set(answer.json()) == {"message", "documentation_url", "request_id"}


def test_a_repository_that_is_not_there_is_not_found(lfs: LfsSite) -> None:
    everywhere = [{"Effect": "Allow", "Action": "codecommit:Git*", "Resource": "*"}]
    lfs.url("roamer", everywhere)
    place = f"{lfs.yard.endpoint}/v1/repos/none/info/lfs"
    said: dict[str, Any] = {"operation": "download", "objects": []}
    assert lfs.post(f"{place}/objects/batch", said, by="roamer").status == 404
    assert lfs.ask("GET", f"{place}/locks?", by="roamer").status == 404


def one(**more: Any) -> dict[str, Any]:
    return {"operation": "upload", "objects": [{"oid": "c" * 64, "size": 1, **more}]}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("objects/batch", b"{", 400),
        ("objects/batch", b"[]", 422),
        ("objects/batch", json.dumps({**one(), "operation": "delete"}).encode(), 422),
        ("objects/batch", json.dumps(one(oid="../../etc/passwd")).encode(), 422),
        ("objects/batch", json.dumps(one(oid="C" * 64)).encode(), 422),
        ("objects/batch", json.dumps(one(size=-1)).encode(), 422),
        ("objects/batch", json.dumps(one(size=True)).encode(), 422),
        ("objects/batch", json.dumps(one(size=1 << 63)).encode(), 422),
        ("objects/batch", json.dumps({**one(), "transfers": ["tus"]}).encode(), 422),
        ("objects/batch", json.dumps({**one(), "hash_algo": "sha512"}).encode(), 409),
        ("objects/batch", json.dumps({**one(), "ref": "main"}).encode(), 422),
        ("objects/batch", json.dumps({**one(), "objects": one()["objects"] * 1001}).encode(), 413),
        ("objects/batch", b" " * 1024 * 1024 + b"{}", 413),
        ("locks", b'{"path": ""}', 422),
        ("locks", b'{"path": "a\\u0000b"}', 422),
        ("locks", json.dumps({"path": "x" * 2001}).encode(), 422),
        ("locks/verify", b'{"limit": 0.5}', 422),
        ("locks/verify", b'{"cursor": [1]}', 422),
        ("locks/none/unlock", b"{}", 404),
        ("locks/../../x", b"{}", 404),
        ("nothing", b"{}", 404),
        ("objects/" + "a" * 64, b"{}", 405),
    ],
)
def test_what_is_wrong_is_refused_in_the_words_of_git_lfs(lfs: LfsSite, path: str, body: bytes, status: int) -> None:
    answer = lfs.ask("POST", path, body)
    assert answer.status == status
    assert set(answer.json()) == {"message", "documentation_url", "request_id"}


def test_an_answer_that_the_client_would_not_take_is_not_made(lfs: LfsSite) -> None:
    assert lfs.ask("GET", "locks", Accept="text/html").status == 406
    assert [lfs.ask("GET", f"locks?limit={limit}").status for limit in ("x", "-1", "5")] == [422, 422, 200]


def test_an_object_beyond_the_limit_is_refused_by_itself(lfs: LfsSite) -> None:
    objects = [{"oid": "d" * 64, "size": MAX_OBJECT + 1}, {"oid": "e" * 64, "size": MAX_OBJECT}]
    answer = lfs.post("objects/batch", {"operation": "upload", "objects": objects})
    large, fits = answer.json()["objects"]
    assert (answer.status, large["error"]["code"], "actions" in fits) == (200, 422, True)
    assert "2 GiB" in large["error"]["message"]


def test_aws_credential_helper_signs_for_git_lfs_too(lfs: LfsSite) -> None:
    made = lfs.yard.user("signer", ALL)
    env = lfs.environment(keys=made)
    content = os.urandom(2000)
    work = lfs.tracked(content, remote=f"{lfs.yard.endpoint}/v1/repos/demo")
    for name, value in HELPER.items():
        lfs.git("config", name, value, cwd=work)
    lfs.git("push", "origin", "main:signed", cwd=work, env=env)
    assert lfs.ask("GET", lfs.link("download", content), by="").body == content


def test_a_codecommit_remote_works_with_lfs_url_and_the_helper(lfs: LfsSite) -> None:
    made = lfs.yard.user("remote", ALL)
    env = lfs.environment(keys=made, tls=True)
    content = os.urandom(2000)
    work = lfs.tracked(content, remote="codecommit::us-east-1://demo")
    place = f"{lfs.yard.tls_endpoint}/v1/repos/demo/info/lfs"
    settings = {**HELPER, "lfs.url": place}
    for name, value in settings.items():
        lfs.git("config", name, value, cwd=work)
    lfs.git("push", "origin", "main:helped", cwd=work, env=env)
    given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    lfs.git(*given, "clone", "--quiet", "--branch", "helped", "codecommit://demo", "helped", env=env)
    assert (lfs.folder / "helped" / "big.bin").read_bytes() == content


def test_what_ssh_answers_lets_git_lfs_in_for_what_was_asked(lfs: LfsSite) -> None:
    keys = lfs.yard.user("over-ssh", ALL)
    principal = lfs.yard.yard.identity.credential(keys["access_key_id"], "").principal
    grants = Grants(lfs.yard.yard.kit.sealer, lfs.yard.clock)

    def tried(operation: str) -> list[int]:
        said = json.loads(grants.authenticate(principal, "us-east-1", "demo", operation, lfs.yard.endpoint))
        assert (said["href"], said["expires_in"]) == (f"{lfs.yard.endpoint}/v1/repos/demo/info/lfs", LIFETIME_S)
        batches = [json.dumps({"operation": what, "objects": []}).encode() for what in ("download", "upload")]
        return [lfs.ask("POST", "objects/batch", body, by="", **said["header"]).status for body in batches]

    assert (tried("download"), tried("upload")) == ([200, 403], [200, 200])


def test_a_deleted_repository_takes_its_objects_locks_and_links_with_it(yard: TestYard, tmp_path: Path) -> None:
    named = {"repositoryName": "demo"}
    yard.call("codecommit", "CreateRepository", named)
    site = LfsSite(yard, tmp_path)
    contents = [f"content {number}".encode() for number in range(3)]
    for content in contents:
        site.upload(content)
    link, up = site.link("download", contents[0]), site.link("upload", b"late")
    assert site.post("locks", {"path": "a.bin"}).status == 201
    yard.call("codecommit", "DeleteRepository", named)
    assert site.ask("PUT", up, b"late", by="").status == 404
    yard.settle()
    yard.call("codecommit", "CreateRepository", named)
    assert site.ask("GET", link, by="").status == 404
    assert site.ask("PUT", up, b"late", by="").status == 404
    assert site.batch("download", contents[0])["error"]["code"] == 404
    assert site.ask("GET", "locks").json()["locks"] == []
    yard.clock.advance(10**6)
    yard.yard.kit.blobs.sweep(0)
    assert site.blobs() == []


def test_links_lead_where_the_client_came_from_and_through_the_proxy_that_ends_tls(tmp_path: Path) -> None:
    yard = TestYard(tmp_path / "data", public_url="https://git.example.com")
    try:
        yard.call("codecommit", "CreateRepository", {"repositoryName": "demo"})
        (tmp_path / "client").mkdir()
        site = LfsSite(yard, tmp_path / "client")
        body = json.dumps(one()).encode()

        def led(**headers: str) -> str:
            made = site.ask("POST", "objects/batch", body, **headers).json()["objects"][0]
            return str(made["actions"]["upload"]["href"]).partition("/v1/")[0]

        assert (led(), led(Host="git.example.com")) == (yard.endpoint, "https://git.example.com")
    finally:
        yard.close()
