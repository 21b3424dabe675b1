"""An HTTP request's head and an HTTP answer, as the wire sees them: no sockets, no framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote_plus

from codeyard.contract import BlobRange, Follow


class Head(NamedTuple):
    """A request without its body: path and query as sent, percent-encoded; headers lower-case, duplicates joined."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    scheme: str = "http"

    @property
    def host(self) -> str:
        """The host name, lower-case, without port."""
        host = self.headers.get("host", "").lower()
        if host.startswith("["):
            return host.partition("]")[0] + "]"
        return host.partition(":")[0]

    @property
    def content_type(self) -> str:
        """The media type without parameters, lower-case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def pairs(self) -> list[tuple[str, str]]:
        """The query's decoded names and values in their order; a name without `=` has an empty value."""
        return query_pairs(self.query)


class HttpAnswer(NamedTuple):
    """A response; a body that is a handle is for the edge to pump."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | BlobRange | Follow = b""


def query_pairs(query: str) -> list[tuple[str, str]]:
    """Decoded (name, value) pairs of a query string or a form body."""
    if not query:
        return []
    found = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            found.append((_plain(name), _plain(value)))
    return found


def _plain(text: str) -> str:
    if "%" in text or "+" in text:
        return unquote_plus(text)
    if not text.isascii():
        return text.encode("latin-1", "replace").decode("utf-8", "replace")
    return text
