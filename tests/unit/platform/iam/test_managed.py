"""AWS's managed policies: each can be attached, and says what AWS's says."""

from __future__ import annotations

import json
import urllib.parse

from codeyard.platform.iam.managed import AwsManaged, source
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
    shown = bench.call("GetPolicy", {"PolicyArn": arn})["Policy"]["DefaultVersionId"]
    version = bench.call("GetPolicyVersion", {"PolicyArn": arn, "VersionId": shown})["PolicyVersion"]
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


def test_who_may_do_what_with_repositories_by_awss_three_policies(bench: Bench) -> None:
    """Each row: an action on a thing, and whether the reader, the power user and the administrator may do it."""
    repository, topic = f"arn:aws:codecommit:us-east-1:{ACCOUNT}:r", f"arn:aws:sns:us-east-1:{ACCOUNT}:codecommit-r"
    about = {"codestar-notifications:NotificationsForResource": repository}
    rows = [
        ("codecommit:GitPull", repository, {}, (True, True, True)),
        ("codecommit:GitPush", repository, {}, (False, True, True)),
        ("codecommit:DeleteRepository", repository, {}, (False, False, True)),
        ("codecommit:UpdateRepositoryName", repository, {}, (False, True, True)),
        ("sns:CreateTopic", topic, {}, (False, False, True)),
        ("sns:Subscribe", topic, {}, (False, True, True)),
        ("codestar-notifications:CreateNotificationRule", "*", about, (False, True, True)),
        ("codestar-notifications:CreateNotificationRule", "*", {}, (False, False, False)),
        ("codestar-notifications:DeleteNotificationRule", "*", about, (False, False, True)),
        ("codestar-notifications:DescribeNotificationRule", "*", about, (True, True, True)),
    ]
    users = {}
    for name in ("ReadOnly", "PowerUser", "FullAccess"):
        users[name] = bench.user(name)
        bench.call("AttachUserPolicy", {"UserName": name, "PolicyArn": f"{AWS}AWSCodeCommit{name}"})
    for action, resource, keys, wanted in rows:
        found = tuple(bench.may(user, action, resource, call=keys).allowed for user in users.values())
        assert found == wanted, action


def test_each_policy_names_its_source_and_the_version_that_was_published() -> None:
    for policy in AwsManaged().policies.values():
        page = f"https://docs.aws.amazon.com/aws-managed-policy/latest/reference/{policy.name}.html"
        assert (source(policy.name), policy.default_version >= 1) == (page, True)
