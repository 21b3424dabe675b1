"""Webhooks by boto3 on the one side, and by whoever knows their URL on the other."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.contract.codepipeline.test_a_pipeline_through_boto3 import _declared, _prepare
from tests.support.rawhttp import Wire, signed
from tests.support.yard import TestYard

SECRET = "a secret that nobody may see"
MAIN = [{"jsonPath": "$.ref", "matchEquals": "refs/heads/main"}]


@pytest.fixture(scope="module")
def pipelines(module_yard: TestYard) -> Any:
    """A client, and a pipeline named site that awaits events."""
    client = module_yard.client("codepipeline")
    client.create_pipeline(pipeline=_declared(_prepare(module_yard)))
    module_yard.settle()
    return client


def webhook(name: str, **more: Any) -> dict[str, Any]:
    open_to_all = {"authentication": "UNAUTHENTICATED", "authenticationConfiguration": {}}
    return {"name": name, "targetPipeline": "site", "targetAction": "Zip", "filters": MAIN, **open_to_all, **more}


def post(url: str, body: Any, method: str = "POST", **headers: str) -> tuple[int, str]:
    place = urlsplit(url)
    line = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    line.request(method, place.path, raw, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = line.getresponse()
    status, words = answer.status, answer.read().decode()
    line.close()
    return status, words


def starts(pipelines: Any) -> list[dict[str, Any]]:
    found = pipelines.list_pipeline_executions(pipelineName="site")["pipelineExecutionSummaries"]
    return [one for one in found if one["trigger"]["triggerType"] == "Webhook"]


def listed(pipelines: Any, name: str) -> dict[str, Any]:
    pages = pipelines.get_paginator("list_webhooks").paginate(PaginationConfig={"PageSize": 1})
    return next(one for page in pages for one in page["webhooks"] if one["definition"]["name"] == name)


def refused(call: Any, **asked: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**asked)
    return str(caught.value.response["Error"]["Code"])


def test_an_event_that_passes_starts_the_pipeline_and_another_does_not(module_yard: TestYard, pipelines: Any) -> None:
    made = pipelines.put_webhook(webhook=webhook("open"), tags=[{"key": "team", "value": "a"}])["webhook"]
    before = len(starts(pipelines))
    assert "lastTriggered" not in made
    assert post(made["url"], {"ref": "refs/heads/side"})[0] == 200
    assert len(starts(pipelines)) == before
    status, words = post(made["url"], {"ref": "refs/heads/main"})
    assert (status, words) == (200, "The pipeline site was started.\n")
    assert len(starts(pipelines)) == before + 1
    assert starts(pipelines)[0]["trigger"]["triggerDetail"] == made["arn"]
    assert "lastTriggered" in listed(pipelines, "open")
    module_yard.settle()
    state = pipelines.get_pipeline_state(name="site")["stageStates"][0]
    assert state["latestExecution"]["status"] == "Succeeded"


def test_a_signed_event_is_believed_and_its_secret_is_seen_nowhere(module_yard: TestYard, pipelines: Any) -> None:
    asked = webhook("signed", authentication="GITHUB_HMAC", authenticationConfiguration={"SecretToken": SECRET})
    made = pipelines.put_webhook(webhook=asked)["webhook"]
    assert made["definition"]["authenticationConfiguration"] == {"SecretToken": "****"}
    body = json.dumps({"ref": "refs/heads/main"}).encode()
    good = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert post(made["url"], body)[0] == 403
    assert post(made["url"], body, X_Hub_Signature_256="sha256=" + "0" * 64)[0] == 403
    assert post(made["url"], body, X_Hub_Signature_256=f"sha256={good}")[0] == 200
    again = pipelines.put_webhook(webhook=made["definition"])["webhook"]
    assert again["url"] == made["url"]
    assert post(made["url"], body, X_Hub_Signature_256=f"sha256={good}")[0] == 200
    told = json.dumps(module_yard.trail()) + json.dumps(pipelines.list_webhooks(), default=str)
    assert SECRET not in told
    token = made["url"].rpartition("/")[2]
    assert token not in json.dumps(module_yard.trail())
    assert SECRET not in _rows(module_yard)


def _rows(yard: TestYard) -> str:
    database = next(Path(yard.yard.options.data).glob("*.db"))
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        return str(db.execute("SELECT * FROM codepipeline_webhooks").fetchall())


def test_only_the_range_may_call(pipelines: Any) -> None:
    near = webhook("near", authentication="IP", authenticationConfiguration={"AllowedIPRange": "127.0.0.0/8"})
    far = webhook("far", authentication="IP", authenticationConfiguration={"AllowedIPRange": "192.0.2.0/24"})
    event = {"ref": "refs/heads/main"}
    assert post(pipelines.put_webhook(webhook=near)["webhook"]["url"], event)[0] == 200
    assert post(pipelines.put_webhook(webhook=far)["webhook"]["url"], event)[0] == 403


def test_what_is_no_event_starts_nothing(module_yard: TestYard, pipelines: Any) -> None:
    url = pipelines.put_webhook(webhook=webhook("strict"))["webhook"]["url"]
    before = len(starts(pipelines))
    deep = b"[" * 100_000
    assert [post(url, body)[0] for body in (b"", b"{", b"\xff", deep)] == [400] * 4
    assert [post(url, body)[0] for body in ([], 7, None, {"ref": ["refs/heads/main"]})] == [200] * 4
    assert post(url, b"", "GET")[0] == 405
    assert post(url[:-1], {"ref": "refs/heads/main"})[0] == 404
    assert post(f"{module_yard.endpoint}/v1/webhooks/", {})[0] == 404
    assert len(starts(pipelines)) == before


def test_a_webhook_of_a_pipeline_that_is_gone_says_so(module_yard: TestYard, pipelines: Any) -> None:
    declared = pipelines.get_pipeline(name="site")["pipeline"] | {"name": "gone"}
    pipelines.create_pipeline(pipeline=declared)
    url = pipelines.put_webhook(webhook=webhook("orphan", targetPipeline="gone"))["webhook"]["url"]
    pipelines.delete_pipeline(name="gone")
    assert post(url, {"ref": "refs/heads/main"})[0] == 400
    assert listed(pipelines, "orphan")["errorCode"] == "PipelineNotFoundException"


def test_what_cannot_be_a_webhook_is_refused(pipelines: Any) -> None:
    put = pipelines.put_webhook
    assert refused(put, webhook=webhook("x", targetPipeline="nowhere")) == "PipelineNotFoundException"
    assert refused(put, webhook=webhook("x", targetAction="Put")) == "ValidationException"
    assert refused(put, webhook=webhook("x", filters=[{"jsonPath": "$..a"}])) == "InvalidWebhookFilterPatternException"
    masked = {"authentication": "GITHUB_HMAC", "authenticationConfiguration": {"SecretToken": "****"}}
    assert refused(put, webhook=webhook("x", **masked)) == "InvalidWebhookAuthenticationParametersException"
    assert refused(pipelines.list_webhooks, NextToken="x") == "InvalidNextTokenException"


def test_a_deleted_webhook_answers_nobody_and_is_deleted_twice(pipelines: Any) -> None:
    made = pipelines.put_webhook(webhook=webhook("short"), tags=[{"key": "a", "value": "1"}])["webhook"]
    pipelines.tag_resource(resourceArn=made["arn"], tags=[{"key": "b", "value": "2"}])
    assert [tag["key"] for tag in pipelines.list_tags_for_resource(resourceArn=made["arn"])["tags"]] == ["a", "b"]
    pipelines.delete_webhook(name="short")
    pipelines.delete_webhook(name="short")
    assert post(made["url"], {"ref": "refs/heads/main"})[0] == 404


def test_the_start_by_a_webhook_is_no_operation_that_anybody_can_call(module_yard: TestYard, pipelines: Any) -> None:
    before = len(starts(pipelines))
    body = json.dumps({"name": "site", "webhook": "open"}).encode()
    target = "CodePipeline_20150709.StartPipelineExecutionFromWebhook"
    kind = "application/x-amz-json-1.1"
    raw = signed(module_yard, "POST", "/", "codepipeline", body, X_Amz_Target=target, Content_Type=kind) + body
    status, _, answer = Wire(module_yard).ask(raw)
    assert status == 404
    assert b"UnknownOperationException" in answer
    assert len(starts(pipelines)) == before


def test_whoever_may_not_is_refused(module_yard: TestYard, pipelines: Any) -> None:
    allowed = {"Effect": "Allow", "Action": "codepipeline:PutWebhook", "Resource": "arn:aws:codepipeline:*:*:webhook:*"}
    keys = module_yard.user("hooker", [allowed])
    client = module_yard.client("codepipeline", keys=keys)
    assert refused(client.put_webhook, webhook=webhook("mine")) == "AccessDeniedException", "the pipeline is needed too"
    assert refused(client.delete_webhook, name="mine") == "AccessDeniedException"
