"""A log line's terminal colours as HTML. Hostile by assumption: every other escape is dropped, all text is escaped."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace

from markupsafe import Markup

_ESCAPE = re.compile(
    r"\x1b\[(?P<sgr>[0-9;]{0,64})m"
    r"|\x1b\[[0-9:;<=>?]*[ -/]*[@-~]?"  # other control sequences: cursor, erase
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # strings: titles, links (OSC 8), the clipboard (OSC 52)
    r"|\x1b[ -/]*[0-~]?"
)
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_STYLES = {1: "bold", 2: "dim", 3: "italic", 4: "underline"}
_UNSEEN = dict.fromkeys((*range(9), *range(10, 32), *range(127, 160)))
_TURNING = {code: f"⟦U+{code:04X}⟧" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)}


@dataclass(frozen=True, slots=True)
class _Look:
    colour: str = ""
    styles: frozenset[str] = frozenset()

    @property
    def classes(self) -> str:
        return " ".join(f"a-{name}" for name in (*([self.colour] if self.colour else []), *sorted(self.styles)))


def ansi(text: str) -> Markup:
    """The text with its colours; of a line that was rewritten by carriage returns, what was seen last."""
    return Markup("\n").join(_line(line) for line in text.split("\n"))


def visible(text: str) -> str:
    """The text without control characters, and with those that would turn its direction around spelled out."""
    return text.translate(_UNSEEN | _TURNING)


def _line(text: str) -> Markup:
    text = text.rstrip("\r").rpartition("\r")[2]
    parts, look, position = [], _Look(), 0
    for match in _ESCAPE.finditer(text):
        parts.append(_span(text[position : match.start()], look))
        if match["sgr"] is not None:
            look = _after(look, match["sgr"])
        position = match.end()
    parts.append(_span(text[position:], look))
    return Markup("".join(parts))  # _span escaped every part


def _span(text: str, look: _Look) -> str:
    shown = html.escape(visible(text))
    return f'<span class="{look.classes}">{shown}</span>' if shown and look.classes else shown


def _after(look: _Look, codes: str) -> _Look:
    numbers = [int(code) if code and len(code) < 4 else 0 for code in codes.split(";")]
    while numbers:
        number = numbers.pop(0)
        if number in (38, 48):
            look = _extended(look, number, numbers)
        else:
            look = _plain(look, number)
    return look


def _plain(look: _Look, number: int) -> _Look:
    if number == 0:
        return _Look()
    if number in _STYLES:
        return replace(look, styles=look.styles | {_STYLES[number]})
    if number in (22, 23, 24):
        gone = {22: {"bold", "dim"}, 23: {"italic"}, 24: {"underline"}}[number]
        return replace(look, styles=look.styles - gone)
    if 30 <= number <= 37 or 90 <= number <= 97:
        return replace(look, colour=_COLOURS[number % 10])
    return replace(look, colour="") if number == 39 else look


def _extended(look: _Look, number: int, rest: list[int]) -> _Look:
    """38;5;N and 38;2;R;G;B: the sixteen named colours are kept, finer ones and backgrounds are not shown."""
    kind = rest.pop(0) if rest else 0
    taken, rest[:] = rest[: {5: 1, 2: 3}.get(kind, 0)], rest[{5: 1, 2: 3}.get(kind, 0) :]
    if number == 38:
        named = kind == 5 and taken and taken[0] < 16
        return replace(look, colour=_COLOURS[taken[0] % 8] if named else "")
    return look
