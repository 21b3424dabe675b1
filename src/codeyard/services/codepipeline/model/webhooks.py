"""Webhooks: which definitions are sound, who a request must come from, and what it must say to start the pipeline."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from codeyard.contract import AwsError
from codeyard.services.codepipeline.model.definition import Definition
from codeyard.services.codepipeline.model.secrets import is_sealed

MAX_WEBHOOKS = 300
_STEP = re.compile(
    r"""\.([^.\[\]'"()?@*\s]+) | \[ (?:'([^'\]]+)' | "([^"\]]+)" | (\d{1,6})) \] | (\.\*|\[\*\])""", re.X
)
_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_-]{1,50})\}")
_SIGNED = {"x-hub-signature-256": "sha256", "x-hub-signature": "sha1"}
_NEEDS = {"GITHUB_HMAC": "SecretToken", "IP": "AllowedIPRange"}


def check(webhook: Mapping[str, Any]) -> None:
    """InvalidWebhookFilterPatternException or InvalidWebhookAuthenticationParametersException of a definition."""
    for rule in webhook["filters"]:
        _steps(rule["jsonPath"])
    kind, given = webhook["authentication"], webhook["authenticationConfiguration"]
    needed = _NEEDS.get(kind)
    if set(given) != ({needed} if needed else set()):
        raise _bad_authentication(f"{kind} takes {needed or 'no configuration'}, and nothing else")
    if kind == "IP":
        try:
            ipaddress.ip_network(given["AllowedIPRange"], strict=False)
        except ValueError:
            raise _bad_authentication("AllowedIPRange must be a CIDR range, such as 192.0.2.0/24") from None


def check_target(definition: Definition, pipeline: str, action: str) -> None:
    """ValidationException where the pipeline has no source action of that name."""
    if action not in {source.name for _, source in definition.sources()}:
        raise AwsError("ValidationException", f"'{action}' is not a source action of the pipeline '{pipeline}'")


def is_from(webhook: Mapping[str, Any], secret: str, body: bytes, headers: Mapping[str, str], source_ip: str) -> bool:
    """Whether a request is who the definition lets in; `headers` by lower-case name."""
    kind = webhook["authentication"]
    if kind == "GITHUB_HMAC":
        return _is_signed(secret, body, headers)
    if kind == "IP":
        network = ipaddress.ip_network(webhook["authenticationConfiguration"]["AllowedIPRange"], strict=False)
        return ipaddress.ip_address(source_ip) in network
    return True


def _is_signed(secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """As GitHub signs: the stronger header counts where it is sent."""
    for header, algorithm in _SIGNED.items():
        if header in headers:
            made = f"{algorithm}={hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()}"
            return hmac.compare_digest(made.encode(), headers[header].encode("utf-8", "replace"))
    return False


def matches(filters: Iterable[Mapping[str, str]], event: Any, configuration: Mapping[str, str]) -> bool:
    """Whether an event passes every filter; placeholders stand for the target action's configuration."""
    return all(_passes(rule, event, configuration) for rule in filters)


def _passes(rule: Mapping[str, str], event: Any, configuration: Mapping[str, str]) -> bool:
    found = [event]
    for step in _steps(rule["jsonPath"]):
        found = [below for value in found for below in _below(value, step)]
    wanted = rule.get("matchEquals")
    if wanted is None:
        return bool(found)
    return filled(wanted, configuration) in (_text(value) for value in found)


def filled(wanted: str, configuration: Mapping[str, str]) -> str:
    """The text with {Key} replaced by the configuration's value; secrets and unknown keys are left as they are."""

    def value(found: re.Match[str]) -> str:
        known = configuration.get(found[1], "")
        return known if known and not is_sealed(known) else found[0]

    return _PLACEHOLDER.sub(value, wanted)


def _steps(path: str) -> list[str | int | None]:
    """A JsonPath's steps: names, indexes, and None for everything below; filters and scripts are refused."""
    steps: list[str | int | None] = []
    at = 1
    while path[:1] == "$" and at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            break
        name, quoted, double, index, _ = found.groups()
        steps.append(int(index) if index else name or quoted or double)
        at = found.end()
    if path[:1] != "$" or at != len(path):
        raise AwsError("InvalidWebhookFilterPatternException", f"The JSON path '{path}' is not valid")
    return steps


def _below(value: Any, step: str | int | None) -> Iterator[Any]:
    if isinstance(value, dict):
        if step is None:
            yield from value.values()
        elif step in value:
            yield value[step]
    elif isinstance(value, list):
        if step is None:
            yield from value
        elif isinstance(step, int) and step < len(value):
            yield value[step]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _bad_authentication(message: str) -> AwsError:
    return AwsError("InvalidWebhookAuthenticationParametersException", message)
