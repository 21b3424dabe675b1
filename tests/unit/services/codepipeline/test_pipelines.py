"""Pipelines through the API: what comes back is what was sent; versions; lists; tags; who may."""

from __future__ import annotations

from typing import Any

import pytest

from codeyard.contract import AwsError, Principal, Scope
from codeyard.services.codepipeline.access import access_table
from codeyard.services.codepipeline.model import catalog, paging, secrets
from tests.unit.services.codepipeline.support import ACCOUNT, ALICE, NAME, REGION, ROLE, World, pipeline

ARN = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{NAME}"


def test_a_declaration_comes_back_exactly(world: World) -> None:
    sent = pipeline(variables=[{"name": "v", "defaultValue": "1", "description": "d"}])
    assert world.call("create_pipeline", pipeline=sent)["pipeline"] == sent
    answer = world.call("get_pipeline", name=NAME)
    assert answer["pipeline"] == sent
    assert answer["metadata"]["pipelineArn"] == ARN


def test_an_update_takes_the_next_version_whatever_the_caller_sent(world: World) -> None:
    world.create()
    changed = pipeline(version=77, executionMode="QUEUED")
    assert world.call("update_pipeline", pipeline=changed)["pipeline"] == changed | {"version": 2}
    assert world.call("get_pipeline", name=NAME)["pipeline"]["version"] == 2
    assert world.call("get_pipeline", name=NAME, version=1)["pipeline"] == pipeline()
    with pytest.raises(AwsError) as refused:
        world.call("get_pipeline", name=NAME, version=3)
    assert refused.value.code == "PipelineVersionNotFoundException"


def test_a_name_is_used_once(world: World) -> None:
    world.create()
    with pytest.raises(AwsError) as refused:
        world.call("create_pipeline", pipeline=pipeline())
    assert refused.value.code == "PipelineNameInUseException"


def test_a_role_of_another_account_cannot_be_handed_over(world: World) -> None:
    foreign = pipeline(roleArn="arn:aws:iam::999999999999:role/pipeline")
    with pytest.raises(AwsError) as refused:
        world.call("create_pipeline", pipeline=foreign)
    assert (refused.value.code, refused.value.status) == ("AccessDeniedException", 403)


def test_another_region_has_pipelines_of_its_own(world: World) -> None:
    world.create()
    world.region = "eu-west-1"
    assert world.call("list_pipelines")["pipelines"] == []
    world.call("create_pipeline", pipeline=pipeline())
    assert len(world.call("list_pipelines")["pipelines"]) == 1


def test_deleting_what_is_not_there_succeeds(world: World) -> None:
    assert world.call("delete_pipeline", name="nope") == {}


def test_a_deleted_pipeline_takes_its_history_with_it(world: World) -> None:
    world.create()
    world.call("delete_pipeline", name=NAME)
    with pytest.raises(AwsError) as refused:
        world.call("get_pipeline", name=NAME)
    assert refused.value.code == "PipelineNotFoundException"
    assert refused.value.message == f"Account '{ACCOUNT}' does not have a pipeline with name '{NAME}'"
    world.finish_build()
    world.create()
    assert len(world.history()) == 1


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("get_pipeline", {"name": "x"}),
        ("get_pipeline_state", {"name": "x"}),
        ("update_pipeline", {"pipeline": pipeline() | {"name": "x"}}),
        ("start_pipeline_execution", {"name": "x"}),
        ("list_pipeline_executions", {"pipelineName": "x"}),
        ("list_action_executions", {"pipelineName": "x"}),
        ("stop_pipeline_execution", {"pipelineName": "x", "pipelineExecutionId": "y"}),
    ],
)
def test_an_unknown_pipeline_is_not_found(world: World, operation: str, params: dict[str, Any]) -> None:
    with pytest.raises(AwsError) as refused:
        world.call(operation, **params)
    assert refused.value.code == "PipelineNotFoundException"


def test_pipelines_are_listed_by_name_page_by_page(world: World) -> None:
    for name in ("c", "a", "b"):
        world.call("create_pipeline", pipeline=pipeline() | {"name": name})
    page = world.call("list_pipelines", maxResults=2)
    assert [p["name"] for p in page["pipelines"]] == ["a", "b"]
    rest = world.call("list_pipelines", maxResults=2, nextToken=page["nextToken"])
    assert [p["name"] for p in rest["pipelines"]] == ["c"]
    assert "nextToken" not in rest


@pytest.mark.parametrize("token", ["x", "!!", "W10", "WyJwaXBlbGluZXMiXQ", paging.encode("other", "a"), "W" * 2000])
def test_a_bad_page_token_has_its_own_exception(world: World, token: str) -> None:
    with pytest.raises(AwsError) as refused:
        world.call("list_pipelines", nextToken=token)
    assert refused.value.code == "InvalidNextTokenException"


def test_the_action_types_are_those_that_run_here(world: World) -> None:
    shown = world.call("list_action_types")["actionTypes"]
    assert {(t["id"]["category"], t["id"]["provider"]) for t in shown} == {
        ("Source", "CodeCommit"),
        ("Source", "S3"),
        ("Build", "CodeBuild"),
        ("Test", "CodeBuild"),
        ("Deploy", "CodeDeploy"),
        ("Deploy", "S3"),
        ("Approval", "Manual"),
    }
    assert world.call("list_action_types", actionOwnerFilter="Custom")["actionTypes"] == []


def test_tags_are_added_listed_and_removed(world: World) -> None:
    world.call("create_pipeline", pipeline=pipeline(), tags=[{"key": "team", "value": "a"}])
    world.call("tag_resource", resourceArn=ARN, tags=[{"key": "env", "value": "x"}, {"key": "team", "value": "b"}])
    listed = world.call("list_tags_for_resource", resourceArn=ARN)["tags"]
    assert listed == [{"key": "env", "value": "x"}, {"key": "team", "value": "b"}]
    page = world.call("list_tags_for_resource", resourceArn=ARN, maxResults=1)
    assert world.call("list_tags_for_resource", resourceArn=ARN, nextToken=page["nextToken"])["tags"] == listed[1:]
    world.call("untag_resource", resourceArn=ARN, tagKeys=["env", "nope"])
    assert world.call("list_tags_for_resource", resourceArn=ARN)["tags"] == listed[1:]


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([{"key": f"k{i}", "value": ""} for i in range(51)], "TooManyTagsException"),
        ([{"key": "aws:x", "value": ""}], "InvalidTagsException"),
        ([{"key": "a", "value": "1"}, {"key": "a", "value": "2"}], "InvalidTagsException"),
    ],
)
def test_bad_tags_are_refused(world: World, tags: list[dict[str, str]], code: str) -> None:
    with pytest.raises(AwsError) as refused:
        world.call("create_pipeline", pipeline=pipeline(), tags=tags)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (f"{ARN}x", "ResourceNotFoundException"),
        (f"{ARN}/Build", "InvalidArnException"),
        (f"arn:aws:codepipeline:{REGION}:999999999999:{NAME}", "ResourceNotFoundException"),
        ("nonsense", "InvalidArnException"),
    ],
)
def test_tags_of_what_is_not_there_are_refused(world: World, arn: str, code: str) -> None:
    world.create()
    with pytest.raises(AwsError) as refused:
        world.call("list_tags_for_resource", resourceArn=arn)
    assert refused.value.code == code


def test_secrets_are_sealed_and_masked_and_a_mask_keeps_the_stored_value(world: World) -> None:
    sent = pipeline()
    github = {"category": "Source", "owner": "ThirdParty", "provider": "GitHub", "version": "1"}
    sent["stages"][0]["actions"][0] |= {
        "actionTypeId": github,
        "configuration": {"OAuthToken": "s3cr3t", "Repo": "r"},
    }
    vault = secrets.Vault(world.kit.sealer, ARN)

    def configuration(declaration: dict[str, Any]) -> dict[str, str]:
        found: dict[str, str] = declaration["stages"][0]["actions"][0]["configuration"]
        return found

    stored = vault.sealed(sent, catalog.find, {})
    assert "s3cr3t" not in str(stored)
    assert vault.opened(configuration(stored)) == {"OAuthToken": "s3cr3t", "Repo": "r"}
    shown = secrets.redacted(stored)
    assert configuration(shown) == {"OAuthToken": "****", "Repo": "r"}
    assert vault.sealed(shown, catalog.find, stored) == stored
    configuration(shown)["OAuthToken"] = "new"
    assert vault.opened(configuration(vault.sealed(shown, catalog.find, stored)))["OAuthToken"] == "new"
    with pytest.raises(AwsError):
        vault.sealed(pipeline_with(configuration(stored)["OAuthToken"]), catalog.find, {})


def pipeline_with(repository: str) -> dict[str, Any]:
    sent = pipeline()
    sent["stages"][0]["actions"][0]["configuration"] = {"RepositoryName": repository, "BranchName": "main"}
    return sent


SCOPE = Scope(Principal("user", ACCOUNT, ALICE), ACCOUNT, REGION)


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        ("CreatePipeline", {"pipeline": pipeline()}, [("codepipeline:CreatePipeline", ARN), ("iam:PassRole", ROLE)]),
        ("UpdatePipeline", {"pipeline": pipeline()}, [("codepipeline:UpdatePipeline", ARN), ("iam:PassRole", ROLE)]),
        ("GetPipeline", {"name": NAME}, [("codepipeline:GetPipeline", ARN)]),
        (
            "StartPipelineExecutionFromEvent",
            {"name": NAME},
            [("codepipeline:StartPipelineExecution", ARN)],
        ),
        (
            "DisableStageTransition",
            {"pipelineName": NAME, "stageName": "Build"},
            [("codepipeline:DisableStageTransition", f"{ARN}/Build")],
        ),
        (
            "PutApprovalResult",
            {"pipelineName": NAME, "stageName": "Ok", "actionName": "A"},
            [("codepipeline:PutApprovalResult", f"{ARN}/Ok/A")],
        ),
        ("ListPipelines", {}, [("codepipeline:ListPipelines", "*")]),
        ("TagResource", {"resourceArn": ARN}, [("codepipeline:TagResource", ARN)]),
        (
            "CreatePipeline",
            {"pipeline": 7},
            [("codepipeline:CreatePipeline", ARN.replace(NAME, "*")), ("iam:PassRole", "*")],
        ),
    ],
)
def test_each_operation_asks_for_its_action_on_its_resource(
    operation: str, params: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    checks = access_table(lambda *_: {})[operation](SCOPE, params)
    assert [(c.action, c.resource) for c in checks] == expected


def test_tags_are_condition_keys() -> None:
    table = access_table(lambda account, region, name: {"team": "a"} if name == NAME else {})
    (check,) = table["GetPipeline"](SCOPE, {"name": NAME})
    assert check.keys == {"aws:ResourceTag/team": "a"}
    created = next(iter(table["CreatePipeline"](SCOPE, {"tags": [{"key": "env", "value": "x"}]})))
    assert created.keys == {"aws:RequestTag/env": "x", "aws:TagKeys": ["env"]}
