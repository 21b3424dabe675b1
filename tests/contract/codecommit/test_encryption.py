"""Repositories under KMS keys: by API and by git, while the key may be used and when it may not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from codeyard.contract import AwsError
from codeyard.git import gocryptfs
from codeyard.services.codecommit import unraised
from tests.contract.codecommit.test_every_error import MODEL, VALID, World, request
from tests.contract.git.conftest import ALL, Site
from tests.security.raw import found_in
from tests.support.fuse import needs_fuse
from tests.support.yard import TestYard, wait_until

pytestmark = needs_fuse()
DISABLED = "EncryptionKeyDisabledException"
CONTEXT = "aws:codecommit:id"


@pytest.fixture
def key(yard: TestYard) -> str:
    return str(yard.call("kms", "CreateKey")["KeyMetadata"]["Arn"])


@pytest.fixture
def site(yard: TestYard, key: str, tmp_path: Path) -> Site:
    """A yard with one empty repository, kept under the key."""
    yard.call("codecommit", "CreateRepository", {"repositoryName": "demo", "kmsKeyId": key})
    folder = tmp_path / "client"
    folder.mkdir()
    return Site(yard, folder)


@pytest.fixture
def url(site: Site, key: str) -> str:
    """A clone URL of somebody who may use the repository, and the key by way of CodeCommit."""
    via = {"StringEquals": {"kms:ViaService": "codecommit.us-east-1.amazonaws.com"}}
    return site.person("alice", [*ALL, {"Effect": "Allow", "Action": "kms:*", "Resource": key, "Condition": via}])


@pytest.fixture
def again(yard: TestYard) -> Iterator[Any]:
    """Stop the server and start it anew over the same folder."""
    later: list[TestYard] = []

    def restart() -> TestYard:
        (later[-1] if later else yard).close()
        later.append(TestYard(yard.data, clock=yard.clock))
        return later[-1]

    yield restart
    for one in later:
        one.close()


def code(call: Any, **req: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**req)
    return str(error.value.response["Error"]["Code"])


def put(yard: TestYard, path: str, content: str, name: str = "demo") -> str:
    req = {"repositoryName": name, "branchName": "main", "filePath": path, "fileContent": content.encode()}
    tip = tips(yard, name).get("main")
    more = {"parentCommitId": tip} if tip else {}
    return str(yard.call("codecommit", "PutFile", {**req, **more})["commitId"])


def tips(yard: TestYard, name: str = "demo") -> dict[str, str]:
    get = {"repositoryName": name}
    names = yard.call("codecommit", "ListBranches", get)["branches"]
    return {
        one: yard.call("codecommit", "GetBranch", {**get, "branchName": one})["branch"]["commitId"] for one in names
    }


def content(yard: TestYard, path: str, name: str = "demo") -> str:
    return bytes(yard.call("codecommit", "GetFile", {"repositoryName": name, "filePath": path})["fileContent"]).decode()


def metadata(yard: TestYard, name: str = "demo") -> dict[str, Any]:
    found: dict[str, Any] = yard.call("codecommit", "GetRepository", {"repositoryName": name})["repositoryMetadata"]
    return found


def folder(yard: TestYard, name: str = "demo") -> Path:
    found = metadata(yard, name)["repositoryId"]
    return yard.data / "git" / "repositories" / found[:2] / f"{found}.git"


def readable(data: Path) -> list[str]:
    """What git makes of every folder below: the objects that it can name there."""
    said = []
    for place in [data, *(path for path in data.rglob("*") if path.is_dir())]:
        command = ["git", f"--git-dir={place}", "cat-file", "--batch-all-objects", "--batch-check"]
        said.append(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    return [one for one in said if one]


def test_git_and_the_api_use_a_repository_under_a_key_as_any_other(site: Site, url: str, key: str) -> None:
    assert metadata(site.yard)["kmsKeyId"] == key
    work = site.work()
    site.git("push", url, "main", cwd=work)
    put(site.yard, "by-api", "hello")
    site.git("pull", "--quiet", url, "main", cwd=work)
    assert (work / "by-api").read_text() == "hello"
    site.git("clone", "--quiet", url, "copy")
    assert site.git("rev-parse", "HEAD", cwd=site.folder / "copy") == site.branches()["main"]
    assert [event["referenceName"] for event in site.events()] == ["main", "main"]
    found = metadata(site.yard)["repositoryId"]
    used = [r for r in site.yard.trail() if r["eventSource"] == "kms.amazonaws.com" and r["eventName"] != "CreateKey"]
    assert {"DescribeKey", "GenerateDataKey", "Decrypt"} == {record["eventName"] for record in used}
    decrypts = [record for record in used if record["eventName"] == "Decrypt"]
    assert {record["requestParameters"]["encryptionContext"][CONTEXT] for record in decrypts} == {found}
    assert "alice" in {record["userIdentity"].get("userName") for record in decrypts}


def test_nothing_of_it_can_be_read_on_the_disk_while_the_server_is_down(site: Site, url: str, again: Any) -> None:
    work = site.work()
    tip = site.commit(work, "a-telling-name", "the source of all evil\n")
    site.git("push", url, "main", cwd=work)
    assert readable(site.yard.data / "git" / "open"), "while the server is up, git would find it there"
    site.yard.close()
    assert readable(site.yard.data) == []
    secrets = {name: name.encode() for name in ("a-telling-name", "the source of all evil", tip, "change file0")}
    assert found_in(site.yard.data / "git", secrets) == []
    later = again()
    assert tips(later)["main"] == tip
    assert content(later, "a-telling-name") == "the source of all evil\n"


def test_a_disabled_key_stops_reads_and_pushes_and_one_that_is_enabled_again_does_not(
    site: Site, url: str, key: str
) -> None:
    work, client = site.work(), site.yard.client("codecommit")
    site.git("push", url, "main", cwd=work)
    site.yard.call("kms", "DisableKey", {"KeyId": key})
    assert code(client.get_branch, repositoryName="demo", branchName="main") == DISABLED
    assert not folder(site.yard).exists(), "nobody reads on from what stood open"
    site.commit(work, "late", "late")
    for command in (("push", url, "main"), ("fetch", url)):
        assert "disabled" in site.git(*command, cwd=work, ok=False)
    site.yard.call("kms", "EnableKey", {"KeyId": key})
    site.git("push", url, "main", cwd=work)
    site.yard.call("kms", "ScheduleKeyDeletion", {"KeyId": key})
    assert code(client.get_branch, repositoryName="demo", branchName="main") == DISABLED


def test_every_operation_on_content_minds_the_key_and_the_others_are_listed(module_yard: TestYard) -> None:
    key = module_yard.call("kms", "CreateKey")["KeyMetadata"]["Arn"]
    world = World(module_yard, key)
    module_yard.call("kms", "DisableKey", {"KeyId": key})
    said = {}
    last = ("UpdateRepositoryName", "DeleteRepository")
    for operation in sorted(VALID, key=last.__contains__):
        modelled = {shape.name for shape in MODEL.operation_model(operation).error_shapes}
        listed = unraised.reason(operation, DISABLED) is not None
        if DISABLED not in modelled or listed or operation in ("CreateRepository", "UpdateRepositoryEncryptionKey"):
            continue
        try:
            world.call(operation, **request(world, operation, "ValidAsItIs"))
            said[operation] = "nothing"
        except AwsError as error:
            if error.code != DISABLED:
                said[operation] = error.code
    assert not said, "\n".join(f"{name}: {code}" for name, code in said.items())


def test_who_may_use_the_repository_but_not_the_key_is_refused(site: Site, url: str) -> None:
    put(site.yard, "a", "1")
    stranger = site.yard.client("codecommit", keys=site.yard.user("keyless", [{**ALL[0], "Action": "codecommit:*"}]))
    asked = {"repositoryName": "demo", "filePath": "a"}
    assert code(stranger.get_file, **asked) == "EncryptionKeyAccessDeniedException"
    assert "kms:Decrypt" in site.git("ls-remote", site.person("bob", ALL), ok=False)


def test_the_key_of_the_account_serves_everybody_through_codecommit_alone(site: Site) -> None:
    managed = {"repositoryName": "shared", "kmsKeyId": "alias/aws/codecommit"}
    site.yard.call("codecommit", "CreateRepository", managed)
    put(site.yard, "a", "1", "shared")
    reader = site.yard.user("reader", [{"Effect": "Allow", "Action": ["codecommit:*", "kms:*"], "Resource": "*"}])
    asked = {"repositoryName": "shared", "filePath": "a"}
    assert site.yard.client("codecommit", keys=reader).get_file(**asked)["fileContent"] == b"1"
    said = {"KeyId": "alias/aws/codecommit", "KeySpec": "AES_256"}
    assert code(site.yard.client("kms", keys=reader).generate_data_key, **said) == "AccessDeniedException"


def test_a_merge_by_line_leaves_nothing_in_the_clear(site: Site) -> None:
    base = put(site.yard, "a", "1\n2\n3\n")
    asked = {"repositoryName": "demo", "branchName": "side", "commitId": base}
    site.yard.call("codecommit", "CreateBranch", asked)
    put(site.yard, "a", "1\n2\nours\n")
    change = {"branchName": "side", "parentCommitId": base, "filePath": "a", "fileContent": b"theirs\n2\n3\n"}
    site.yard.call("codecommit", "PutFile", {"repositoryName": "demo", **change})
    site.yard.data.joinpath("git", "home", "scratch").rmdir()  # writing into it would fail
    sides = {"sourceCommitSpecifier": "side", "destinationCommitSpecifier": "main"}
    how = {"conflictDetailLevel": "LINE_LEVEL", "targetBranch": "main"}
    site.yard.call("codecommit", "MergeBranchesByThreeWay", {"repositoryName": "demo", **sides, **how})
    assert content(site.yard, "a") == "theirs\n2\nours\n"


def test_a_plain_repository_moves_under_a_key_and_from_key_to_key(yard: TestYard, key: str) -> None:
    yard.call("codecommit", "CreateRepository", {"repositoryName": "demo"})
    first = put(yard, "a", "one")
    client, path = yard.client("codecommit"), folder(yard)
    plain = path.stat().st_ino
    told = client.update_repository_encryption_key(repositoryName="demo", kmsKeyId=key)
    assert (told["kmsKeyId"], "originalKmsKeyId" in told) == (key, False)
    assert path.is_symlink()
    assert path.stat().st_ino != plain
    assert not list(path.parent.glob("*.deleted"))
    assert (tips(yard)["main"], content(yard, "a")) == (first, "one")
    yard.call("kms", "CreateAlias", {"AliasName": "alias/next", "TargetKeyId": (other := new_key(yard))})
    told = client.update_repository_encryption_key(repositoryName="demo", kmsKeyId="alias/next")
    assert (told["kmsKeyId"], told["originalKmsKeyId"]) == (other, key)
    yard.call("kms", "DisableKey", {"KeyId": key})
    second = put(yard, "a", "two")
    assert (tips(yard)["main"], content(yard, "a"), metadata(yard)["kmsKeyId"]) == (second, "two", other)
    assert subprocess.run(["git", f"--git-dir={path}", "fsck", "--full"], check=False).returncode == 0


def new_key(yard: TestYard) -> str:
    return str(yard.call("kms", "CreateKey")["KeyMetadata"]["Arn"])


def test_a_key_that_cannot_take_over_leaves_everything_as_it_was(site: Site, key: str) -> None:
    put(site.yard, "a", "1")
    client, other = site.yard.client("codecommit"), new_key(site.yard)
    site.yard.call("kms", "DisableKey", {"KeyId": other})
    change = client.update_repository_encryption_key
    assert code(change, repositoryName="demo", kmsKeyId=other) == DISABLED
    assert code(change, repositoryName="demo", kmsKeyId="alias/none") == "EncryptionKeyNotFoundException"
    assert (metadata(site.yard)["kmsKeyId"], content(site.yard, "a")) == (key, "1")


def test_a_move_that_a_crash_cut_short_after_it_was_recorded_ends_with_the_next_use(
    yard: TestYard, key: str, again: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.call("codecommit", "CreateRepository", {"repositoryName": "demo"})
    tip, path = put(yard, "a", "1"), folder(yard)

    def die(*_: Any) -> None:
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as context:
        context.setattr("codeyard.services.codecommit.repositories.LocalRepositories._link", die)
        with pytest.raises(AwsError, match="internal fault"):
            yard.call("codecommit", "UpdateRepositoryEncryptionKey", {"repositoryName": "demo", "kmsKeyId": key})
    assert path.is_dir()
    assert not path.is_symlink()
    later = again()
    assert (metadata(later)["kmsKeyId"], tips(later)["main"], content(later, "a")) == (key, tip, "1")
    assert path.is_symlink()


def test_a_change_that_a_crash_left_open_is_told_when_the_repository_is_opened_again(
    site: Site, again: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tip = put(site.yard, "a", "1")
    before = len(site.events())
    part = next(one for one in site.yard.yard.parts if one.service == "codecommit")
    changes = part.api._rooms.changes  # type: ignore[attr-defined]

    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as context:
        context.setattr(changes, "close", die)
        context.setattr(changes, "settle_batch", die)
        asked = {"repositoryName": "demo", "branchName": "side", "commitId": tip}
        with pytest.raises(SystemExit):
            site.yard.call("codecommit", "CreateBranch", asked)
    later = Site(again(), site.folder)
    assert len(later.events()) == before, "it is closed: nobody can know yet"
    assert later.branches() == {"main": tip, "side": tip}
    assert [event["referenceName"] for event in later.events()[before:]] == ["side"]


def test_without_gocryptfs_a_key_is_refused_with_the_cure_and_nothing_is_made(
    yard: TestYard, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = yard.client("codecommit")
    monkeypatch.setattr(gocryptfs, "missing", lambda: "gocryptfs is not installed (apt-get install gocryptfs)")
    with pytest.raises(ClientError) as error:
        client.create_repository(repositoryName="demo", kmsKeyId=key)
    assert error.value.response["Error"]["Code"] == "EncryptionKeyUnavailableException"
    assert "apt-get install gocryptfs" in error.value.response["Error"]["Message"]
    assert client.list_repositories()["repositories"] == []
    assert not list((yard.data / "git").glob("encrypted/*/*"))


def test_files_that_are_not_the_keys_are_refused_as_such(site: Site, again: Any) -> None:
    put(site.yard, "a", "1")
    found = metadata(site.yard)["repositoryId"]
    cipher = site.yard.data / "git" / "encrypted" / found[:2] / found
    site.yard.close()
    kept = (cipher / "gocryptfs.conf").read_text()
    (cipher / "gocryptfs.conf").chmod(0o600)
    changed = json.loads(kept)
    changed["EncryptedKey"] = "A" * 8 + changed["EncryptedKey"][8:]
    (cipher / "gocryptfs.conf").write_text(json.dumps(changed))
    client = again().client("codecommit")
    assert code(client.list_branches, repositoryName="demo") == "EncryptionIntegrityChecksFailedException"


def test_a_deleted_repository_leaves_no_ciphertext(site: Site) -> None:
    put(site.yard, "a", "1")
    path = folder(site.yard)
    site.yard.call("codecommit", "DeleteRepository", {"repositoryName": "demo"})
    assert not path.is_symlink()
    assert not [one for one in (site.yard.data / "git").glob("*/*/*") if one.name.split(".")[0] == path.stem]
    assert not list((site.yard.data / "git" / "open").iterdir())


def test_what_is_open_closes_with_the_server_however_it_ends(tmp_path: Path) -> None:
    script = """
import os, signal, sys
from pathlib import Path
from codeyard.git.gocryptfs import Gocryptfs
root = Path(sys.argv[1])
folders = Gocryptfs(root / "open")
folders.create(root / "cipher", b"s" * 32)
folders.open(root / "cipher", root / "open" / "one", b"s" * 32)
(root / "open" / "one" / "file").write_text("plain")
print(os.path.ismount(root / "open" / "one"), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr
    place = tmp_path / "open" / "one"
    wait_until(lambda: not place.is_mount())
    assert list(place.iterdir()) == []
    shutil.rmtree(tmp_path / "open")
