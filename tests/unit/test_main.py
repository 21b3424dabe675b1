"""The whole server put together: how it begins, begins again, and opens further accounts."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from codeyard.cli import main as cli
from codeyard.contract import AwsError
from codeyard.edge.unix import connect_unix
from tests.support.yard import TestYard


@contextmanager
def _serving(data: Path) -> Iterator[TestYard]:
    served = TestYard(data)
    try:
        yield served
    finally:
        served.close()


def _delete_admin(yard: TestYard) -> dict[str, str]:
    """Delete the first administrator, as another one whom it made; that one's keys."""
    boss = yard.user("boss", [{"Effect": "Allow", "Action": "*", "Resource": "*"}])
    client = yard.client("iam", keys=boss)
    for key in client.list_access_keys(UserName="admin")["AccessKeyMetadata"]:
        client.delete_access_key(UserName="admin", AccessKeyId=key["AccessKeyId"])
    client.detach_user_policy(UserName="admin", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    client.delete_user(UserName="admin")
    return boss


def test_an_administrator_who_was_deleted_does_not_come_back_with_the_next_start(tmp_path: Path) -> None:
    with _serving(tmp_path) as first:
        boss = _delete_admin(first)
    with _serving(tmp_path) as again:
        users = again.client("iam", keys=boss).list_users()["Users"]
        assert [one["UserName"] for one in users] == ["boss"]
        assert "access_key_id" not in again.facts, "keys that count no more are not told"
        _tell(tmp_path, again)
        shown = CliRunner().invoke(cli, ["env", "--data", str(tmp_path)])
        assert (shown.exit_code, "AWS_ENDPOINT_URL" in shown.output) == (0, True)
        assert "AWS_ACCESS_KEY_ID" not in shown.output


def _tell(data: Path, yard: TestYard) -> None:
    (data / "endpoint.json").write_text(json.dumps(yard.facts))


def test_the_local_runner_is_enrolled_whoever_administers_the_account(tmp_path: Path) -> None:
    config = tmp_path / "runner" / "local.json"
    with _serving(tmp_path) as first:
        boss = _delete_admin(first)
        first.yard.enrol_local_runner()
        made = json.loads(config.read_text())
        whoami = first.client("sts", keys=made).get_caller_identity()
        assert whoami["Arn"].endswith("user/codeyard/runners/codeyard-runner-local")
    with _serving(tmp_path) as again:
        again.yard.enrol_local_runner()
        assert json.loads(config.read_text())["access_key_id"] == made["access_key_id"], "its keys stay"
        config.unlink()
        again.yard.enrol_local_runner()
        fresh = json.loads(config.read_text())
        keys = again.client("iam", keys=boss).list_access_keys(UserName="codeyard-runner-local")["AccessKeyMetadata"]
        assert [one["AccessKeyId"] for one in keys] == [fresh["access_key_id"]], "lost ones are replaced"


def _command(data: Path, path: str, body: Any) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("localhost", timeout=60)
    connection.sock = connect_unix(data / "admin.sock")
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def test_an_account_is_opened_once_with_its_own_administrator(tmp_path: Path) -> None:
    with _serving(tmp_path) as yard:
        status, keys = _command(tmp_path, "/account", {"account": "210987654321", "alias": "other"})
        assert status == 200
        assert yard.client("sts", keys=keys).get_caller_identity()["Account"] == "210987654321"
        iam = yard.client("iam", keys=keys)
        iam.detach_user_policy(UserName="admin", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
        status, told = _command(tmp_path, "/account", {"account": "210987654321"})
        assert (status, told["message"]) == (400, "account 210987654321 is there already")
        with pytest.raises(AwsError, match="AccessDenied"):
            yard.caller(yard.yard.identity.credential(keys["access_key_id"], "").principal).call("iam", "ListUsers")


@pytest.mark.parametrize("account", ["1", "12345678901x", 210987654321, None, "٢١٠٩٨٧٦٥٤٣٢١"])
def test_what_is_no_account_id_opens_nothing(tmp_path: Path, account: Any) -> None:
    with _serving(tmp_path):
        status, told = _command(tmp_path, "/account", {"account": account})
        assert (status, "12 digits" in told["message"]) == (400, True)
