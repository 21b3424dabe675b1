"""Which operation a REST request is: a service's method and requestUri patterns compiled into one table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

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
        return all(name in query and (not value or query[name] == value) for name, value in self.literals)

    def served(self, query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        """Whether all that it requires in query and headers is there."""
        return all(n in query for n in self.needs_query) and all(n in headers for n in self.needs_header)


class RestTable:
    """All of a service's REST operations."""

    def __init__(self, model: ServiceModel) -> None:
        made = sorted((_candidate(model.operation_model(n)) for n in model.operation_names), key=lambda c: c.rank)
        self._by_method: dict[str, list[Candidate]] = {}
        for candidate in made:
            self._by_method.setdefault(candidate.method, []).append(candidate)

    def match(self, head: Head, path: str) -> tuple[str, dict[str, str]] | None:
        """The operation and its decoded labels. The most specific path and query win; among equals, the one
        whose required members are all there; deprecated ones come last."""
        query = dict(query_pairs(head.query))
        fallback: tuple[str, dict[str, str]] | None = None
        for candidate in self._by_method.get(head.method, ()):
            found = candidate.path.fullmatch(path)
            if found is None or not candidate.literal(query):
                continue
            labels = {name: _label(text) for name, text in zip(candidate.labels, found.groups(), strict=True)}
            if candidate.served(query, head.headers):
                return candidate.operation, labels
            fallback = fallback or (candidate.operation, labels)
        return fallback


def _label(text: str) -> str:
    if not text.isascii():
        text = text.encode("latin-1", "replace").decode("utf-8", "replace")
    return unquote(text)


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
