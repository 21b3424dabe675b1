"""A difference's rows as HTML. Written here and not in a template: a page may have thousands, and each is small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup, escape

from codeyard.console.ansi import visible
from codeyard.console.diffs import Row
from codeyard.console.words import side_by_side

Notes = Mapping[tuple[str, int], Markup]  # what is said of a line: by side (BEFORE, AFTER) and number
BEFORE, AFTER = "BEFORE", "AFTER"
_SIGNS = {"add": "+", "del": "-"}


def unified(rows: Sequence[Row], notes: Notes) -> Markup:
    """Table rows: old number, new number, text; below a line what is said of it."""
    return Markup("").join(_unified(rows, notes))


def split(rows: Sequence[Row], notes: Notes) -> Markup:
    """Table rows: old number and text, new number and text."""
    return Markup("").join(_split(rows, notes))


def _unified(rows: Sequence[Row], notes: Notes) -> Iterator[Markup]:
    for row in rows:
        cells = f'{_number(row.old, BEFORE)}{_number(row.new, AFTER)}<td class="t">'
        yield Markup(f'<tr class="{row.kind}">{cells}{_SIGNS.get(row.kind, " ")}{_text(row)}</td></tr>\n')
        yield from _said(notes, row.old, row.new, 3)


def _split(rows: Sequence[Row], notes: Notes) -> Iterator[Markup]:
    for left, right in side_by_side(rows):
        if left is not None and left.kind == "gap":
            yield Markup(f'<tr class="gap"><td class="n"></td><td class="t" colspan="3"> {_text(left)}</td></tr>\n')
            continue
        yield Markup(f"<tr>{_half(left, BEFORE)}{_half(right, AFTER)}</tr>\n")
        yield from _said(notes, left.old if left else None, right.new if right else None, 4)


def _half(row: Row | None, side: str) -> str:
    if row is None:
        return '<td class="n none"></td><td class="t none"></td>'
    number = row.old if side == BEFORE else row.new
    return f'{_number(number, side, row.kind)}<td class="t {row.kind}">{_SIGNS.get(row.kind, " ")}{_text(row)}</td>'


def _number(number: int | None, side: str, kind: str = "") -> str:
    if number is None:
        return '<td class="n"></td>'
    return f'<td class="n {kind}" data-side="{side}">{number}</td>'


def _said(notes: Notes, old: int | None, new: int | None, width: int) -> Iterator[Markup]:
    for side, number in ((BEFORE, old), (AFTER, new)):
        note = notes.get((side, number)) if number is not None and notes else None
        if note is not None:
            yield Markup(f'<tr class="note"><td colspan="{width}">{note}</td></tr>\n')


def _text(row: Row) -> str:
    """The text, escaped, what changed in it marked."""
    if not row.marks:
        return _plain(row.text)
    parts, at = [], 0
    for start, end in row.marks:
        parts += [_plain(row.text[at:start]), "<mark>", _plain(row.text[start:end]), "</mark>"]
        at = end
    return "".join([*parts, _plain(row.text[at:])])


def _plain(text: str) -> str:
    return str(escape(text if text.isprintable() else visible(text)))
