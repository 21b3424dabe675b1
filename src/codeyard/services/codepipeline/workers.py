"""Work for job workers: what a job tells them, and keys that read its inputs and write its outputs, nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from codeyard.contract import AwsError
from codeyard.engine import Kit
from codeyard.services.codepipeline.actions import Failed, Outcome, Run, Running
from codeyard.services.codepipeline.actions.base import CONFIGURATION
from codeyard.services.codepipeline.artifacts import Artifact
from codeyard.services.codepipeline.model.catalog import ActionType
from codeyard.services.codepipeline.model.definition import ActionSpec
from codeyard.services.codepipeline.model.secrets import Vault
from codeyard.services.codepipeline.store import custom, jobs
from codeyard.services.codepipeline.store.custom import Place
from codeyard.storage import Row, Tx, loads

HOST = "codepipeline.amazonaws.com"
KEYS_S = 900


class CustomAction:
    """An action that a job worker does: the worker tells its end, so that looking tells nothing."""

    def start(self, run: Run) -> Outcome:
        """Wait for the worker: the job was queued when the action was marked as begun."""
        return Running()

    def observe(self, run: Run) -> Outcome:
        """Go on waiting."""
        return Running()


def queue(tx: Tx, kit: Kit, pipeline: Row, spec: ActionSpec, run: str, facts: Mapping[str, str]) -> Failed | None:
    """Queue the first job of an action's run, once; why that cannot be, where its type was deleted."""
    place = Place(pipeline.account, pipeline.region, spec.category, spec.provider, spec.version)
    row = custom.get(tx, place)
    if row is None or row.deleted:
        words = f"{spec.category} {spec.provider} {spec.version}"
        return Failed(CONFIGURATION, f"The custom action type {words} does not exist any more.")
    if not jobs.of_run(tx, run):
        asked = queryable(row)
        put(tx, kit, pipeline, place, run, query=facts.get(asked, "") if asked else "")
    return None


def put(tx: Tx, kit: Kit, pipeline: Row, place: Place, run: str, *, query: str, continuation: str = "") -> None:
    """Queue a job."""
    facts = {"query": query, "continuation": continuation, "created": kit.clock.now()}
    jobs.insert(tx, id=kit.ids.uuid(), uid=pipeline.uid, run=run, **place._asdict(), **facts)


def queryable(row: Row) -> str:
    """The property that jobs of a type may be asked for by, or ""."""
    properties = loads(row.shape)["actionConfigurationProperties"]
    return next((str(one["name"]) for one in properties if one["queryable"]), "")


def data(kit: Kit, run: Run, kind: ActionType, continuation: str, keys: Mapping[str, Any] | None) -> dict[str, Any]:
    """JobData of a run; `keys` are STS's Credentials."""
    category, owner, provider, version = kind.key
    told: dict[str, Any] = {
        "actionTypeId": {"category": category, "owner": owner, "provider": provider, "version": version},
        "actionConfiguration": {"configuration": Vault(kit.sealer, run.pipeline_arn).opened(run.configuration)},
        "pipelineContext": {
            "pipelineName": run.pipeline,
            "stage": {"name": run.stage},
            "action": {"name": run.action, "actionExecutionId": run.id},
            "pipelineArn": run.pipeline_arn,
            "pipelineExecutionId": run.execution,
        },
        "inputArtifacts": [_artifact(one) for one in run.inputs],
        "outputArtifacts": [_artifact(one) for one in run.outputs],
    }
    if run.key:
        told["encryptionKey"] = {"id": run.key, "type": "KMS"}
    if continuation:
        told["continuationToken"] = continuation
    if keys is not None:
        told["artifactCredentials"] = {
            "accessKeyId": keys["AccessKeyId"],
            "secretAccessKey": keys["SecretAccessKey"],
            "sessionToken": keys["SessionToken"],
        }
    return told


def credentials(kit: Kit, run: Run, role_arn: str, job: str) -> dict[str, Any]:
    """Keys of the pipeline's role that last a quarter of an hour; an AwsError where the role lets nobody in."""
    return kit.clients.credentials_for(
        role_arn,
        service=HOST,
        region=run.region,
        session_name=job,
        source_arn=run.pipeline_arn,
        duration_s=KEYS_S,
        policy=session_policy(run),
    )


def session_policy(run: Run) -> str:
    """What the keys of a job may do: read its inputs, write its outputs, and use the key of both through S3."""
    statements = [
        _statement(("s3:GetObject", "s3:GetObjectVersion"), run.inputs),
        _statement(("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"), run.outputs),
        {
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*", "kms:Encrypt", "kms:DescribeKey"],
            "Resource": "*",
            "Condition": {"StringEquals": {"kms:ViaService": f"s3.{run.region}.amazonaws.com"}},
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": [one for one in statements if one["Resource"]]})


def not_found(job: str) -> AwsError:
    """There is no such job, or it is another account's."""
    return AwsError("JobNotFoundException", f"The job {job[:100]} was not found")


def _statement(actions: tuple[str, ...], artifacts: tuple[Artifact, ...]) -> dict[str, Any]:
    resources = [f"arn:aws:s3:::{one.bucket}/{one.key}" for one in artifacts]
    return {"Effect": "Allow", "Action": list(actions), "Resource": resources}


def _artifact(one: Artifact) -> dict[str, Any]:
    place = {"bucketName": one.bucket, "objectKey": one.key}
    return {"name": one.name, "location": {"type": "S3", "s3Location": place}}
