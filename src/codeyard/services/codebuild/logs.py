"""A build's log: sealed segments here, which anyone may read on from an offset, and their copy in CloudWatch Logs.

The copy is made as the build's service role. A role that may not write logs costs the copy, never the build.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from codeyard.contract import AwsError, Client
from codeyard.engine import Kit
from codeyard.services.codebuild import store
from codeyard.storage import Row, Tx

log = logging.getLogger(__name__)
SHIP = "codebuild.logs"
CHANNEL = "codebuild-logs"
MOST = 256 << 20
_BATCH_BYTES, _BATCH_EVENTS, _EVENT_BYTES = 900_000, 5_000, 200_000
_SEGMENTS = 16
_REFUSED = ("AccessDenied", "AccessDeniedException", "InvalidParameterException", "NotImplemented")


class BuildLogs:
    """Appends, reads and ships the logs of builds."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def append(self, tx: Tx, row: Row, offset: int, data: bytes, now: int) -> int:
        """Add what lies beyond the log's end, where `offset` does not leave a gap; the log's new size."""
        size = int(row.log_size)
        fresh = data[size - offset :] if offset <= size else b""
        fresh = fresh[: max(0, MOST - size)]
        if not fresh:
            return size
        sealed = self._kit.sealer.seal(fresh, _context(row.id, size))
        store.append_segment(tx, row.id, size, len(fresh), now, sealed)
        if row.log_state in ("new", "open"):
            tx.dirty(SHIP, row.id)
        tx.notify(CHANNEL, row.id)
        return size + len(fresh)

    def read(self, build_id: str, offset: int = 0, segments: int = _SEGMENTS) -> tuple[bytes, int]:
        """The log from an offset on (a bounded piece of it), and the offset to go on from."""
        rows = self._kit.db.read(lambda tx: store.read_segments(tx, build_id, offset, segments))
        data = b"".join(self._open(row) for row in rows)
        if not rows:
            return b"", offset
        data = data[max(0, offset - rows[0].start) :]
        return data, offset + len(data)

    def ship(self, build_id: str) -> None:
        """Copy to CloudWatch Logs what is not there yet: whole lines, and the rest when the build is over."""
        while True:
            row, rows = self._kit.db.read(lambda tx: self._unshipped(tx, build_id))
            if row is None or row.log_state not in ("new", "open") or not rows:
                return
            shipped = int(row.log_shipped)
            lines = list(_lines(shipped, [(r.start, r.time, self._open(r)) for r in rows]))
            last = rows[-1].start + rows[-1].length >= row.log_size
            if last and row.stage != "ended" and lines and not lines[-1][1].endswith(b"\n"):
                lines.pop()
            if not lines or not self._deliver(row, lines):
                return

    def _deliver(self, row: Row, lines: list[tuple[int, bytes, int]]) -> bool:
        end = lines[-1][2]
        try:
            self._put(row, [(time, text) for time, text, _ in lines])
        except AwsError as error:
            if error.code not in _REFUSED:
                raise
            log.info("the log of build %s is not copied: %s", row.id, error.code)
            self._kit.db.write(lambda tx: store.set_build(tx, row.id, log_state="refused"))
            return False
        self._kit.db.write(lambda tx: self._shipped(tx, row.id, end))
        return True

    def _shipped(self, tx: Tx, build_id: str, end: int) -> None:
        store.set_build(tx, build_id, log_shipped=end, log_state="open")
        tx.notify(CHANNEL, build_id)  # whoever reads the copy may look now

    def _put(self, row: Row, lines: list[tuple[int, bytes]]) -> None:
        record = store.record_of(row)
        client = self._kit.clients.as_role(
            record["serviceRole"],
            service="codebuild.amazonaws.com",
            region=row.region,
            session_name=session_name(row.id),
            source_arn=record["arn"].replace(":build/", ":project/").rpartition(":")[0],
        )
        place = {"logGroupName": record["logs"]["groupName"], "logStreamName": record["logs"]["streamName"]}
        if row.log_state == "new":
            _ensure(client, "CreateLogGroup", {"logGroupName": place["logGroupName"]})
            _ensure(client, "CreateLogStream", place)
        for batch in _batches(lines):
            client.call("logs", "PutLogEvents", {**place, "logEvents": batch})

    def _unshipped(self, tx: Tx, build_id: str) -> tuple[Row | None, list[Row]]:
        row = store.build(tx, build_id)
        return row, store.read_segments(tx, build_id, row.log_shipped, _SEGMENTS) if row is not None else []

    def _open(self, row: Row) -> bytes:
        return self._kit.sealer.open(row.sealed, _context(row.build, row.start))


def session_name(build_id: str) -> str:
    """The name of a build's role sessions, as AWS forms it."""
    return "AWSCodeBuild-" + build_id.rpartition(":")[2]


def _context(build_id: str, start: int) -> str:
    return f"codebuild.log:{build_id}:{start}"


def _ensure(client: Client, operation: str, params: dict[str, Any]) -> None:
    try:
        client.call("logs", operation, params)
    except AwsError as error:
        if error.code != "ResourceAlreadyExistsException":
            raise


def _lines(shipped: int, pieces: list[tuple[int, int, bytes]]) -> Iterator[tuple[int, bytes, int]]:
    """(time, line, offset after it) of what lies beyond `shipped`; the last one may lack its newline."""
    rest, at, when = b"", shipped, 0
    for start, time, data in pieces:
        rest, when = rest + data[max(0, shipped - start) :], time
        while (cut := rest.find(b"\n") + 1) or len(rest) > _EVENT_BYTES:
            cut = min(cut or _EVENT_BYTES, _EVENT_BYTES)
            at += cut
            yield when, rest[:cut], at
            rest = rest[cut:]
    if rest:
        yield when, rest, at + len(rest)


def _batches(lines: list[tuple[int, bytes]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for time, text in lines:
        if batch and (size + len(text) + 26 > _BATCH_BYTES or len(batch) >= _BATCH_EVENTS):
            yield batch
            batch, size = [], 0
        message = text.decode("utf-8", "replace").replace("\0", "\ufffd") or "\n"
        batch.append({"timestamp": time // 1000, "message": message})
        size += len(message.encode()) + 26
    if batch:
        yield batch
