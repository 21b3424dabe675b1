"""How values look on a page."""

from __future__ import annotations

import datetime
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from codeyard.console.ansi import ansi, visible
from codeyard.console.markdown import as_html

_TONES = {
    "good": ("succeeded", "success", "approved", "ready", "merged"),
    "bad": ("failed", "failure", "fault", "timedout", "rejected", "faulted", "clienterror"),
    "busy": ("inprogress", "created", "queued", "pending", "stopping", "baking", "open"),
    "warn": ("stopped", "superseded", "cancelled", "abandoned", "skipped", "closed"),
}
_TONE_OF = {word: tone for tone, words in _TONES.items() for word in words}
_WORDS = {"InProgress": "In progress", "IN_PROGRESS": "In progress", "TIMED_OUT": "Timed out"}


def moment(value: datetime.datetime | None) -> Markup:
    """A time for people, with the exact one in its tooltip."""
    if value is None:
        return Markup("—")
    exact = value.astimezone(datetime.UTC)
    text = exact.strftime("%b %d, %H:%M:%S")
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(exact.isoformat(), text)


def duration(seconds: float | None) -> str:
    """0.4 s, 12 s, 3 min 4 s, 2 h 5 min."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def between(start: datetime.datetime | None, end: datetime.datetime | None) -> str:
    """How long from one moment to the other, where both are known."""
    return duration((end - start).total_seconds()) if start and end else ""


def short(value: str | None) -> str:
    """The first eight characters of an id."""
    return (value or "")[:8]


def first_line(text: str | None) -> str:
    """A message's first line."""
    return visible((text or "").split("\n", 1)[0])


def who(arn: str | None) -> str:
    """The name at the end of an ARN."""
    return (arn or "").rpartition("/")[2]


def branch(reference: str | None) -> str:
    """A reference's branch."""
    return (reference or "").removeprefix("refs/heads/")


def member(text: str) -> str:
    """A member of an approval pool, short: without the form's name and the account."""
    return text.split(":", 2 if text.startswith("CodeCommitApprovers:") else 5)[-1]


def tone(status: str | None) -> str:
    """The colour class of a status: good, bad, busy, warn or idle."""
    return _TONE_OF.get((status or "").lower().replace("_", "").replace(" ", ""), "idle")


def words(status: str | None) -> str:
    """A status for people."""
    status = status or "Not run yet"
    return _WORDS.get(status, status.capitalize().replace("_", " ") if status.isupper() else status)


def in_path(text: str) -> str:
    """The text as part of a URL's path; a file's own slashes stay."""
    return quote(text, safe="/:@")


def in_query(text: str) -> str:
    """The text as a value in a URL's query."""
    return quote(text, safe="")


FILTERS: dict[str, Any] = {
    "moment": moment,
    "duration": duration,
    "between": between,
    "short": short,
    "first_line": first_line,
    "who": who,
    "branch": branch,
    "member": member,
    "markdown": as_html,
    "tone": tone,
    "words": words,
    "ansi": ansi,
    "visible": visible,
    "in_path": in_path,
    "in_query": in_query,
}
