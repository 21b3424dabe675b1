"""Which declarations are refused, with which exception and in which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.services.codepipeline.model import structure
from codeyard.services.codepipeline.model.definition import normalized, parse
from tests.unit.services.codepipeline.support import REGION, action, approval, build, deploy, pipeline, source

Change = Callable[[dict[str, Any]], object]
S3 = {"S3Bucket": "in", "S3ObjectKey": "app.zip"}


def _two(*stages: tuple[str, list[dict[str, Any]]], **more: Any) -> dict[str, Any]:
    return pipeline(*stages, **more)


def _with_action(changed: dict[str, Any]) -> dict[str, Any]:
    return pipeline(("Source", [source()]), ("Build", [changed]))


RULES: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "a pipeline has at least two stages",
        _two(("Source", [source()])),
        "InvalidStructureException",
        "Pipeline has only one stage(s). There should be a minimum of two stages in a pipeline",
    ),
    (
        "it has at most fifty stages",
        _two(("Source", [source()]), *((f"S{i}", [approval()]) for i in range(50))),
        "LimitExceededException",
        "up to 50 stages",
    ),
    (
        "the first stage has only source actions",
        _two(("Source", [source(), approval()]), ("Build", [build()])),
        "InvalidStructureException",
        "Pipeline should start with a stage that only contains source actions",
    ),
    (
        "source actions stand in the first stage only",
        _two(("Source", [source()]), ("Build", [source("Other", "Other")])),
        "InvalidStructureException",
        "source actions can only be in the first stage",
    ),
    (
        "stage names are unique",
        _two(("Source", [source()]), ("Source", [build()])),
        "InvalidStructureException",
        "Stage names must be unique",
    ),
    (
        "action names are unique in a stage",
        _two(("Source", [source()]), ("Build", [build(), build()])),
        "InvalidStageDeclarationException",
        "Action names must be unique",
    ),
    (
        "a stage has an action",
        _two(("Source", [source()]), ("Build", [])),
        "InvalidStageDeclarationException",
        "at least one action",
    ),
    (
        "a stage runs at most fifty actions at once",
        _two(("Source", [source()]), ("Build", [approval(f"A{i}") for i in range(51)])),
        "LimitExceededException",
        "50 parallel or sequential",
    ),
    (
        "a stage has at most fifty steps",
        _two(("Source", [source()]), ("Build", [approval(f"A{i}", runOrder=i + 1) for i in range(51)])),
        "LimitExceededException",
        "50 parallel or sequential",
    ),
    (
        "output artifacts are unique in the pipeline",
        _two(("Source", [source(), source("Second")]), ("Build", [build()])),
        "InvalidStructureException",
        "Output Artifact Bundle name must be unique",
    ),
    (
        "an input comes from an earlier action",
        _with_action(build(inputs=["Nothing"])),
        "InvalidStructureException",
        "Input Artifact Bundle Nothing in action Build is not declared",
    ),
    (
        "an input cannot come from an action of the same step",
        _two(("Source", [source()]), ("Build", [build(outputs=["Out"]), build("Test", inputs=["Out"])])),
        "InvalidStructureException",
        "Input Artifact Bundle Out in action Test",
    ),
    (
        "an input is named once",
        _with_action(build(inputs=["App", "App"], configuration={"PrimarySource": "App"})),
        "InvalidActionDeclarationException",
        "more than once",
    ),
    (
        "a build needs an input",
        _with_action(build(inputs=[])),
        "InvalidStructureException",
        "declares 0 input artifacts, which is fewer than the minimum count of 1",
    ),
    (
        "an approval makes nothing",
        _with_action(approval(outputs=["Out"])),
        "InvalidStructureException",
        "declares 1 output artifacts, which is more than the maximum count of 0",
    ),
    (
        "namespaces are unique",
        _two(("Source", [source(namespace="N"), source("B", "B", namespace="N")]), ("Build", [build()])),
        "InvalidStructureException",
        "Namespaces must be unique",
    ),
    (
        "a namespace is not an artifact's name",
        _two(("Source", [source(namespace="App")]), ("Build", [build()])),
        "InvalidStructureException",
        "cannot be the same as the name of an artifact",
    ),
    (
        "the namespace codepipeline is reserved",
        _two(("Source", [source(namespace="codepipeline")]), ("Build", [build()])),
        "InvalidStructureException",
        "is reserved",
    ),
    (
        "a variable comes from an earlier action",
        _with_action(build(configuration={"EnvironmentVariables": "#{Later.X}"})),
        "InvalidActionDeclarationException",
        "'#{Later.X}', which no earlier action provides",
    ),
    (
        "a source has only its own variables",
        _two(
            ("Source", [source(namespace="S")]), ("Build", [build(configuration={"EnvironmentVariables": "#{S.Nope}"})])
        ),
        "InvalidActionDeclarationException",
        "#{S.Nope}",
    ),
    (
        "a pipeline variable is declared",
        _with_action(build(configuration={"EnvironmentVariables": "#{variables.nope}"})),
        "InvalidActionDeclarationException",
        "#{variables.nope}",
    ),
    (
        "pipeline variables are unique",
        pipeline(variables=[{"name": "a"}, {"name": "a"}]),
        "InvalidStructureException",
        "must be unique",
    ),
    ("a bucket is named", pipeline(artifactStore=None), "InvalidStructureException", "Exactly one of artifactStore"),
    (
        "not both kinds of store are named",
        pipeline(artifactStores={REGION: {"type": "S3", "location": "x"}}),
        "InvalidStructureException",
        "Exactly one of artifactStore",
    ),
    (
        "the pipeline's own region has a store",
        pipeline(artifactStore=None, artifactStores={"eu-west-1": {"type": "S3", "location": "x"}}),
        "InvalidStructureException",
        "own region us-east-1",
    ),
    ("queues need V2", pipeline(pipelineType="V1", executionMode="QUEUED"), "InvalidStructureException", "V2"),
    ("parallel runs need V2", pipeline(pipelineType="V1", executionMode="PARALLEL"), "InvalidStructureException", "V2"),
    ("variables need V2", pipeline(pipelineType="V1", variables=[{"name": "a"}]), "InvalidStructureException", "V2"),
    (
        "a required key is there",
        _with_action(action("B", "Build", "CodeBuild", {}, inputs=["App"])),
        "InvalidActionDeclarationException",
        "missing required configuration 'ProjectName'",
    ),
    (
        "an unknown key is refused",
        _with_action(build(configuration={"Nope": "x"})),
        "InvalidActionDeclarationException",
        "contains unknown configuration 'Nope'",
    ),
    (
        "an unknown action type is refused",
        _with_action(action("B", "Build", "Bazel", {}, inputs=["App"])),
        "InvalidActionDeclarationException",
        "ActionType (category: 'Build', provider: 'Bazel', owner: 'AWS', version: '1') in action 'B' is not available",
    ),
    (
        "several inputs need a primary source",
        _two(("Source", [source(), source("B", "B")]), ("Build", [build(inputs=["App", "B"])])),
        "InvalidActionDeclarationException",
        "PrimarySource must name",
    ),
    (
        "a timeout is for approvals",
        _with_action(build(timeoutInMinutes=10)),
        "InvalidActionDeclarationException",
        "only supported for manual approval",
    ),
    (
        "a flag is true or false",
        _two(("Source", [source(configuration={"PollForSourceChanges": "yes"})]), ("Build", [build()])),
        "InvalidActionDeclarationException",
        "must be true or false",
    ),
    (
        "an object to deploy to has a key",
        _with_action(action("D", "Deploy", "S3", {"BucketName": "b", "Extract": "false"}, inputs=["App"])),
        "InvalidActionDeclarationException",
        "ObjectKey is required",
    ),
]

RULE = {"name": "r", "ruleTypeId": {"category": "Rule", "provider": "VariableCheck"}}
NOT_BUILT: list[tuple[str, Change, str]] = [
    ("conditions before a stage", lambda p: p["stages"][1].update(beforeEntry={"conditions": [{"rules": [RULE]}]}), ""),
    ("conditions after a stage", lambda p: p["stages"][1].update(onSuccess={"conditions": [{"rules": [RULE]}]}), ""),
    ("automatic retry", lambda p: p["stages"][1].update(onFailure={"result": "RETRY"}), "Invalid"),
    ("triggers", lambda p: p.update(triggers=[{"providerType": "CodeStarSourceConnection"}]), ""),
    ("blockers", lambda p: p["stages"][1].update(blockers=[{"name": "b", "type": "Schedule"}]), "InvalidBlocker"),
    ("an action's own role", lambda p: _second(p).update(roleArn="arn:aws:iam::1:role/r"), "InvalidAction"),
    ("other regions", lambda p: _second(p).update(region="eu-west-1"), "InvalidAction"),
    ("batch builds", lambda p: _second(p)["configuration"].update(BatchEnabled="true"), "InvalidAction"),
    ("commands", lambda p: _second(p).update(commands=["ls"]), "InvalidAction"),
    (
        "partners' workers",
        lambda p: _second(p)["actionTypeId"].update(owner="ThirdParty", provider="Snyk"),
        "InvalidAction",
    ),
    (
        "other providers",
        lambda p: _second(p)["actionTypeId"].update(provider="ECS", category="Deploy"),
        "InvalidAction",
    ),
    (
        "references in place of archives",
        lambda p: p["stages"][0]["actions"][0]["configuration"].update(OutputArtifactFormat="CODEBUILD_CLONE_REF"),
        "InvalidAction",
    ),
]


def _second(declared: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = declared["stages"][1]["actions"][0]
    return found


@pytest.mark.parametrize(("declared", "code", "words"), [r[1:] for r in RULES], ids=[r[0] for r in RULES])
def test_a_declaration_that_breaks_a_rule_is_refused(declared: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(AwsError) as refused:
        structure.check({k: v for k, v in declared.items() if v is not None}, REGION)
    assert refused.value.code == code
    assert words in refused.value.message


@pytest.mark.parametrize(("change", "code"), [n[1:] for n in NOT_BUILT], ids=[n[0] for n in NOT_BUILT])
def test_what_is_not_built_is_refused_and_never_silently_accepted(change: Change, code: str) -> None:
    declared = pipeline()
    change(declared)
    with pytest.raises(AwsError) as refused:
        structure.check(declared, REGION)
    assert refused.value.code.startswith(code or "InvalidStructure")
    assert any(word in refused.value.message for word in ("not built", "reserved", "only supported"))


def test_a_whole_pipeline_of_every_provider_is_accepted() -> None:
    structure.check(
        pipeline(
            ("Source", [source(namespace="S"), action("Data", "Source", "S3", S3, outputs=["Data"])]),
            (
                "Build",
                [
                    build(
                        inputs=["App", "Data"],
                        outputs=["Out"],
                        namespace="B",
                        configuration={"PrimarySource": "App", "EnvironmentVariables": "#{S.CommitId}"},
                    ),
                    build("Test", category="Test", runOrder=2, inputs=["Out"]),
                ],
            ),
            ("Approve", [approval(configuration={"CustomData": "#{B.ANY} #{variables.v}"}, timeoutInMinutes=5)]),
            (
                "Deploy",
                [
                    deploy(),
                    action("Site", "Deploy", "S3", {"BucketName": "b", "Extract": "true"}, inputs=["Out"]),
                ],
            ),
            variables=[{"name": "v", "defaultValue": "1"}],
            executionMode="QUEUED",
        ),
        REGION,
    )


def test_the_defaults_of_a_short_declaration_are_filled_in_as_aws_does() -> None:
    sent = pipeline()
    for member in ("version", "executionMode", "pipelineType"):
        del sent[member]
    for member in ("runOrder", "inputArtifacts"):
        del sent["stages"][0]["actions"][0][member]
    shown = normalized(sent, 3)
    assert (shown["version"], shown["executionMode"], shown["pipelineType"]) == (3, "SUPERSEDED", "V1")
    assert shown["stages"][0]["actions"][0]["runOrder"] == 1
    assert shown["stages"][0]["actions"][0]["inputArtifacts"] == []
    assert "runOrder" not in sent["stages"][0]["actions"][0]


def test_the_engine_reads_the_bucket_of_either_kind_of_store() -> None:
    assert parse(normalized(pipeline(), 1)).bucket(REGION) == "artifacts"
    many = pipeline(artifactStores={REGION: {"type": "S3", "location": "regional"}})
    del many["artifactStore"]
    assert parse(normalized(many, 1)).bucket(REGION) == "regional"
