"""What a target is given of an event: all of it, a part, a constant, or a template filled in. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

MAX_PATHS = 100
MISSING: Any = object()
_STEP = re.compile(r"\.([A-Za-z0-9_\-]+)|\[(\d{1,6})\]|\[\*\]|\['([^'\]]*)'\]|\[\"([^\"\]]*)\"\]")
_PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.\-]+)>")
RESERVED = (
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
)
Path = tuple[str | int | None, ...]


def compile_path(text: str) -> Path:
    """The steps of a JSONPath (names, indexes, None for `[*]`); ValueError when it is none."""
    if not text.startswith("$"):
        raise ValueError(f"{text} is not a JSONPath: it must begin with $")
    steps: list[str | int | None] = []
    place = 1
    while place < len(text):
        match = _STEP.match(text, place)
        if match is None:
            raise ValueError(f"{text} is not a JSONPath that is supported")
        name = next((found for found in (match[1], match[3], match[4]) if found is not None), None)
        steps.append(int(match[2]) if match[2] is not None else name)
        place = match.end()
    return tuple(steps)


def follow(value: Any, path: Path) -> Any:
    """What the path leads to, or MISSING."""
    for at, step in enumerate(path):
        if step is None:
            if not isinstance(value, list):
                return MISSING
            found = [follow(one, path[at + 1 :]) for one in value]
            return [one for one in found if one is not MISSING]
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return MISSING
            value = value[step]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return MISSING
    return value


def check(transformer: Mapping[str, Any]) -> None:
    """ValueError for a transformer with a bad path or a placeholder that nothing defines."""
    paths = transformer.get("InputPathsMap") or {}
    if len(paths) > MAX_PATHS:
        raise ValueError(f"InputPathsMap has more than {MAX_PATHS} entries")
    for name, path in paths.items():
        if name.lower().startswith("aws"):
            raise ValueError(f"{name} is reserved")
        compile_path(path)
    known = {*paths, *RESERVED}
    for name in _PLACEHOLDER.findall(transformer["InputTemplate"]):
        if name not in known:
            raise ValueError(f"InputTemplate has the placeholder <{name}>, which InputPathsMap does not define")


def target_input(
    target: Mapping[str, Any], event: Mapping[str, Any], *, rule_arn: str, rule_name: str, ingested: str
) -> str:
    """The text that the target is sent."""
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath") is not None:
        found = follow(event, compile_path(target["InputPath"]))
        return "{}" if found is MISSING else _json(found)
    if target.get("InputTransformer") is not None:
        reserved = {
            "aws.events.rule-arn": rule_arn,
            "aws.events.rule-name": rule_name,
            "aws.events.event.ingestion-time": ingested,
            "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
            "aws.events.event.json": event,
        }
        return render(target["InputTransformer"], event, reserved)
    return _json(event)


def render(transformer: Mapping[str, Any], event: Mapping[str, Any], reserved: Mapping[str, Any]) -> str:
    """The template with its placeholders filled in, quoted as their place needs."""
    paths = transformer.get("InputPathsMap") or {}
    values = {name: follow(event, compile_path(path)) for name, path in paths.items()} | dict(reserved)
    template: str = transformer["InputTemplate"]
    plain = template.lstrip()[:1] not in ("{", "[", '"', "<")
    pieces, place, quoted = [], 0, False
    for match in _PLACEHOLDER.finditer(template):
        between = template[place : match.start()]
        quoted = _inside_quotes(between, quoted)
        pieces.append(between)
        pieces.append(_text(values[match[1]], quoted=quoted, plain=plain) if match[1] in values else match[0])
        place = match.end()
    return "".join([*pieces, template[place:]])


def _inside_quotes(text: str, quoted: bool) -> bool:
    place = 0
    while place < len(text):
        if text[place] == "\\" and quoted:
            place += 1
        elif text[place] == '"':
            quoted = not quoted
        place += 1
    return quoted


def _text(value: Any, *, quoted: bool, plain: bool) -> str:
    if value is MISSING:
        return "" if quoted or plain else "null"
    text = value if isinstance(value, str) else _json(value)
    if plain:
        return text
    if quoted:
        return json.dumps(text, ensure_ascii=False)[1:-1]
    return _json(value)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
