"""What both halves of the API are made with."""

from __future__ import annotations

from codeyard.engine import Kit
from codeyard.formats import page_tokens
from codeyard.services.codebuild.engine import BuildEngine
from codeyard.services.codebuild.model import invalid


class Room:
    """The kit and the build engine."""

    def __init__(self, kit: Kit, engine: BuildEngine) -> None:
        self._kit, self._engine = kit, engine

    @staticmethod
    def _place(token: str | None, kinds: tuple[type, ...], *question: str) -> tuple[int | str, ...] | None:
        if not token:
            return None
        try:
            return page_tokens.decode(token, kinds, *question)
        except ValueError:
            raise invalid("Invalid next token provided") from None
