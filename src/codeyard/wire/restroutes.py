"""Which operation a REST request is: a service's method and requestUri patterns compiled into one table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from botocore.model import ServiceModel

from codeyard.wire.http import Head, query_pairs

_LABEL = re.compile(r"\{([^}]+)\}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One operation's way in: the path, query literals, and what it needs in query and headers."""

    operation: str
    method: str
    path: re.Pattern[str]
    labels: tuple[str, ...]
    literals: tuple[tuple[str, str], ...]
    needs_query: tuple[str, ...]
    needs_header: tuple[str, ...]
    rank: tuple[int, ...]

    def literal(self, query: Mapping[str, str]) -> bool:
        """Whether every literal of the URI's query is in the request's."""
        for name, value in self.literals:  # noqa: SIM110 - a generator costs more than the loop
            if name not in query or (value and query[name] != value):
                return False
        return True

    def served(self, query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        """Whether all that it requires in query and headers is there."""
        for name in self.needs_query:
            if name not in query:
                return False
        for name in self.needs_header:  # noqa: SIM110 - a generator costs more than the loop
            if name not in headers:
                return False
        return True


@dataclass(frozen=True, slots=True)
class PathGroup:
    """The operations of one method and path, by rank; `plain` those that need no literal in the query."""

    path: re.Pattern[str]
    labels: tuple[str, ...]
    all: tuple[Candidate, ...]
    plain: tuple[Candidate, ...]


class RestTable:
    """All of a service's REST operations."""

    def __init__(self, model: ServiceModel) -> None:
        made = sorted((_candidate(model.operation_model(n)) for n in model.operation_names), key=lambda c: c.rank)
        grouped: dict[tuple[str, str], list[Candidate]] = {}
        for candidate in made:
            grouped.setdefault((candidate.method, candidate.path.pattern), []).append(candidate)
        self._by_method: dict[str, list[PathGroup]] = {}
        for (method, _), found in grouped.items():
            plain = tuple(candidate for candidate in found if not candidate.literals)
            group = PathGroup(found[0].path, found[0].labels, tuple(found), plain)
            self._by_method.setdefault(method, []).append(group)

    def match(self, head: Head, path: str) -> tuple[str, dict[str, str]] | None:
        """The operation and its decoded labels. The most specific path and query win; among equals, the one
        whose required members are all there; deprecated ones come last."""
        query = dict(query_pairs(head.query))
        for group in self._by_method.get(head.method, ()):
            found = group.path.fullmatch(path)
            if found is None:
                continue
            operation = _choose(group, query, head.headers)
            if operation is not None:
                return operation.operation, {
                    name: _label(text) for name, text in zip(operation.labels, found.groups(), strict=True)
                }
        return None


def _choose(group: PathGroup, query: Mapping[str, str], headers: Mapping[str, str]) -> Candidate | None:
    fallback: Candidate | None = None
    for candidate in group.all if query else group.plain:
        if candidate.literal(query):
            if candidate.served(query, headers):
                return candidate
            fallback = fallback or candidate
    return fallback


def is_utf8(path: str) -> bool:
    """Whether a path says characters: of two that do not, the labels could be the same."""
    if path.isascii() and "%" not in path:
        return True
    try:
        unquote_to_bytes(path.encode("latin-1")).decode("utf-8")
    except UnicodeError:
        return False
    return True


def _label(text: str) -> str:
    if not text.isascii():
        text = text.encode("latin-1", "replace").decode("utf-8", "replace")
    return unquote(text) if "%" in text else text


def _candidate(operation: Any) -> Candidate:
    uri = operation.http["requestUri"]
    path, _, query = uri.partition("?")
    labels = tuple(label.rstrip("+") for label in _LABEL.findall(path))
    literals = tuple((name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part))
    needs_query, needs_header = _needs(operation)
    greedy = path.count("+}")
    fixed = sum(1 for segment in path.split("/") if segment and "{" not in segment)
    rank = (-fixed, -len(path.strip("/").split("/")), greedy, -len(literals), -len(needs_query) - len(needs_header))
    return Candidate(
        operation.name,
        operation.http["method"],
        _pattern(path),
        labels,
        literals,
        needs_query,
        needs_header,
        (*rank, bool(operation.deprecated)),
    )


def _pattern(path: str) -> re.Pattern[str]:
    parts = _LABEL.split(path.rstrip("/"))
    text = ""
    for index, part in enumerate(parts):
        if index % 2 == 0:
            text += re.escape(part)
        else:
            text += "(.+)" if part.endswith("+") else "([^/]+)"
    greedy = path.endswith("+}")
    return re.compile(text if greedy else text + "/?", re.DOTALL)


def _needs(operation: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    shape = operation.input_shape
    query, header = [], []
    for name in shape.required_members if shape is not None else ():
        traits = shape.members[name].serialization
        if traits.get("location") == "querystring":
            query.append(traits.get("name", name))
        elif traits.get("location") == "header":
            header.append(traits.get("name", name).lower())
    return tuple(query), tuple(header)
