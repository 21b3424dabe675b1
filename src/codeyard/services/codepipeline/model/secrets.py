"""Secret configuration values: sealed where they are kept, shown as ****; an update that sends the mask keeps them."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from codeyard.contract import AwsError, Sealer
from codeyard.services.codepipeline.model.catalog import Kinds

MASK = "****"
_MARK = "\x01sealed:"
_ALWAYS = frozenset({"OAuthToken"})


def is_sealed(value: str) -> bool:
    """Whether a configuration's value is one that may not be shown."""
    return value.startswith(_MARK)


def masked(configuration: Mapping[str, str]) -> dict[str, str]:
    """A configuration as anybody may see it."""
    return {key: MASK if is_sealed(value) else value for key, value in configuration.items()}


def redacted(declaration: Mapping[str, Any]) -> dict[str, Any]:
    """The declaration as anybody may see it."""
    return _mapped(declaration, lambda _stage, action: masked(action["configuration"]))


class Vault:
    """Seals and opens the secret values of one pipeline's actions."""

    def __init__(self, sealer: Sealer, pipeline_arn: str) -> None:
        self._sealer, self._place = sealer, pipeline_arn

    def sealed(self, declaration: Mapping[str, Any], kinds: Kinds, stored: Mapping[str, Any]) -> dict[str, Any]:
        """The declaration with its secrets sealed; a mask stands for the stored value of the same place."""
        old = {(stage, action["name"]): action["configuration"] for stage, action in _actions(stored)}

        def seal(stage: str, action: Mapping[str, Any]) -> dict[str, str]:
            before, secrets = old.get((stage, action["name"]), {}), _secret_keys(action["actionTypeId"], kinds)
            return {
                key: self._kept(key, value, before) if key in secrets else _plain(key, value)
                for key, value in action["configuration"].items()
            }

        return _mapped(declaration, seal)

    def _kept(self, key: str, value: str, before: Mapping[str, str]) -> str:
        if value == MASK and is_sealed(before.get(key, "")):
            return before[key]
        return _MARK + base64.b64encode(self._sealer.seal(value.encode(), self._context(key))).decode("ascii")

    def opened(self, configuration: Mapping[str, str]) -> dict[str, str]:
        """The configuration as the one who does the work needs it."""
        return {key: self._open(key, value) if is_sealed(value) else value for key, value in configuration.items()}

    def _open(self, key: str, value: str) -> str:
        return self._sealer.open(base64.b64decode(value.removeprefix(_MARK)), self._context(key)).decode()

    def _context(self, key: str) -> str:
        return f"codepipeline:{self._place}:{key}"


def _plain(key: str, value: str) -> str:
    if is_sealed(value):
        raise AwsError("InvalidActionDeclarationException", f"The value of the configuration {key} is not valid")
    return value


def _secret_keys(kind: Mapping[str, str], kinds: Kinds) -> frozenset[str]:
    known = kinds(kind)
    return _ALWAYS | {p.name for p in known.properties if p.secret} if known else _ALWAYS


def _mapped(
    declaration: Mapping[str, Any], change: Callable[[str, Mapping[str, Any]], dict[str, str]]
) -> dict[str, Any]:
    result = copy.deepcopy(dict(declaration))
    for stage, action in _actions(result):
        action["configuration"] = change(stage, action)
    return result


def _actions(declaration: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for stage in declaration.get("stages", ()):
        for action in stage["actions"]:
            if "configuration" in action:
                yield stage["name"], action
