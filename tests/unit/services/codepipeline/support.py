"""A CodePipeline service on a real store and engine; only the other services are fakes, called as the role."""

from __future__ import annotations

import copy
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.session
import botocore.validate

from codeyard.contract import AwsError, Event, Principal
from codeyard.engine import Engine, Kit, ManualClock, SeededIds, Settings
from codeyard.services.codepipeline import part
from codeyard.storage import open_database

ACCOUNT, REGION, NAME = "123456789012", "us-east-1", "shop"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/pipeline"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
MODEL = botocore.session.get_session().get_service_model("codepipeline")


def action(
    name: str,
    category: str,
    provider: str,
    configuration: Mapping[str, str],
    *,
    inputs: Iterable[str] = (),
    outputs: Iterable[str] = (),
    **more: Any,
) -> dict[str, Any]:
    """One action declaration, complete."""
    return {
        "name": name,
        "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
        "runOrder": 1,
        "configuration": dict(configuration),
        "inputArtifacts": [{"name": n} for n in inputs],
        "outputArtifacts": [{"name": n} for n in outputs],
        **more,
    }


def source(name: str = "Source", output: str = "App", **more: Any) -> dict[str, Any]:
    """A CodeCommit source whose changes only rules tell of."""
    configuration = {"RepositoryName": "shop", "BranchName": "main", "PollForSourceChanges": "false"}
    configuration |= more.pop("configuration", {})
    return action(name, "Source", "CodeCommit", configuration, outputs=[output], **more)


def build(name: str = "Build", project: str = "shop-build", category: str = "Build", **more: Any) -> dict[str, Any]:
    """A build of the source."""
    configuration = {"ProjectName": project, **more.pop("configuration", {})}
    return action(name, category, "CodeBuild", configuration, inputs=more.pop("inputs", ["App"]), **more)


def approval(name: str = "Approve", **more: Any) -> dict[str, Any]:
    """A manual approval."""
    return action(name, "Approval", "Manual", more.pop("configuration", {}), **more)


def deploy(name: str = "Deploy", **more: Any) -> dict[str, Any]:
    """A deployment of the source."""
    configuration = {"ApplicationName": "shop", "DeploymentGroupName": "staging"}
    return action(name, "Deploy", "CodeDeploy", configuration, inputs=more.pop("inputs", ["App"]), **more)


def pipeline(*stages: tuple[str, list[dict[str, Any]]], **more: Any) -> dict[str, Any]:
    """A declaration as a client sends it; by default Source and Build."""
    chosen = stages or (("Source", [source()]), ("Build", [build()]))
    return {
        "name": NAME,
        "roleArn": ROLE,
        "artifactStore": {"type": "S3", "location": "artifacts"},
        "stages": [{"name": name, "actions": actions} for name, actions in chosen],
        "version": 1,
        "executionMode": "SUPERSEDED",
        "pipelineType": "V2",
        **more,
    }


class Outside:
    """The other services, as far as pipelines see them. Every call is kept in `calls`."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.head = "a" * 40
        self.objects: dict[str, str] = {}
        self.builds: dict[str, dict[str, Any]] = {}
        self.deployments: dict[str, dict[str, Any]] = {}
        self.refuse: dict[str, AwsError] = {}
        self.denied_roles: set[str] = set()
        self.assumed: list[dict[str, Any]] = []
        self.archive_body: Any = None

    def call(self, service: str, operation: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Answer one call."""
        sent = copy.deepcopy(dict(params or {}))
        self.calls.append((service, operation, sent))
        if error := self.refuse.get(operation):
            raise error
        answer: dict[str, Any] = getattr(self, f"_{service}_{operation}")(sent)
        return answer

    def as_role(self, role_arn: str, **more: Any) -> Outside:
        """Note who is assumed; refused roles are AccessDenied."""
        self.assumed.append({"role_arn": role_arn, **more})
        if role_arn in self.denied_roles:
            raise AwsError("AccessDenied", f"codepipeline may not assume {role_arn}", status=403)
        return self

    def made(self, operation: str) -> list[dict[str, Any]]:
        """The parameters of every call of an operation."""
        return [params for _, name, params in self.calls if name == operation]

    def _codecommit_GetBranch(self, p: dict[str, Any]) -> dict[str, Any]:
        return {"branch": {"branchName": p["branchName"], "commitId": self.head}}

    def _codecommit_GetCommit(self, p: dict[str, Any]) -> dict[str, Any]:
        who = {"name": "Alice", "email": "a@example.com", "date": "1572319941 +0100"}
        return {"commit": {"commitId": p["commitId"], "message": "Add a cart\n", "author": who, "committer": who}}

    def _codecommit_UploadArchive(self, p: dict[str, Any]) -> dict[str, Any]:
        return {"versionId": "", "etag": '"e"', "size": 10}

    def _codebuild_StartBuild(self, p: dict[str, Any]) -> dict[str, Any]:
        build_id = f"{p['projectName']}:{p['idempotencyToken']}"
        found = self.builds.setdefault(
            build_id, {"id": build_id, "arn": f"arn:{build_id}", "buildStatus": "IN_PROGRESS"}
        )
        return {"build": found}

    def _codebuild_BatchGetBuilds(self, p: dict[str, Any]) -> dict[str, Any]:
        return {"builds": [self.builds[i] for i in p["ids"] if i in self.builds]}

    def _codedeploy_CreateDeployment(self, p: dict[str, Any]) -> dict[str, Any]:
        deployment_id = f"d-{len(self.deployments) + 1:09d}"
        self.deployments[deployment_id] = {"deploymentId": deployment_id, "status": "Created", **p}
        return {"deploymentId": deployment_id}

    def _codedeploy_GetDeployment(self, p: dict[str, Any]) -> dict[str, Any]:
        return {"deploymentInfo": self.deployments[p["deploymentId"]]}

    def _codedeploy_ListDeployments(self, p: dict[str, Any]) -> dict[str, Any]:
        return {"deployments": list(self.deployments)}

    def _sns_Publish(self, p: dict[str, Any]) -> dict[str, Any]:
        return {"MessageId": "m"}

    def _s3_HeadObject(self, p: dict[str, Any]) -> dict[str, Any]:
        version = p.get("VersionId") or self.objects.get(f"{p['Bucket']}/{p['Key']}")
        if version is None:
            raise AwsError("404", "Not Found", status=404)
        return {"VersionId": version, "ETag": '"abc"', "Metadata": {"codepipeline-artifact-revision-summary": "v"}}

    def _s3_CopyObject(self, p: dict[str, Any]) -> dict[str, Any]:
        return {"CopyObjectResult": {}}

    def _s3_GetObject(self, p: dict[str, Any]) -> dict[str, Any]:
        return {"Body": self.archive_body}

    def _s3_PutObject(self, p: dict[str, Any]) -> dict[str, Any]:
        return {"ETag": '"e"'}


class Call:
    """A Context for one call of the API."""

    def __init__(self, world: World, principal: Principal) -> None:
        self._world, self.principal = world, principal
        self.account, self.region, self.now = ACCOUNT, world.region, world.clock.now()

    def write(self, fn: Callable[[Any], Any]) -> Any:
        """One write."""
        return self._world.kit.db.write(fn)

    def arn(self, resource: str) -> str:
        """An ARN of this account."""
        return f"arn:aws:codepipeline:{self.region}:{self.account}:{resource}"


class Safe:
    """Seals by keeping: what is sealed is a number, and opens in its own context only."""

    def __init__(self) -> None:
        self._kept: list[tuple[bytes, str]] = []

    def seal(self, plain: bytes, context: str) -> bytes:
        self._kept.append((plain, context))
        return b"%d" % (len(self._kept) - 1)

    def open(self, sealed: bytes, context: str) -> bytes:
        plain, bound = self._kept[int(sealed)]
        if bound != context:
            raise ValueError(context)
        return plain


class World:
    """One server's CodePipeline with its engine; `settle` drains it."""

    region = REGION

    def __init__(self, folder: Path, seed: int = 0, database: str = "") -> None:
        self.clock, self.ids = ManualClock(), SeededIds(seed)
        self.outside = Outside()
        self.db = open_database(database or folder / "yard.db", self.clock, self.ids)
        self.db.create_all()
        self.blobs = Blobs()
        self.events: list[dict[str, Any]] = []
        self.boot()

    def boot(self) -> None:
        """Start the server's parts on the store, as after a crash."""
        jobs: Any = SimpleNamespace()
        sealer: Any = Safe()
        settings = Settings(console_url="https://console.example")
        self.kit = Kit(
            self.db,
            self.blobs,
            self.clock,
            self.ids,
            self.outside,  # type: ignore[arg-type]
            sealer,
            jobs,
            Path("."),
            settings,
        )
        self.kit.outbox.register(self._keep)
        self.part = part(self.kit)
        self.engine = Engine(self.kit, [self.part])
        if self.part.on_start is not None:
            self.part.on_start()

    def _keep(self, _tx: Any, event: Any) -> None:
        self.events.append({"detail-type": event.detail_type, "detail": dict(event.detail), "source": event.source})

    def call(self, operation: str, _principal: Principal | None = None, **params: Any) -> dict[str, Any]:
        """Call an operation by its boto3 name; the answer is checked against the model."""
        who = _principal or Principal("user", ACCOUNT, ALICE)
        method = getattr(self.part.api, operation)
        answer: dict[str, Any] = method(Call(self, who), params)
        check_answer(operation, answer)
        return copy.deepcopy(answer)

    def settle(self) -> None:
        """Drain everything that is due."""
        self.engine.settle()

    def create(self, *stages: tuple[str, list[dict[str, Any]]], **more: Any) -> str:
        """Create the pipeline; the id of its first execution."""
        self.call("create_pipeline", pipeline=pipeline(*stages, **more))
        self.settle()
        return self.history()[0]["pipelineExecutionId"] if self.history() else ""

    def start(self, **more: Any) -> str:
        """Start an execution and settle; its id."""
        started = self.call("start_pipeline_execution", name=NAME, **more)["pipelineExecutionId"]
        self.settle()
        return str(started)

    def history(self) -> list[dict[str, Any]]:
        """Execution summaries, newest first."""
        found: list[dict[str, Any]] = self.call("list_pipeline_executions", pipelineName=NAME)[
            "pipelineExecutionSummaries"
        ]
        return found

    def status(self, execution: str) -> str:
        """An execution's status."""
        found = self.call("get_pipeline_execution", pipelineName=NAME, pipelineExecutionId=execution)
        return str(found["pipelineExecution"]["status"])

    def stage(self, name: str) -> dict[str, Any]:
        """A stage's state."""
        states = self.call("get_pipeline_state", name=NAME)["stageStates"]
        return next(s for s in states if s["stageName"] == name)

    def latest(self, stage: str, name: str) -> dict[str, Any]:
        """The newest run of an action, as GetPipelineState shows it ({} before the first)."""
        states = self.stage(stage)["actionStates"]
        found: dict[str, Any] = next(a for a in states if a["actionName"] == name).get("latestExecution", {})
        return found

    def runs(self, **more: Any) -> list[dict[str, Any]]:
        """Action execution details, newest first."""
        found: list[dict[str, Any]] = self.call("list_action_executions", pipelineName=NAME, **more)[
            "actionExecutionDetails"
        ]
        return found

    def emit(self, source: str, detail_type: str, detail: dict[str, Any]) -> None:
        """An event of another service, delivered."""
        event = Event(source, detail_type, detail, ACCOUNT, REGION, self.clock.now())
        self.db.write(lambda tx: tx.emit(event))
        self.settle()

    def finish_build(self, status: str = "SUCCEEDED", which: str = "", **more: Any) -> None:
        """End the running builds (those whose id contains `which`) and tell it by event."""
        for build_id, found in list(self.outside.builds.items()):
            if found["buildStatus"] == "IN_PROGRESS" and which in build_id:
                found |= {"buildStatus": status, **more}
                arn = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:build/{build_id}"
                self.emit("aws.codebuild", "CodeBuild Build State Change", {"build-id": arn, "build-status": status})

    def finish_deployment(self, status: str = "Succeeded", **more: Any) -> None:
        """End the running deployments and tell it by event."""
        for deployment_id, found in list(self.outside.deployments.items()):
            if found["status"] in ("Created", "InProgress"):
                found |= {"status": status, **more}
                detail = {"deploymentId": deployment_id, "state": status.upper()}
                self.emit("aws.codedeploy", "CodeDeploy Deployment State-change Notification", detail)

    def push(self, commit: str, *, rule: str = "") -> None:
        """Move the branch's head and tell it, to the rule's target too where there is one."""
        self.outside.head = commit
        event = self.push_event(commit)
        self.emit(event["source"], event["detail-type"], event["detail"])
        if rule:
            self.from_rule(event, rule)

    def push_event(self, commit: str, branch: str = "main") -> dict[str, Any]:
        """The event of a push, as a rule's target gets it."""
        return {
            "id": self.ids.uuid(),
            "source": "aws.codecommit",
            "detail-type": "CodeCommit Repository State Change",
            "account": ACCOUNT,
            "region": REGION,
            "detail": {
                "event": "referenceUpdated",
                "repositoryName": "shop",
                "referenceType": "branch",
                "referenceName": branch,
                "commitId": commit,
            },
        }

    def from_rule(self, event: dict[str, Any], rule: str) -> str:
        """Start by the door for event targets; the execution's id."""
        started = self.call("start_pipeline_execution_from_event", name=NAME, event=event, rule=rule)
        self.settle()
        return str(started["pipelineExecutionId"])

    def states(self, kind: str = "Pipeline") -> list[str]:
        """The states that the events of a kind (Pipeline, Stage, Action) told, in order."""
        wanted = f"CodePipeline {kind} Execution State Change"
        return [e["detail"]["state"] for e in self.events if e["detail-type"] == wanted]


class Blobs:
    """Blobs in memory, as S3 deployments use them."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def put(self, chunks: Iterable[bytes], **_: Any) -> Any:
        """Keep a blob."""
        from codeyard.contract import Staged

        blob_id, data = f"b{len(self.content)}", b"".join(chunks)
        self.content[blob_id] = data
        return Staged(blob_id, len(data), {})

    def open(self, blob_id: str, *, key: bytes = b"") -> Any:
        """A seekable stream."""
        return io.BytesIO(self.content[blob_id])


def archive(files: Mapping[str, bytes]) -> bytes:
    """A zip with these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    return packed.getvalue()


def check_answer(operation: str, answer: dict[str, Any]) -> None:
    """Fail where the answer is not of the operation's output shape: unknown, missing or mistyped members."""
    name = next((n for n in MODEL.operation_names if botocore.xform_name(n) == operation), None)
    shape = MODEL.operation_model(name).output_shape if name else None
    if shape is None:
        return
    report = botocore.validate.ParamValidator().validate(answer, shape)
    assert not report.has_errors(), report.generate_report()
    _check_known(answer, shape, operation)


def _check_known(value: Any, shape: Any, where: str) -> None:
    if shape.type_name == "structure":
        assert set(value) <= set(shape.members), f"{where}: unknown {set(value) - set(shape.members)}"
        for key, member in value.items():
            _check_known(member, shape.members[key], f"{where}.{key}")
    elif shape.type_name == "list":
        for member in value:
            _check_known(member, shape.member, where)
    elif shape.type_name == "string":
        if shape.enum:
            assert value in shape.enum, f"{where}: {value}"
        assert len(value) >= shape.metadata.get("min", 0), f"{where} is too short"


def as_events_target() -> Principal:
    """EventBridge's session of a rule's role."""
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/events/rule"
    return replace(Principal("role", ACCOUNT, arn), invoked_by="events.amazonaws.com")
