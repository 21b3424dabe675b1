"""Secret configuration values: shown as ****, and kept when an update sends the mask back."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from codeyard.services.codepipeline.model import catalog

MASK = "****"


def redacted(declaration: Mapping[str, Any]) -> dict[str, Any]:
    """The declaration with every secret value masked."""
    return _mapped(declaration, lambda _place, _value: MASK)


def restored(declaration: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """The declaration with every mask replaced by the stored value of the same stage, action and key."""
    old = {(stage, action, key): value for stage, action, key, value, _ in _secrets(stored)}
    return _mapped(declaration, lambda place, value: old.get(place, value) if value == MASK else value)


def _mapped(declaration: Mapping[str, Any], change: Callable[[tuple[str, str, str], str], str]) -> dict[str, Any]:
    result = copy.deepcopy(dict(declaration))
    for stage, action, key, value, configuration in list(_secrets(result)):
        configuration[key] = change((stage, action, key), value)
    return result


def _secrets(declaration: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, dict[str, str]]]:
    for stage in declaration["stages"]:
        for action in stage["actions"]:
            configuration = action.get("configuration") or {}
            for key in catalog.secret_keys(action["actionTypeId"]) & configuration.keys():
                yield stage["name"], action["name"], key, configuration[key], configuration
