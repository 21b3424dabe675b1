"""Operations on pull requests themselves."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import moment
from codeyard.git.names import is_valid_branch
from codeyard.services.codecommit import model
from codeyard.services.codecommit.api.base import required
from codeyard.services.codecommit.api.commits import page_size
from codeyard.services.codecommit.api.pull_base import (
    PullBase,
    check_arn,
    digest_of,
    living,
    merge_metadata,
    must_be_open,
    pull_key,
    repository_of,
    token_keys,
)
from codeyard.services.codecommit.model import Repository
from codeyard.services.codecommit.pulls import changes as pull_changes
from codeyard.services.codecommit.pulls import store as pull_store
from codeyard.services.codecommit.pulls import tables as pull_tables
from codeyard.services.codecommit.pulls import templates as template_store
from codeyard.services.codecommit.pulls.approvals import applies_to, parse_rule
from codeyard.services.codecommit.reading import Reader
from codeyard.storage import loads

MAX_OPEN = 1000


class Pulls(PullBase):
    """Create, read, list, describe and change pull requests."""

    def create_pull_request(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Propose to merge a branch into another; rules come from the repository's templates."""
        target = _only_target(req)
        required(req, "title", "TitleRequiredException")
        keys, digest = token_keys(ctx, req), digest_of(req)
        made = self._kit.db.read(lambda tx: pull_store.made_by(tx, keys, digest))
        if made is not None:
            return self._shape(ctx, made)
        reader = self._open(ctx, target)
        source = _branch(reader, required(target, "sourceReference", "ReferenceNameRequiredException"))
        destination = _branch(reader, target.get("destinationReference") or reader.repository.default_branch or "")
        if source == destination:
            raise AwsError("SourceAndDestinationAreSameException", "The source and the destination are one branch.")
        with self._rooms.changes.locks.hold(reader.repository.id, [source, destination]):
            tips = _tip(reader, source), _tip(reader, destination)
            made = ctx.write(lambda tx: self._propose(tx, ctx, req, reader.repository, (source, destination), tips))
        return self._shape(ctx, made)

    def _propose(
        self,
        tx: Any,
        ctx: Context,
        req: Params,
        repository: Repository,
        references: tuple[str, str],
        tips: tuple[str, str],
    ) -> str:
        keys, digest = token_keys(ctx, req), digest_of(req)
        made = pull_store.made_by(tx, keys, digest)
        if made is not None:
            return made
        repository = living(tx, repository)
        if pull_store.count_open(tx, repository.id) >= MAX_OPEN:
            raise AwsError("MaximumOpenPullRequestsExceededException", f"At most {MAX_OPEN} open pull requests.")
        place, now = f"{ctx.account}:{ctx.region}", self._kit.clock.now()
        number = pull_store.next_number(tx, place)
        pull = f"{place}:{number}"
        tx.insert(
            pull_tables.pulls,
            pull=pull,
            repository_id=repository.id,
            number=number,
            title=req["title"],
            description=req.get("description") or None,
            author=ctx.principal.arn,
            status="OPEN",
            source=references[0],
            destination=references[1],
            source_commit=tips[0],
            destination_commit=tips[1],
            revision=pull_changes.new_revision(),
            created=now,
            modified=now,
            token=req.get("clientRequestToken"),
        )
        pull_store.remember(tx, keys, digest, repository.id, pull)
        said = {"source": tips[0], "destination": tips[1]}
        pull_changes.record(tx, repository, pull, "CREATED", "pullRequestCreated", ctx.principal.arn, now, said)
        self._apply_templates(tx, pull, repository, references[1], now)
        return pull

    def _apply_templates(self, tx: Any, pull: str, repository: Repository, destination: str, now: int) -> None:
        for template in template_store.of_repository(tx, repository.id):
            if applies_to(parse_rule(template.content, template=True), destination):
                tx.insert(
                    pull_tables.rules,
                    pull=pull,
                    name=template.name,
                    id=self._kit.ids.uuid(),
                    content=template.content,
                    created=now,
                    modified=now,
                    user=template.user,
                    template_id=template.id,
                    template_name=template.name,
                )

    def get_pull_request(self, ctx: Context, req: Params) -> dict[str, Any]:
        """One pull request."""
        return self._shape(ctx, pull_key(ctx, req))

    def list_pull_requests(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The ids of a repository's pull requests, the newest first; by author and status too."""
        repository = self._get(ctx, req)
        limit, author, status = page_size(req.get("maxResults")), req.get("authorArn"), req.get("pullRequestStatus")
        if author is not None:
            check_arn(author, "InvalidAuthorArnException")
        before = model.decode_token(req.get("nextToken"), n=int).get("n")
        found = self._kit.db.read(
            lambda tx: pull_store.page(tx, repository.id, author=author, status=status, before=before, limit=limit + 1)
        )
        answer: dict[str, Any] = {"pullRequestIds": [str(number) for number in found[:limit]]}
        if len(found) > limit:
            answer["nextToken"] = model.encode_token(n=found[limit - 1])
        return answer

    def describe_pull_request_events(self, ctx: Context, req: Params) -> dict[str, Any]:
        """What happened to a pull request, oldest first; by kind and actor too."""
        pull, limit, actor = self._pull(ctx, req), page_size(req.get("maxResults")), req.get("actorArn")
        if actor is not None:
            check_arn(actor, "InvalidActorArnException")
        after = model.decode_token(req.get("nextToken"), n=int).get("n", 0)
        kind = req.get("pullRequestEventType")

        def read(tx: Any) -> tuple[list[Any], Repository]:
            events = pull_store.events_of(tx, pull.pull, kind=kind, actor=actor, after=after, limit=limit + 1)
            return events, repository_of(tx, pull)

        found, repository = self._kit.db.read(read)
        reader = self._reader(ctx, repository)
        shown = [self._event_shape(pull, reader, one) for one in found[:limit]]
        answer: dict[str, Any] = {"pullRequestEvents": shown}
        if len(found) > limit:
            answer["nextToken"] = model.encode_token(n=found[limit - 1].number)
        return answer

    def _event_shape(self, pull: Any, reader: Reader, event: Any) -> dict[str, Any]:
        said = loads(event.said)
        member, metadata = self._metadata(pull, reader, event.kind.removeprefix("PULL_REQUEST_"), said)
        return {
            "pullRequestId": str(pull.number),
            "eventDate": moment(event.time),
            "pullRequestEventType": event.kind,
            "actorArn": event.actor,
            member: {name: value for name, value in metadata.items() if value is not None},
        }

    def _metadata(self, pull: Any, reader: Reader, kind: str, said: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        name = reader.repository.name
        if kind == "CREATED":
            base = self._base(reader, said["destination"], said["source"])
            commits = {"sourceCommitId": said["source"], "destinationCommitId": said["destination"]}
            return "pullRequestCreatedEventMetadata", {"repositoryName": name, **commits, "mergeBase": base}
        if kind == "STATUS_CHANGED":
            return "pullRequestStatusChangedEventMetadata", {"pullRequestStatus": said["status"]}
        if kind == "SOURCE_REFERENCE_UPDATED":
            base = self._base(reader, said["destination"], said["after"])
            commits = {"beforeCommitId": said["before"], "afterCommitId": said["after"]}
            member = "pullRequestSourceReferenceUpdatedEventMetadata"
            return member, {"repositoryName": name, **commits, "mergeBase": base}
        if kind == "MERGE_STATE_CHANGED":
            merge = merge_metadata(said["merged_by"], said["merge_commit"], said["merge_option"])
            reference = {"repositoryName": name, "destinationReference": said["destination"]}
            return "pullRequestMergedStateChangedEventMetadata", {**reference, "mergeMetadata": merge}
        if kind == "APPROVAL_STATE_CHANGED":
            return "approvalStateChangedEventMetadata", said
        if kind == "APPROVAL_RULE_OVERRIDDEN":
            return "approvalRuleOverriddenEventMetadata", said
        return "approvalRuleEventMetadata", said

    def update_pull_request_title(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Change an open pull request's title."""
        title = required(req, "title", "TitleRequiredException")
        return self._retold(ctx, req, title=title)

    def update_pull_request_description(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Change an open pull request's description."""
        return self._retold(ctx, req, description=req["description"] or None)

    def _retold(self, ctx: Context, req: Params, **values: Any) -> dict[str, Any]:
        def write(tx: Any, pull: Any, repository: Repository) -> None:
            must_be_open(pull)
            pull_store.update(tx, pull.pull, modified=self._kit.clock.now(), **values)

        self._change(ctx, req, write)
        return self._shape(ctx, pull_key(ctx, req))

    def update_pull_request_status(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Close a pull request; one that is closed stays so."""
        wanted = required(req, "pullRequestStatus", "PullRequestStatusRequiredException")

        def write(tx: Any, pull: Any, repository: Repository) -> None:
            if pull.status == wanted:
                return
            if pull.status == "CLOSED":
                raise AwsError("InvalidPullRequestStatusUpdateException", "A closed pull request is not opened again.")
            pull_store.update(tx, pull.pull, status=wanted)
            kind, name, said = "STATUS_CHANGED", "pullRequestStatusChanged", {"status": wanted}
            now = self._kit.clock.now()
            pull_changes.record(tx, repository, pull.pull, kind, name, ctx.principal.arn, now, said)

        self._change(ctx, req, write)
        return self._shape(ctx, pull_key(ctx, req))


def _only_target(req: Params) -> Params:
    targets = req.get("targets") or []
    if not targets:
        raise AwsError("TargetsRequiredException", "targets is required.")
    if len({target.get("repositoryName") for target in targets}) > 1:
        raise AwsError("MultipleRepositoriesInPullRequestException", "A pull request is of one repository.")
    if len(targets) > 1:
        raise AwsError("InvalidTargetsException", "A pull request has one target.")
    found: Params = targets[0]
    return found


def _branch(reader: Reader, text: str) -> str:
    """The full name of an existing branch."""
    name = text.removeprefix("refs/heads/")
    if name.startswith("refs/"):
        raise AwsError("ReferenceTypeNotSupportedException", f"{text[:256]} is not a branch.")
    if not is_valid_branch(name):
        raise AwsError("InvalidReferenceNameException", f"The reference name is not valid: {text[:256]}")
    if reader.branch_tip(name) is None and reader.is_tag(name):
        raise AwsError("ReferenceTypeNotSupportedException", f"{name} is a tag, not a branch.")
    _tip(reader, f"refs/heads/{name}")
    return f"refs/heads/{name}"


def _tip(reader: Reader, reference: str) -> str:
    tip = reader.branch_tip(reference.removeprefix("refs/heads/"))
    if tip is None:
        raise AwsError("ReferenceDoesNotExistException", f"{reference} does not exist.")
    return tip
