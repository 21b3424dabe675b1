"""HTTP as the wire sees it: a request's head, an answer. No framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from codeyard.contract import BlobRange, Follow


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body. `path` and `query` are percent-encoded as sent; header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    scheme: str = "http"

    @property
    def host(self) -> str:
        """The Host header without its port, lower case."""
        return self.headers.get("host", "").rsplit(":", 1)[0].lower()


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer on its way out; a BlobRange or Follow is pumped by the edge."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | BlobRange | Follow
