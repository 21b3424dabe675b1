"""What the wire says of a request that it cannot read."""

from __future__ import annotations

from typing import NoReturn

from codeyard.contract import AwsError


def unreadable(message: str) -> AwsError:
    """SerializationException: the body is not what the protocol asks for."""
    return AwsError("SerializationException", message, status=400)


def mistyped(expected: str, value: object) -> NoReturn:
    """A member of another type than its shape's."""
    names = {
        dict: "a structure",
        list: "a list",
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    found = names.get(type(value), type(value).__name__)
    raise unreadable(f"Expected {expected}, found {found}")
