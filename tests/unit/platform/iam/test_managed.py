"""AWS's managed policies: each can be attached, and says what AWS's says."""

from __future__ import annotations

import json
import urllib.parse

from codeyard.platform.iam.managed import AwsManaged
from codeyard.platform.iam.policy import parse
from tests.unit.platform.iam.bench import ACCOUNT, Bench

AWS = "arn:aws:iam::aws:policy/"


def test_every_policy_of_awss_is_one_that_iam_accepts_with_an_id_and_an_arn_of_its_own() -> None:
    found = AwsManaged()
    for arn, policy in found.policies.items():
        assert parse(found.document(arn) or "", "identity").statements
        assert arn == f"arn:aws:iam::aws:policy{policy.path}{policy.name}"
    assert len({one.id for one in found.policies.values()}) == len(found.policies)


def test_a_policy_below_a_path_is_found_by_its_arn(bench: Bench) -> None:
    arn = f"{AWS}service-role/AWSCodeDeployRole"
    version = bench.call("GetPolicyVersion", {"PolicyArn": arn, "VersionId": "v1"})["PolicyVersion"]
    statements = json.loads(urllib.parse.unquote(version["Document"]))["Statement"]
    assert "autoscaling:PutWarmPool" in statements[0]["Action"]


def test_codeartifacts_reader_gets_a_token_for_it_alone_and_publishes_nothing(bench: Bench) -> None:
    ann = bench.user("ann")
    bench.call("AttachUserPolicy", {"UserName": "ann", "PolicyArn": f"{AWS}AWSCodeArtifactReadOnlyAccess"})
    repository = f"arn:aws:codeartifact:us-east-1:{ACCOUNT}:repository/d/r"
    assert bench.may(ann, "codeartifact:ReadFromRepository", repository).allowed
    assert not bench.may(ann, "codeartifact:PublishPackageVersion", repository).allowed
    for service, right in (("codeartifact", True), ("other", False)):
        keys = {"sts:AWSServiceName": f"{service}.amazonaws.com"}
        assert bench.may(ann, "sts:GetServiceBearerToken", call=keys).allowed is right
