"""What the demo creates before the first push: users, roles, bucket, repository, projects, hosts, pipeline."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeyard.cli.demo.policies import Policies, trust
from codeyard.cli.demo.yard import Yard

NAME = "greeter"
BRANCH = "main"


@dataclass(frozen=True)
class Host:
    """One deployment host: a root directory of its own, an agent, and the port its service answers on."""

    name: str
    environment: str
    root: Path
    port: int

    @property
    def url(self) -> str:
        """Where the deployed service answers."""
        return f"http://127.0.0.1:{self.port}"


class Setup:
    """Creates everything through AWS's APIs as the administrator."""

    def __init__(self, yard: Yard) -> None:
        self.yard = yard
        self.account, self.region = yard.endpoint["account"], yard.endpoint["region"]
        self.bucket = f"codeyard-demo-{self.account}"
        self.policies = Policies(self.account, self.region, NAME, self.bucket)
        self.iam = yard.client("iam")

    def identities(self) -> tuple[dict[str, str], dict[str, str]]:
        """Make the roles and the two people; the developer's Git credentials and the approver's keys."""
        self._role("pipeline", "codepipeline", self.policies.pipeline())
        self._role("build", "codebuild", self.policies.build())
        self._role("deploy", "codedeploy", None)
        self._role("events", "events", self.policies.events())
        self._user("developer", self.policies.developer())
        self._user("approver", self.policies.approver())
        made = self.iam.create_service_specific_credential(
            UserName="developer", ServiceName="codecommit.amazonaws.com"
        )["ServiceSpecificCredential"]
        git = {"user": made["ServiceUserName"], "password": made["ServicePassword"]}
        key = self.iam.create_access_key(UserName="approver")["AccessKey"]
        return git, {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    def storage(self) -> str:
        """Make the artifact bucket and the repository; the repository's clone URL."""
        self.yard.client("s3").create_bucket(Bucket=self.bucket)
        made = self.yard.client("codecommit").create_repository(repositoryName=NAME, repositoryDescription="A greeter")
        return str(made["repositoryMetadata"]["cloneUrlHttp"])

    def projects(self, targets: list[str]) -> None:
        """Make the build, test and load-test projects; only the load test may reach the hosts of this machine."""
        client = self.yard.client("codebuild")
        for suffix, spec in (
            ("build", "buildspec.yml"),
            ("test", "buildspec-test.yml"),
            ("load", "buildspec-load.yml"),
        ):
            network = "host" if suffix == "load" else "isolated"
            client.create_project(
                name=f"{NAME}-{suffix}",
                source={"type": "CODEPIPELINE", "buildspec": spec},
                artifacts={"type": "CODEPIPELINE"},
                environment={
                    "type": "LINUX_CONTAINER",
                    "image": "aws/codebuild/standard:7.0",
                    "computeType": "BUILD_GENERAL1_SMALL",
                    "environmentVariables": [{"name": "TARGETS", "value": " ".join(targets)}] if targets else [],
                },
                serviceRole=self.role("build"),
                tags=[{"key": "codeyard:network", "value": network}],
            )

    def hosts(self) -> list[Host]:
        """Enrol two staging and two production hosts and start their agents."""
        names = [
            ("staging-1", "staging"),
            ("staging-2", "staging"),
            ("production-1", "production"),
            ("production-2", "production"),
        ]
        hosts = [Host(n, e, self.yard.folder / "hosts" / n / "root", _free_port()) for n, e in names]
        for host in hosts:
            (host.root / "etc").mkdir(parents=True)
            (host.root / "etc" / "greeter.env").write_text(f"PORT={host.port}\n")
            folder = host.root.parent
            tag = f"env={host.environment}"
            where = ["--data", str(self.yard.data), "--folder", str(folder), "--bucket", self.bucket]
            self.yard.run(self.yard.codeyard("host", "add", host.name, "--tag", tag, *where))
            config = folder / "agent.yml"
            self.yard.spawn(f"agent-{host.name}", self.yard.codeyard("agent", "--config", str(config)))
        return hosts

    def deployments(self) -> None:
        """Make the application and one deployment group an environment."""
        client = self.yard.client("codedeploy")
        client.create_application(applicationName=NAME, computePlatform="Server")
        for environment, config in (("staging", "AllAtOnce"), ("production", "OneAtATime")):
            client.create_deployment_group(
                applicationName=NAME,
                deploymentGroupName=environment,
                deploymentConfigName=f"CodeDeployDefault.{config}",
                onPremisesInstanceTagFilters=[{"Key": "env", "Value": environment, "Type": "KEY_AND_VALUE"}],
                serviceRoleArn=self.role("deploy"),
                autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]},
            )

    def pipeline(self) -> None:
        """Make the pipeline, and the rule that starts it on a push to the branch."""
        self.yard.client("codepipeline").create_pipeline(pipeline=definition(self.role("pipeline"), self.bucket))
        events = self.yard.client("events")
        pattern = {
            "source": ["aws.codecommit"],
            "detail-type": ["CodeCommit Repository State Change"],
            "resources": [self.policies.arn("codecommit", NAME)],
            "detail": {"event": ["referenceCreated", "referenceUpdated"], "referenceName": [BRANCH]},
        }
        events.put_rule(Name=f"{NAME}-push", EventPattern=json.dumps(pattern))
        target = {
            "Id": "pipeline",
            "Arn": self.policies.arn("codepipeline", NAME),
            "RoleArn": self.role("events"),
        }
        events.put_targets(Rule=f"{NAME}-push", Targets=[target])

    def role(self, name: str) -> str:
        """The ARN of one of the demo's roles."""
        return f"arn:aws:iam::{self.account}:role/{NAME}-{name}"

    def _role(self, name: str, service: str, policy: str | None) -> None:
        role = f"{NAME}-{name}"
        self.iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(service, self.account))
        if policy is not None:
            self.iam.put_role_policy(RoleName=role, PolicyName="least", PolicyDocument=policy)

    def _user(self, name: str, policy: str) -> None:
        self.iam.create_user(UserName=name)
        self.iam.put_user_policy(UserName=name, PolicyName="least", PolicyDocument=policy)


def definition(role_arn: str, bucket: str) -> dict[str, Any]:
    """The pipeline: Source, Build and Test in parallel, Deploy staging, Load test, Approve, Deploy production."""
    commit = json.dumps([{"name": "COMMIT_ID", "value": "#{SourceVariables.CommitId}", "type": "PLAINTEXT"}])
    source = _action(
        "Source",
        "Source",
        "CodeCommit",
        outputs=["App"],
        namespace="SourceVariables",
        configuration={"RepositoryName": NAME, "BranchName": BRANCH, "PollForSourceChanges": "false"},
    )
    build = _action(
        "Build",
        "Build",
        "CodeBuild",
        inputs=["App"],
        outputs=["Release"],
        configuration={"ProjectName": f"{NAME}-build", "EnvironmentVariables": commit},
    )
    test = _action("Test", "Test", "CodeBuild", inputs=["App"], configuration={"ProjectName": f"{NAME}-test"})
    load = _action("Hammer", "Test", "CodeBuild", inputs=["App"], configuration={"ProjectName": f"{NAME}-load"})
    approve = _action("Release", "Approval", "Manual", configuration={"CustomData": "Staging held. Release it?"})
    stages = [
        ("Source", [source]),
        ("BuildAndTest", [build, test]),
        ("DeployStaging", [_deploy("staging")]),
        ("LoadTest", [load]),
        ("Approve", [approve]),
        ("DeployProduction", [_deploy("production")]),
    ]
    return {
        "name": NAME,
        "roleArn": role_arn,
        "pipelineType": "V2",
        "artifactStore": {"type": "S3", "location": bucket},
        "stages": [{"name": name, "actions": actions} for name, actions in stages],
    }


def _deploy(environment: str) -> dict[str, Any]:
    configuration = {"ApplicationName": NAME, "DeploymentGroupName": environment}
    return _action("Deploy", "Deploy", "CodeDeploy", inputs=["Release"], configuration=configuration)


def _action(
    name: str,
    category: str,
    provider: str,
    *,
    configuration: dict[str, str],
    inputs: list[str] | None = None,
    outputs: list[str] | None = None,
    namespace: str = "",
) -> dict[str, Any]:
    action: dict[str, Any] = {
        "name": name,
        "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
        "configuration": configuration,
        "inputArtifacts": [{"name": n} for n in inputs or []],
        "outputArtifacts": [{"name": n} for n in outputs or []],
    }
    return {**action, "namespace": namespace} if namespace else action


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
