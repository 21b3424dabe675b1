"""A file's text as highlighted HTML. Few lexers and short lines only: a hostile file must not hold the server up."""

from __future__ import annotations

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_by_name

from codeyard.console.ansi import visible

MOST_BYTES = 256 * 1024
_LONGEST_LINE = 1000
_LANGUAGES = {
    "c": ("c", "h"),
    "cpp": ("cc", "cpp", "hpp"),
    "css": ("css",),
    "docker": ("dockerfile",),
    "go": ("go",),
    "html": ("html", "htm"),
    "ini": ("ini", "cfg", "conf"),
    "java": ("java",),
    "javascript": ("js", "mjs", "cjs"),
    "json": ("json",),
    "make": ("makefile", "mk"),
    "python": ("py", "pyi"),
    "rust": ("rs",),
    "bash": ("sh", "bash"),
    "sql": ("sql",),
    "toml": ("toml",),
    "typescript": ("ts",),
    "yaml": ("yml", "yaml"),
}
_LANGUAGE_OF = {ending: name for name, endings in _LANGUAGES.items() for ending in endings}


def is_text(content: bytes) -> bool:
    """Whether the bytes can be shown: no NUL, not too many."""
    return b"\0" not in content and len(content) <= MOST_BYTES


def as_html(path: str, content: bytes) -> Markup | None:
    """The file with numbered lines that can be linked to (#L-7), or None where it is not for showing."""
    if not is_text(content):
        return None
    text = "\n".join(visible(line) for line in content.decode("utf-8", "replace").splitlines())
    formatter = HtmlFormatter(linenos="table", lineanchors="L", anchorlinenos=True, wrapcode=True)
    return Markup(highlight(text, _lexer(path, text), formatter))  # Pygments escapes the text


def _lexer(path: str, text: str) -> TextLexer:
    ending = path.rpartition("/")[2].lower().rpartition(".")[2]
    name = _LANGUAGE_OF.get(ending)
    if name is None or any(len(line) > _LONGEST_LINE for line in text.split("\n")):
        return TextLexer(stripnl=False)
    return get_lexer_by_name(name, stripnl=False)
