"""The one MetaData that every service's tables belong to, and the column vocabulary that both databases share."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import orjson
import sqlalchemy as sa

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

schema = sa.MetaData(naming_convention=NAMING)


def Key() -> sa.types.TypeEngine[str]:
    """A text key that both databases order by code point (COLLATE "C" on PostgreSQL)."""
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def Serial() -> sa.types.TypeEngine[int]:
    """The type of a row number that the database gives out; for order within a table, never as a high-water mark."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _plain(value: object) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def dumps(value: Any) -> str:
    """JSON text for a TEXT column; bytes become base64, times RFC 3339, what is no Unicode U+FFFD."""
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode("utf-8")
    except orjson.JSONEncodeError:
        cleaned = _cleaned(value)
        return orjson.dumps(cleaned, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode("utf-8")


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {_cleaned(key): _cleaned(one) for key, one in value.items()}
    return [_cleaned(one) for one in value] if isinstance(value, list | tuple) else value


def loads(text: str | bytes) -> Any:
    """The value of a JSON TEXT column."""
    return orjson.loads(text)
