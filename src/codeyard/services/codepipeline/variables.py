"""#{namespace.key} in an action's configuration: checked at declaration, resolved when the action starts."""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"#\{\s*([A-Za-z0-9@\-_]+)\.([A-Za-z0-9@\-_.]+)\s*\}")
PIPELINE_NAMESPACE = "codepipeline"
VARIABLES_NAMESPACE = "variables"
RESOLVED_LIMIT = 100 * 1024
OUTPUT_LIMIT = 122_880


class Unresolved(ValueError):
    """A reference that nothing provides."""


def references(text: str) -> tuple[tuple[str, str], ...]:
    """Every (namespace, key) that the text refers to, in order."""
    return tuple(_REFERENCE.findall(text))


def resolve(configuration: Mapping[str, str], scope: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The configuration with each reference replaced; raises Unresolved, also where the result is over 100 KB."""
    resolved = {key: _resolve_text(value, scope) for key, value in configuration.items()}
    if sum(len(v.encode()) for v in resolved.values()) > RESOLVED_LIMIT:
        raise Unresolved("The resolved action configuration is larger than 100 KB.")
    return resolved


def _resolve_text(text: str, scope: Mapping[str, Mapping[str, str]]) -> str:
    def replace(found: re.Match[str]) -> str:
        namespace, key = found.group(1), found.group(2)
        values = scope.get(namespace)
        if values is None or key not in values:
            raise Unresolved(f"An action configuration variable could not be resolved: {found.group(0)}")
        return values[key]

    return _REFERENCE.sub(replace, text)
