"""What our processes write to their logs: one line begins for each record, whatever users' bytes are in it."""

from __future__ import annotations

import logging


class OneLine(logging.Formatter):
    """Control characters and line separators are shown, not carried out; what follows a record is indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The record's own line."""
        return shown(super().formatMessage(record))

    def formatException(self, ei: object) -> str:
        """A trace, each line of it behind a margin."""
        lines = super().formatException(ei).split("\n")  # type: ignore[arg-type]  # typeshed hides its own alias
        return "\n".join("  | " + shown(line) for line in lines)


def begin(level: int) -> None:
    """Write records of this level and above to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine("%(asctime)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])


def shown(text: str) -> str:
    """The text with nothing in it that a terminal or a reader of lines obeys."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
