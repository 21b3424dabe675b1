"""How values look on a page."""

from __future__ import annotations

import datetime
import html
import re
from typing import Any

from markupsafe import Markup

_SGR = re.compile(r"\x1b\[([0-9;]*)m")
_OTHER_ESCAPES = re.compile(r"\x1b(?:\][^\x07\x1b]*(?:\x07|\x1b\\)|\[[0-9;?]*[ -/]*[@-~]|[@-Z\\-_])")
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


def moment(value: datetime.datetime | None) -> Markup:
    """A time for people, with the exact one in its tooltip."""
    if value is None:
        return Markup("—")
    exact = value.astimezone(datetime.UTC)
    text = exact.strftime("%b %d, %H:%M:%S")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(exact.isoformat(), exact.isoformat(), text)


def duration(seconds: float | None) -> str:
    """1.2 s, 3 min 4 s."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def short(value: str | None) -> str:
    """The first eight characters of an id."""
    return (value or "")[:8]


def tone(status: str | None) -> str:
    """The colour class of a status: good, bad, busy, wait or idle."""
    word = (status or "").lower().replace("_", "")
    if word in ("succeeded", "success", "approved"):
        return "good"
    if word in ("failed", "fault", "timedout", "rejected", "faulted"):
        return "bad"
    if word in ("inprogress", "created", "queued", "pending", "stopping"):
        return "busy"
    return "idle"


def ansi(text: str) -> Markup:
    """A log line with its colours; every other escape is dropped, everything else is escaped."""
    parts, open_spans = [], 0
    position = 0
    for match in _SGR.finditer(text):
        parts.append(_plain(text[position : match.start()]))
        classes = _classes(match.group(1))
        if not classes:
            parts.append("</span>" * open_spans)
            open_spans = 0
        else:
            parts.append(f'<span class="{classes}">')
            open_spans += 1
        position = match.end()
    parts.append(_plain(text[position:]))
    return Markup("".join(parts) + "</span>" * open_spans)  # every part is escaped above


def _plain(text: str) -> str:
    visible = _OTHER_ESCAPES.sub("", text)
    return html.escape("".join(c for c in visible if c >= " " or c in "\t\n"))


def _classes(codes: str) -> str:
    names = []
    for code in codes.split(";"):
        number = int(code) if code.isdigit() and len(code) < 4 else 0
        if number == 1:
            names.append("a-bold")
        elif 30 <= number <= 37:
            names.append(f"a-{_COLOURS[number - 30]}")
        elif 90 <= number <= 97:
            names.append(f"a-{_COLOURS[number - 90]}")
    return " ".join(names)


FILTERS: dict[str, Any] = {"moment": moment, "duration": duration, "short": short, "tone": tone, "ansi": ansi}
