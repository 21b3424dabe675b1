"""The rules of Secrets Manager: names, stages, deletion, filters, policies, passwords. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeyard.contract import AwsError
from codeyard.formats import resource_policies
from codeyard.formats.resource_policies import PolicyFault
from codeyard.platform.secretsmanager.errors import invalid

CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"
DAY = 86_400 * 1_000_000
MAX_STAGES = 20
MAX_VERSIONS = 100
MAX_TAGS = 50
_NAME = re.compile(r"[A-Za-z0-9/_+=.@!\-]{1,512}", re.ASCII)

Stages = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret without its values. Times in microseconds; `deleted` and `purge_at` are 0 for one that lives."""

    arn: str
    account: str
    region: str
    name: str
    description: str
    kms_key_id: str
    tags: Mapping[str, str]
    policy: str
    created: int
    changed: int
    deleted: int
    purge_at: int


@dataclass(frozen=True, slots=True)
class Version:
    """One version; `sealed` is the value, a string or binary."""

    id: str
    binary: bool
    sealed: bytes
    stages: tuple[str, ...]
    created: int


def check_name(name: str) -> None:
    """Raise for a name that no secret can have."""
    if _NAME.fullmatch(name) is None:
        raise invalid(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
        )


def value_of(req: Mapping[str, Any], *, needed: bool) -> tuple[bool, bytes] | None:
    """(is binary, bytes) of a request's value; InvalidParameterException for two, or for none where one is needed."""
    string, binary = req.get("SecretString"), req.get("SecretBinary")
    if string is not None and binary is not None:
        raise invalid("You can't specify both a binary secret value and a string secret value in the same secret.")
    if string is not None:
        return False, string.encode()
    if binary is not None:
        return True, bytes(binary)
    if needed:
        raise invalid("You must provide either SecretString or SecretBinary.")
    return None


def with_new_version(stages: Stages, version: str, labels: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The stages of every version after one is put with its labels: they move, and CURRENT leaves PREVIOUS behind."""
    wanted = tuple(dict.fromkeys(labels))
    if not any(CURRENT in held for held in stages.values()) and CURRENT not in wanted:
        wanted = (*wanted, CURRENT)
    return move(stages, wanted, version)


def move(stages: Stages, labels: Sequence[str], to: str | None) -> dict[str, tuple[str, ...]]:
    """The stages after labels move to a version (to None: away). What was CURRENT becomes PREVIOUS."""
    was_current = next((one for one, held in stages.items() if CURRENT in held), None)
    leaves_behind = CURRENT in labels and was_current not in (None, to)
    after: dict[str, tuple[str, ...]] = {}
    for one, held in stages.items():
        kept = tuple(s for s in held if s not in labels and not (leaves_behind and s == PREVIOUS))
        after[one] = (*kept, PREVIOUS) if leaves_behind and one == was_current else kept
    if to is not None:
        arrived = tuple(label for label in labels if not (leaves_behind and label == PREVIOUS))
        after[to] = (*after.get(to, ()), *arrived)
    return after


def check_stages(labels: Sequence[str]) -> None:
    """Raise where a version would hold too many labels."""
    if len(set(labels)) > MAX_STAGES:
        raise AwsError("LimitExceededException", "You can't have more than 20 staging labels on a version.")


def recovery_window(req: Mapping[str, Any]) -> int:
    """Days until a deleted secret is gone; 0 for at once."""
    days, force = req.get("RecoveryWindowInDays"), bool(req.get("ForceDeleteWithoutRecovery"))
    if days is not None and force:
        raise invalid("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
    if days is not None and not 7 <= days <= 30:
        raise invalid("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
    return 0 if force else days or 30


def tags_of(given: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags as a mapping; refused: reserved keys, more than 50, a tag without a key."""
    tags = {tag.get("Key", ""): tag.get("Value", "") for tag in given}
    if "" in tags or any(key.lower().startswith("aws:") for key in tags):
        raise invalid("A tag needs a key, and it can't begin with aws:.")
    if len(tags) > MAX_TAGS:
        raise invalid("A secret can have at most 50 tags.")
    return tags


def check_policy(text: str, *, block_public: bool = False) -> None:
    """Raise MalformedPolicyDocumentException, or PublicPolicyException where letting everybody in is blocked."""
    try:
        statements = resource_policies.check(text)
    except PolicyFault as fault:
        said = f"This resource policy is malformed: {fault}"
        raise AwsError("MalformedPolicyDocumentException", said) from None
    if block_public and any(_is_public(one) for one in statements):
        raise AwsError("PublicPolicyException", "This resource policy grants broad access to the secret.")


def _is_public(one: Mapping[str, Any]) -> bool:
    principal = one.get("Principal")
    everybody = principal == "*" or (isinstance(principal, dict) and "*" in _listed(principal.get("AWS")))
    return one.get("Effect") == "Allow" and (everybody or "NotPrincipal" in one) and not one.get("Condition")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def matches(secret: Secret, filters: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a secret passes every filter of a listing."""
    return all(_matches_one(secret, one.get("Key", ""), one.get("Values") or ()) for one in filters)


def _matches_one(secret: Secret, key: str, values: Sequence[str]) -> bool:
    fields = _fields(secret, key)
    wanted = [value for value in values if not value.startswith("!")]
    refused = [value[1:] for value in values if value.startswith("!")]
    if any(_begins(field, value, key) for field in fields for value in refused):
        return False
    return not wanted or any(_begins(field, value, key) for field in fields for value in wanted)


def _fields(secret: Secret, key: str) -> list[str]:
    known = {
        "name": [secret.name],
        "description": [secret.description],
        "tag-key": list(secret.tags),
        "tag-value": list(secret.tags.values()),
        "primary-region": [],
        "owning-service": [],
    }
    if key == "all":
        return [value for values in known.values() for value in values]
    return known.get(key, [])


def _begins(field: str, value: str, key: str) -> bool:
    if key in ("description", "all"):
        words = re.split(r"[\s/\-_+=.@!]+", value.lower())
        return all(word in field.lower() for word in words)
    return field.startswith(value)


_TYPES = {
    "ExcludeLowercase": "abcdefghijklmnopqrstuvwxyz",
    "ExcludeUppercase": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "ExcludeNumbers": "0123456789",
    "ExcludePunctuation": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
}


def alphabets(req: Mapping[str, Any]) -> list[str]:
    """The character types that a random password is made of, each without what is excluded."""
    excluded = set(req.get("ExcludeCharacters") or "")
    kinds = [letters for name, letters in _TYPES.items() if not req.get(name)]
    if req.get("IncludeSpace"):
        kinds.append(" ")
    found = ["".join(char for char in kind if char not in excluded) for kind in kinds]
    if not any(found):
        raise invalid("The password would have no characters to be made of.")
    if not req.get("RequireEachIncludedType", True):
        return [kind for kind in found if kind]
    if not all(found):
        raise invalid("ExcludeCharacters leaves nothing of a required character type.")
    if len(found) > (req.get("PasswordLength") or 32):
        raise invalid("The password length is too short for the required character types.")
    return found
