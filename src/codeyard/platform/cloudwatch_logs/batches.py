"""Batches of events as they are stored: packed, compressed and sealed under their stream and number."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from codeyard.contract import Sealer
from codeyard.platform.cloudwatch_logs.model import Line


def pack(sealer: Sealer, stream_id: str, number: int, events: Sequence[Mapping[str, Any]]) -> bytes:
    """The sealed form of events."""
    plain = orjson.dumps([[event["timestamp"], event["message"]] for event in events])
    return sealer.seal(zlib.compress(plain, 1), _context(stream_id, number))


def unpack(sealer: Sealer, row: Any) -> Iterator[Line]:
    """The events of a batch's row in their order."""
    plain = zlib.decompress(sealer.open(bytes(row.sealed), _context(row.stream_id, row.number)))
    for index, (timestamp, message) in enumerate(orjson.loads(plain)):
        yield Line(row.number, index, timestamp, message, row.ingested)


def _context(stream_id: str, number: int) -> str:
    return f"logs:{stream_id}:{number}"
