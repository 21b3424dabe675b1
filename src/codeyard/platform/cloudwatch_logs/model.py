"""The rules of log groups, streams, batches and positions. Pure; event times are milliseconds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from codeyard.platform.cloudwatch_logs.errors import invalid

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MAX_BATCH_BYTES = 1_048_576
MAX_BATCH_EVENTS = 10_000
EVENT_OVERHEAD = 26
OLDEST_MS, NEWEST_MS = 14 * DAY_MS, 2 * HOUR_MS
MAX_PAGE_BYTES = 1_048_576
# fmt: off
RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
# fmt: on
_TOKEN = re.compile(r"([fb])/(\d{19})(\d{10})/s", re.ASCII)


@dataclass(frozen=True, slots=True)
class Group:
    """A log group. `retention` in days, 0 for ever."""

    id: str
    account: str
    region: str
    name: str
    created: int
    retention: int
    group_class: str
    tags: Mapping[str, str]
    kms_key: str | None = None  # the ARN of the key that new events are under
    data_key: str | None = None  # and the id of its data key

    @property
    def arn(self) -> str:
        """Its ARN, without the `:*`."""
        return f"arn:aws:logs:{self.region}:{self.account}:log-group:{self.name}"

    def oldest(self, now_ms: int) -> int:
        """The time before which its events are gone."""
        return now_ms - self.retention * DAY_MS if self.retention else 0


@dataclass(frozen=True, slots=True)
class Stream:
    """A log stream; `next_batch` is the number that its next batch gets. First and last are 0 while it is empty."""

    id: str
    group_id: str
    name: str
    created: int
    first: int
    last: int
    ingested: int
    next_batch: int


@dataclass(frozen=True, slots=True)
class Listing:
    """Which streams are listed in which order, from behind which (last event, name); `last` is 0 by name."""

    prefix: str
    by_time: bool
    down: bool
    after: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class Line:
    """One event where it stands: its batch, and its place there."""

    batch: int
    index: int
    timestamp: int
    message: str
    ingested: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """What of a batch is taken, and where what is refused begins or ends."""

    events: Sequence[Mapping[str, Any]]
    rejected: Mapping[str, int]


def accept(events: Sequence[Mapping[str, Any]], now_ms: int, oldest_kept: int) -> Accepted:
    """Check a batch; events that are too old, expired or too new are left out and named."""
    _check_batch(events)
    times = [event["timestamp"] for event in events]
    too_old = sum(time < now_ms - OLDEST_MS for time in times)
    expired = sum(time < oldest_kept for time in times)
    good = [event for event in events if max(now_ms - OLDEST_MS, oldest_kept) <= event["timestamp"]]
    good = [event for event in good if event["timestamp"] <= now_ms + NEWEST_MS]
    rejected: dict[str, int] = {}
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if expired:
        rejected["expiredLogEventEndIndex"] = expired
    if times[-1] > now_ms + NEWEST_MS:
        rejected["tooNewLogEventStartIndex"] = next(n for n, time in enumerate(times) if time > now_ms + NEWEST_MS)
    return Accepted(good, rejected)


def _check_batch(events: Sequence[Mapping[str, Any]]) -> None:
    times = [event["timestamp"] for event in events]
    if not times or len(times) > MAX_BATCH_EVENTS:
        raise invalid(f"The batch of log events must have between 1 and {MAX_BATCH_EVENTS} events.")
    if any(later < earlier for earlier, later in pairwise(times)):
        raise invalid("Log events in a single PutLogEvents request must be in chronological order.")
    if times[-1] - times[0] > DAY_MS:
        raise invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    size = sum(len(event["message"].encode()) + EVENT_OVERHEAD for event in events)
    if size > MAX_BATCH_BYTES:
        raise invalid(f"Upload too large: {size} bytes exceeds limit of {MAX_BATCH_BYTES}")


def forward_token(batch: int, index: int) -> str:
    """The token of a place from which reading goes on."""
    return f"f/{batch:019d}{index:010d}/s"


def backward_token(batch: int, index: int) -> str:
    """The token of a place before which reading goes back."""
    return f"b/{batch:019d}{index:010d}/s"


def read_token(token: str) -> tuple[bool, int, int]:
    """(forward, batch, index) of a token; InvalidParameterException for any other text."""
    match = _TOKEN.fullmatch(token)
    if match is None or int(match[2]) >= 2**63:
        raise invalid("The specified nextToken is invalid.")
    return match[1] == "f", int(match[2]), int(match[3])


def group_name(req: Mapping[str, Any], account: str, region: str) -> str:
    """The group that a request names by name or by identifier (a name or an ARN of this account)."""
    name, identifier = req.get("logGroupName"), req.get("logGroupIdentifier")
    if (name is None) == (identifier is None):
        raise invalid("Exactly one of logGroupName and logGroupIdentifier must be given.")
    if name is not None:
        return str(name)
    return name_of(str(identifier), account, region)


def name_of(identifier: str, account: str, region: str) -> str:
    """The group's name in an identifier."""
    if not identifier.startswith("arn:"):
        return identifier
    start = f"arn:aws:logs:{region}:{account}:log-group:"
    if not identifier.startswith(start):
        raise invalid("The log group identifier is of another account or region, or no log group.")
    return identifier.removeprefix(start).removesuffix(":*")


def event_id(stream_number: int, line: Line) -> str:
    """An id of 56 digits that sorts by time."""
    return f"{line.timestamp:020d}{stream_number:017d}{line.batch % 10**11:011d}{line.index:08d}"


def check_tags(tags: Mapping[str, str]) -> None:
    """Refuse reserved keys."""
    if any(key.lower().startswith("aws:") for key in tags):
        raise invalid("Tag keys that begin with aws: are reserved.")
