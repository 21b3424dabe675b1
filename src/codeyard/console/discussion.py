"""A pull request's conversation: comments in threads, what happened in between, and where comments stand. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

REACTIONS = (
    ("THUMBSUP", "👍", "thumbs up"),
    ("THUMBSDOWN", "👎", "thumbs down"),
    ("SMILE", "😄", "smile"),
    ("HEART", "❤️", "heart"),
    ("ANGRY", "😠", "angry"),
    ("CONFUSED", "😕", "confused"),
    ("SCREAM", "😱", "scream"),
    ("SOB", "😭", "sob"),
)
# What a page shows at once: things that happened, characters of comments, and of one thread.
MOST_SHOWN, MOST_TEXT, MOST_OF_THREAD, MOST_ANSWERS = 60, 150_000, 50_000, 50
_KINDS = {
    "PULL_REQUEST_CREATED": "opened this pull request",
    "PULL_REQUEST_SOURCE_REFERENCE_UPDATED": "pushed to the source branch",
    "PULL_REQUEST_MERGE_STATE_CHANGED": "merged it",
    "PULL_REQUEST_APPROVAL_RULE_CREATED": "added an approval rule",
    "PULL_REQUEST_APPROVAL_RULE_UPDATED": "changed an approval rule",
    "PULL_REQUEST_APPROVAL_RULE_DELETED": "removed an approval rule",
}


@dataclass(frozen=True)
class Thread:
    """A comment with its replies, oldest first, and its place, if it has one."""

    comments: Sequence[Mapping[str, Any]]
    path: str = ""
    line: int | None = None
    side: str = "AFTER"
    blob: str = ""
    after: str = ""
    left_out: int = 0  # answers between the first comment and the others

    @property
    def at(self) -> datetime:
        """When it began."""
        found: datetime = self.comments[0]["creationDate"]
        return found


@dataclass(frozen=True)
class Happening:
    """Something that happened."""

    at: datetime
    who: str
    did: str
    detail: str = ""
    commit: str = ""
    thread: Thread | None = field(default=None)


def threads(groups: Iterable[Mapping[str, Any]]) -> list[Thread]:
    """The threads of the places that comments are listed by."""
    found: list[Thread] = []
    for group in groups:
        of: dict[str, list[Mapping[str, Any]]] = {}
        for comment in sorted(group["comments"], key=_order):
            of.setdefault(_root(of, comment), []).append(comment)
        found += [Thread(comments, *_place(group)) for comments in of.values()]
    return sorted(found, key=lambda thread: thread.at)


def _order(comment: Mapping[str, Any]) -> tuple[datetime, bool]:
    """By time; of one moment, what was answered before its answers."""
    return comment["creationDate"], bool(comment.get("inReplyTo"))


def _root(of: Mapping[str, list[Mapping[str, Any]]], comment: Mapping[str, Any]) -> str:
    """The comment that a thread began with; replies to replies stand in the same one."""
    answered = comment.get("inReplyTo") or comment["commentId"]
    known = (root for root, said in of.items() if any(one["commentId"] == answered for one in said))
    return str(next(known, answered))


def _place(group: Mapping[str, Any]) -> tuple[str, int | None, str, str, str]:
    location = group.get("location") or {}
    side = location.get("relativeFileVersion", "AFTER")
    blob = group.get("beforeBlobId" if side == "BEFORE" else "afterBlobId", "")
    return location.get("filePath", ""), location.get("filePosition"), side, blob, group.get("afterCommitId", "")


def timeline(said: Sequence[Thread], events: Iterable[Mapping[str, Any]]) -> list[Happening]:
    """Threads and events, oldest first."""
    found = [Happening(thread.at, thread.comments[0].get("authorArn", ""), "", thread=thread) for thread in said]
    found += [_happening(one) for one in events]
    return sorted(found, key=lambda one: one.at)


def page(line: Sequence[Happening], until: int) -> tuple[list[Happening], int]:
    """As many of the things before the `until`th as a page holds, the latest; and how many come before them."""
    shown: list[Happening] = []
    at = max(min(until, len(line)), 0)
    left = MOST_TEXT
    while at and len(shown) < MOST_SHOWN and left > 0:
        at -= 1
        one = line[at]
        thread = trimmed(one.thread) if one.thread else None
        left -= _length(thread.comments) if thread else 0
        shown.append(replace(one, thread=thread))
    return shown[::-1], at


def trimmed(thread: Thread) -> Thread:
    """The thread's first comment with its latest answers, as many as a page holds."""
    first, *answers = thread.comments
    kept = answers[-MOST_ANSWERS:]
    while kept and _length(kept) > MOST_OF_THREAD:
        kept = kept[len(kept) // 4 + 1 :]
    return replace(thread, comments=[first, *kept], left_out=len(answers) - len(kept))


def _length(comments: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(one.get("content") or "") for one in comments)


def _happening(event: Mapping[str, Any]) -> Happening:
    kind = event["pullRequestEventType"]
    did, detail, commit = _KINDS.get(kind, kind), "", ""
    if kind == "PULL_REQUEST_STATUS_CHANGED":
        did = "closed this pull request"
    elif kind == "PULL_REQUEST_SOURCE_REFERENCE_UPDATED":
        commit = event["pullRequestSourceReferenceUpdatedEventMetadata"].get("afterCommitId", "")
    elif kind == "PULL_REQUEST_MERGE_STATE_CHANGED":
        commit = event["pullRequestMergedStateChangedEventMetadata"]["mergeMetadata"].get("mergeCommitId", "")
    elif kind == "PULL_REQUEST_APPROVAL_STATE_CHANGED":
        approved = event["approvalStateChangedEventMetadata"]["approvalStatus"] == "APPROVE"
        did = "approved" if approved else "took their approval back"
    elif kind == "PULL_REQUEST_APPROVAL_RULE_OVERRIDDEN":
        over = event["approvalRuleOverriddenEventMetadata"]["overrideStatus"] == "OVERRIDE"
        did = "set the approval rules aside" if over else "put the approval rules back in force"
    elif "approvalRuleEventMetadata" in event:
        detail = event["approvalRuleEventMetadata"].get("approvalRuleName", "")
    return Happening(event["eventDate"], event.get("actorArn", ""), did, detail, commit)
