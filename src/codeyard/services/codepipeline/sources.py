"""Notices what concerns pipelines in the stream of events: a source that changed, a build or deployment that ended.

AWS polls a source without a rule once a minute. Here the event of the change itself makes the pipeline look at its
source, as its own role, so that the user sees only that it starts (trigger PollForSourceChanges). S3 tells of changes
only where the bucket is set so, hence a look a minute for S3 as on AWS.

A change that a rule also starts the pipeline for would start it twice on AWS. Here the watch remembers the revision
that was last taken by itself, by event or by look, and the second of the two finds it taken.
"""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Client
from codeyard.engine import Kit
from codeyard.engine.outbox import EventRow
from codeyard.services.codepipeline.actions.base import passing
from codeyard.services.codepipeline.apply import OBSERVE
from codeyard.services.codepipeline.engine import Engine
from codeyard.services.codepipeline.model.definition import ActionSpec, Definition
from codeyard.services.codepipeline.runner import HOST
from codeyard.services.codepipeline.starts import Start, begin
from codeyard.services.codepipeline.store import actions, executions, pipelines
from codeyard.services.codepipeline.store.pipelines import Watch
from codeyard.storage import Row, Tx

POLL = "codepipeline.poll"
EVERY = 60 * 1_000_000
TYPES = {"CodeCommit": "COMMIT_ID", "S3": "S3_OBJECT_VERSION_ID"}


def watches(definition: Definition) -> tuple[Watch, ...]:
    """The sources of a definition."""
    return tuple(_watch(action) for _, action in definition.sources())


def _watch(action: ActionSpec) -> Watch:
    c = action.configuration
    polls = c.get("PollForSourceChanges", "true") == "true"
    if action.provider == "CodeCommit":
        return Watch(action.name, "CodeCommit", c["RepositoryName"], c["BranchName"], polls)
    return Watch(action.name, action.provider, c["S3Bucket"], c["S3ObjectKey"], polls)


def arm(tx: Tx, uid: str, definition: Definition, now: int) -> None:
    """Set the timer of the look a minute, where the definition has a source that needs it."""
    if any(w.polls and w.provider == "S3" for w in watches(definition)):
        tx.timer(POLL, uid, now + EVERY)


def on_event(tx: Tx, event: EventRow) -> None:
    """Mark dirty what an event concerns; called for every event, in the transaction that closes it."""
    detail = event.detail
    if event.source == "aws.codebuild" and event.detail_type == "CodeBuild Build State Change":
        _ended(tx, str(detail.get("build-id", "")).rpartition(":build/")[2])
    elif event.source == "aws.codedeploy" and event.detail_type == "CodeDeploy Deployment State-change Notification":
        _ended(tx, str(detail.get("deploymentId", "")))
    else:
        changed = changed_source(event.source, event.detail_type, detail)
        if changed is not None:
            provider, resource, item, _ = changed
            for watch in pipelines.watchers(tx, provider, event.account, event.region, resource, item):
                if watch.polls:
                    tx.dirty(POLL, watch.uid)


def _ended(tx: Tx, external_id: str) -> None:
    for run in actions.by_external_id(tx, external_id) if external_id else ():
        tx.dirty(OBSERVE, run.id)


def changed_source(source: Any, detail_type: Any, detail: Any) -> tuple[str, str, str, str] | None:
    """(provider, repository or bucket, branch or key, revision) of a change event, or None for any other event."""
    if not isinstance(detail, dict):
        return None
    if source == "aws.codecommit" and detail_type == "CodeCommit Repository State Change":
        gone = detail.get("event") == "referenceDeleted" or not detail.get("commitId")
        if gone or detail.get("referenceType") != "branch":
            return None
        return (
            "CodeCommit",
            str(detail.get("repositoryName", "")),
            str(detail.get("referenceName", "")),
            str(detail["commitId"]),
        )
    if source == "aws.s3" and detail_type == "Object Created":
        bucket, item = detail.get("bucket") or {}, detail.get("object") or {}
        if isinstance(bucket, dict) and isinstance(item, dict):
            return ("S3", str(bucket.get("name", "")), str(item.get("key", "")), str(item.get("version-id", "")))
    return None


class SourceWatcher:
    """Looks at the sources of pipelines that no rule starts."""

    def __init__(self, kit: Kit, engine: Engine) -> None:
        self._kit, self._engine = kit, engine

    def look(self, uid: str) -> None:
        """Start the pipeline for each watched source whose revision nobody took yet."""
        pipeline, watched = self._kit.db.read(lambda tx: (pipelines.by_uid(tx, uid), pipelines.watches_of(tx, uid)))
        polled = [w for w in watched if w.polls]
        if pipeline is None or not polled:
            return
        heads = self._heads(pipeline, polled)
        self._kit.db.write(lambda tx: self._start(tx, uid, heads))

    def _heads(self, pipeline: Row, polled: list[Row]) -> dict[str, str]:
        heads: dict[str, str] = {}
        for watch in polled:
            try:
                heads[watch.action] = _head(self._client(pipeline), watch)
            except AwsError as error:  # no such branch or object yet, or not allowed: AWS does not start it either
                if passing(error):
                    raise
        return {action: head for action, head in heads.items() if head not in ("", "null")}

    def _client(self, pipeline: Row) -> Client:
        return self._kit.clients.as_role(
            pipeline.role_arn,
            service=HOST,
            region=pipeline.region,
            session_name=pipeline.name[:64].ljust(2, "-"),
            source_arn=f"arn:aws:codepipeline:{pipeline.region}:{pipeline.account}:{pipeline.name}",
        )

    def _start(self, tx: Tx, uid: str, heads: dict[str, str]) -> None:
        pipeline, now = pipelines.by_uid(tx, uid), self._kit.clock.now()
        if pipeline is None:
            return
        arm(tx, uid, pipelines.definition(tx, uid, pipeline.version), now)
        fresh = {
            w.action: w for w in pipelines.watches_of(tx, uid) if w.polls and w.seen != heads.get(w.action, w.seen)
        }
        if not fresh or _taking_first(tx, uid, list(fresh.values())):
            return
        pins = {action: {TYPES[w.provider]: heads[action]} for action, w in fresh.items()}
        try:
            execution = begin(tx, self._engine, pipeline, Start("PollForSourceChanges", "", pins=pins), now)
        except AwsError:  # too many executions, or a variable without a value: AWS does not start it either
            return
        for action in fresh:
            pipelines.see(tx, uid, action, heads[action], execution)


def _taking_first(tx: Tx, uid: str, fresh: list[Row]) -> bool:
    """Whether nothing of these sources was ever taken, and an execution is about to take their head."""
    return all(w.seen == "" for w in fresh) and any(e.position == 0 for e in executions.live(tx, uid))


def _head(client: Client, watch: Row) -> str:
    if watch.provider == "CodeCommit":
        wanted = {"repositoryName": watch.resource, "branchName": watch.item}
        return str(client.call("codecommit", "GetBranch", wanted)["branch"]["commitId"])
    return str(client.call("s3", "HeadObject", {"Bucket": watch.resource, "Key": watch.item}).get("VersionId") or "")
