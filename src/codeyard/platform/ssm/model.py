"""The rules of Parameter Store: names, selectors, values, labels and filters. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeyard.contract import AwsError, not_implemented
from codeyard.platform.ssm.errors import invalid
from codeyard.platform.ssm.patterns import is_affordable

DEFAULT_KEY = "alias/aws/ssm"
MAX_LEVELS = 15
MAX_VERSIONS = 100
MAX_LABELS = 10
MAX_TAGS = 50
SIZES = {"Standard": 4096, "Advanced": 8192}
_NAME = re.compile(r"[a-zA-Z0-9_.\-/]+", re.ASCII)
_LABEL = re.compile(r"[a-zA-Z_.\-][a-zA-Z0-9_.\-]*", re.ASCII)
_NAME_RULE = (
    'can\'t be prefixed with "aws" or "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths '
    "divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_"
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One version of a parameter. `value` is the text, or what the sealer made of it for a SecureString."""

    name: str
    version: int
    type: str
    value: bytes
    description: str
    key_id: str
    allowed_pattern: str
    tier: str
    data_type: str
    user: str
    modified: int
    labels: tuple[str, ...]

    @property
    def secure(self) -> bool:
        """Whether the value is sealed."""
        return self.type == "SecureString"


def check_name(name: str) -> None:
    """Raise what PutParameter answers to a name that cannot be."""
    if _NAME.fullmatch(name) is None or len(name) > 1011:
        raise invalid(f"Parameter name: {_NAME_RULE}")
    if "/" in name and not name.startswith("/"):
        raise invalid("Parameter name must be a fully qualified name.")
    parts = name.lstrip("/").split("/")
    if not all(parts) or re.match("(aws|ssm)", parts[0], re.IGNORECASE):
        raise invalid(f"Parameter name: {_NAME_RULE}")
    if len(parts) > MAX_LEVELS:
        raise AwsError(
            "HierarchyLevelLimitExceededException",
            f"A hierarchy can have a maximum of {MAX_LEVELS} levels.",
        )


def split_selector(given: str) -> tuple[str, str]:
    """(name or ARN, selector) of `name`, `name:3`, `name:label` or an ARN with either behind."""
    if given.startswith("arn:"):
        parts = given.split(":")
        return ":".join(parts[:6]), ":".join(parts[6:])
    name, _, selector = given.partition(":")
    return name, selector


def names_of(given: str, account: str, region: str) -> tuple[str, ...]:
    """The names that a name or an ARN may stand for, as it is given first; none where the ARN is of another place.

    Outside a hierarchy a leading slash makes no other parameter (user guide, "Uniqueness": /a and a are not two).
    """
    if given.startswith("arn:"):
        parts = given.split(":", 5)
        if len(parts) != 6 or parts[2:5] != ["ssm", region, account] or not parts[5].startswith("parameter/"):
            return ()
        given = parts[5].removeprefix("parameter")
    plain = given.removeprefix("/")
    if not plain or "/" in plain:
        return (given,)
    return (given, plain if given != plain else f"/{plain}")


def arn_tail(name: str) -> str:
    """The last part of a parameter's ARN."""
    return f"parameter{name}" if name.startswith("/") else f"parameter/{name}"


def check_value(kind: str, value: str, pattern: str, tier: str) -> str:
    """Check a new value; the tier that it ends up in."""
    if not value:
        raise invalid("Parameter value can't be empty.")
    if kind == "StringList" and not all(value.split(",")):
        raise invalid("StringList items can't be empty.")
    if pattern:
        _check_pattern(pattern, value)
    size = len(value.encode())
    chosen = tier
    if tier == "Intelligent-Tiering":
        chosen = "Standard" if size <= SIZES["Standard"] else "Advanced"
    if size > SIZES[chosen]:
        raise invalid(f"{chosen} tier parameters support a maximum parameter value of {SIZES[chosen]} characters.")
    return chosen


def _check_pattern(pattern: str, value: str) -> None:
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        raise AwsError(
            "InvalidAllowedPatternException", "The request does not meet the regular expression requirement."
        ) from None
    if not is_affordable(pattern):
        raise not_implemented("ssm", "PutParameter with an AllowedPattern that may take exponential time")
    if compiled.fullmatch(value) is None:
        raise AwsError(
            "ParameterPatternMismatchException",
            f"Parameter value, cannot be validated against allowedPattern: {pattern}",
        )


def check_key(kind: str, key_id: str) -> str:
    """The key that a value is sealed under: the one named, or the service's own."""
    if kind != "SecureString":
        if key_id:
            raise invalid(f"KeyId is not required for parameters of type {kind}.")
        return ""
    return key_id or DEFAULT_KEY


def sort_labels(labels: Sequence[str]) -> tuple[list[str], list[str]]:
    """(valid, invalid) labels: letters, digits, dots, dashes, not beginning with a digit, aws or ssm."""
    good = [
        label
        for label in dict.fromkeys(labels)
        if _LABEL.fullmatch(label) and not re.match("(aws|ssm)", label, re.IGNORECASE)
    ]
    return good, [label for label in dict.fromkeys(labels) if label not in good]


Test = Callable[[Parameter, Mapping[str, str]], bool]
_FIELDS: Mapping[str, Callable[[Parameter], str]] = {
    "Name": lambda p: p.name,
    "Type": lambda p: p.type,
    "KeyId": lambda p: p.key_id,
    "Tier": lambda p: p.tier,
    "DataType": lambda p: p.data_type,
}
_BY_PATH_KEYS = ("Type", "KeyId", "Label")
_OPTIONS: Mapping[str, Callable[[str, str], bool]] = {
    "Equals": lambda have, want: have == want,
    "BeginsWith": lambda have, want: have.startswith(want),
    "Contains": lambda have, want: want in have,
}


def compile_filters(filters: Sequence[Mapping[str, Any]], *, by_path: bool) -> list[Test]:
    """Tests that a parameter passes when every filter holds; InvalidFilterKey/Option/Value where one cannot be."""
    return [_filter(one, by_path) for one in filters]


def _filter(one: Mapping[str, Any], by_path: bool) -> Test:
    key, option, values = one["Key"], one.get("Option"), tuple(one.get("Values") or ())
    allowed = key in _BY_PATH_KEYS if by_path else key in (*_FIELDS, "Path") or key.startswith("tag:")
    if not allowed:
        raise AwsError("InvalidFilterKey", f"The filter key {key} is not valid for this operation.")
    if key == "Path":
        return _path_filter(option or "OneLevel", values)
    if (option or "Equals") not in _OPTIONS or (option == "Contains" and key != "Name"):
        raise AwsError("InvalidFilterOption", f"The filter option {option} is not valid for {key}.")
    if not values and not key.startswith("tag:"):
        raise AwsError("InvalidFilterValue", "The filter value cannot be empty.")
    if key.startswith("tag:"):
        name = key.removeprefix("tag:")
        return lambda p, tags: name in tags and (not values or tags[name] in values)
    if key == "Label":
        return lambda p, tags: any(label in values for label in p.labels)
    holds, field = _OPTIONS[option or "Equals"], _FIELDS[key]
    return lambda p, tags: any(holds(field(p), value) for value in values)


def _path_filter(option: str, values: Sequence[str]) -> Test:
    if option not in ("OneLevel", "Recursive"):
        raise AwsError("InvalidFilterOption", f"The filter option {option} is not valid for Path.")
    if not values or not all(value.startswith("/") for value in values):
        raise AwsError("InvalidFilterValue", "A path must begin with a forward slash.")
    return lambda p, tags: any(under(p.name, value, option == "Recursive") for value in values)


def under(name: str, path: str, recursive: bool) -> bool:
    """Whether the parameter lies in the path: directly, or at any depth."""
    beginning = path.rstrip("/") + "/"
    if not name.startswith(beginning):
        return beginning == "/" and "/" not in name
    return recursive or "/" not in name[len(beginning) :]


def tags_of(given: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags as a mapping; ValidationException for a reserved key."""
    tags = {tag["Key"]: tag["Value"] for tag in given}
    if any(key.lower().startswith("aws:") for key in tags):
        raise invalid("Tag keys that begin with aws: are reserved.")
    return tags
