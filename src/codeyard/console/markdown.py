"""Markdown that users wrote, as safe HTML: none of theirs, no pictures, links to the web and into the repository."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import quote, unquote

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from codeyard.console.ansi import visible

MOST = 64 * 1024
_OUTSIDE = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
_SCHEME = re.compile(r"[^/?#]*:|//|\\")


def as_html(text: str, base: str = "", folder: str = "", query: str = "") -> Markup:
    """The text as HTML; `base` + path + `query` is where a relative link goes, from the folder that the text is in."""
    shown = "\n".join(visible(line) for line in text.splitlines())
    if len(shown) > MOST:
        return Markup("<pre>") + escape(shown) + Markup("</pre>")
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable(["table", "strikethrough"])
    parser.disable("image")
    tokens = parser.parse(shown)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):  # below the headings of the page that the text is on
            token.tag = f"h{min(int(token.tag[1:]) + 1, 6)}"
        for one in token.children or ():
            if one.type == "link_open":
                one.attrs = _attributes(_target(str(one.attrs.get("href", "")), base, folder, query))
    return Markup(parser.renderer.render(tokens, parser.options, {}))


def _attributes(target: str) -> dict[str, str | int | float]:
    found: dict[str, str | int | float] = {"href": target} if target else {}
    return {**found, "rel": "noopener noreferrer nofollow"} if _OUTSIDE.match(target) else found


def _target(href: str, base: str, folder: str, query: str) -> str:
    """Where a link goes: as it is to the web, into the repository where it is relative, else nowhere."""
    if _OUTSIDE.match(href):
        return href
    if not base or not href or _SCHEME.match(href) or href.startswith("#"):
        return ""
    path = unquote(re.split("[#?]", href, maxsplit=1)[0])
    place = posixpath.normpath(posixpath.join("/", "" if path.startswith("/") else folder, path.lstrip("/")))
    return f"{base}{quote(place.lstrip('/'), safe='/')}{query}"
