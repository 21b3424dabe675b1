"""What hostile text looks like on a page, and how values read."""

from __future__ import annotations

import pytest

from codeyard.console.ansi import ansi, visible
from codeyard.console.code import as_html
from codeyard.console.formats import duration, first_line, tone, words

LINES = [
    ("plain", "plain"),
    ("<script>&\"'", "&lt;script&gt;&amp;&#34;&#39;"),
    ("\x1b[31mred\x1b[0m", '<span class="a-red">red</span>'),
    ("\x1b[1;32mok\x1b[22m dim", '<span class="a-green a-bold">ok</span><span class="a-green"> dim</span>'),
    ("\x1b[91mbright\x1b[39m", '<span class="a-red">bright</span>'),
    ("\x1b[mreset", "reset"),
    ("\x1b[38;5;1mnamed", '<span class="a-red">named</span>'),
    ("\x1b[38;5;31mfine", "fine"),
    ("\x1b[38;2;31;31;31mfine\x1b[48;5;31mfine", "finefine"),
    ("\x1b[38", ""),
    ("\x1b[999999999999mx", "x"),
    ("\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07", "link"),
    ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
    ("\x1b]52;c;ZXZpbA==\x07after", "after"),
    ("\x1b]0;<b>title</b>\x07after", "after"),
    ("\x1bP+q<b>\x1b\\after", "after"),
    ("\x1b[2J\x1b[1;1Hafter", "after"),
    ("\x1b[31<b>", "&gt;"),
    ("10%\r55%\r100%", "100%"),
    ("text\r", "text"),
    ("a\x00\x08\x7f\x9bb", "ab"),
    ("a\u202eb", "a⟦U+202E⟧b"),
    ("one\n\x1b[31mtwo\nthree", 'one\n<span class="a-red">two</span>\nthree'),
]


@pytest.mark.parametrize(("raw", "shown"), LINES)
def test_a_log_shows_colours_and_nothing_else_that_the_text_asks_for(raw: str, shown: str) -> None:
    assert str(ansi(raw)).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") == shown


def test_invisible_and_turning_characters_cannot_hide_in_text() -> None:
    assert visible("a\u2066b\u2069\x1b[31m\tc") == "a⟦U+2066⟧b⟦U+2069⟧[31m\tc"
    assert first_line("one\ntwo") == "one"


def test_a_file_is_escaped_numbered_and_highlighted() -> None:
    shown = as_html("app.py", b"import os\nx = '<b>'\n")
    assert shown is not None
    assert 'href="#L-2"' in shown
    assert '<span class="kn">import</span>' in shown
    assert "<b>" not in shown
    assert "style=" not in shown


@pytest.mark.parametrize("content", [b"a\0b", b"x" * 300_000])
def test_a_file_that_is_binary_or_large_is_not_shown(content: bytes) -> None:
    assert as_html("app.py", content) is None


def test_a_file_with_very_long_lines_is_shown_without_colours() -> None:
    shown = as_html("app.js", b"let a = " + b"(" * 5000 + b";\n")
    assert shown is not None
    assert '"k' not in shown


def test_a_status_has_a_colour_and_a_word() -> None:
    assert [tone(s) for s in ("Succeeded", "FAILED", "InProgress", "Stopped", "", None)] == [
        "good",
        "bad",
        "busy",
        "warn",
        "idle",
        "idle",
    ]
    assert [words(s) for s in ("InProgress", "IN_PROGRESS", "DOWNLOAD_SOURCE", "Failed", None)] == [
        "In progress",
        "In progress",
        "Download source",
        "Failed",
        "Not run yet",
    ]


def test_a_duration_reads_well() -> None:
    assert [duration(s) for s in (0.04, 12.4, 184.0, 7500.0, None)] == ["0.0 s", "12 s", "3 min 4 s", "2 h 5 min", ""]
