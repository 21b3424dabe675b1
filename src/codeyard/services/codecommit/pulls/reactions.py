"""The reactions to comments: eight, each in three forms, as pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from codeyard.contract import AwsError

_POINTS: Mapping[str, int] = MappingProxyType(
    {
        "THUMBSUP": 0x1F44D,
        "THUMBSDOWN": 0x1F44E,
        "SMILE": 0x1F604,
        "HEART": 0x2764,
        "ANGRY": 0x1F620,
        "CONFUSED": 0x1F615,
        "SCREAM": 0x1F631,
        "SOB": 0x1F62D,
    }
)
_VARIATION = "\ufe0f"  # asks for the coloured form of a character, and changes nothing else


def parse_reaction(value: str) -> str | None:
    """The name of a reaction given as an emoji, `:shortcode:` or `U+1F44D`; None for what takes one back."""
    text = value.strip()
    if text.lower() in ("", "none", "null"):
        return None
    for name, point in _POINTS.items():
        if text.lower() == f":{name.lower()}:" or text.upper() == f"U+{point:X}":
            return name
        if text.removesuffix(_VARIATION) == chr(point):
            return name
    raise AwsError("InvalidReactionValueException", "The value is not that of a reaction.")


def forms_of(name: str) -> dict[str, str]:
    """A reaction's three forms."""
    point = _POINTS[name]
    return {"emoji": chr(point), "shortCode": f":{name.lower()}:", "unicode": f"U+{point:X}"}
