"""A build's record as the API shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeyard.formats.moments import moment


def build_view(record: Mapping[str, Any]) -> dict[str, Any]:
    """The API's Build: times are datetimes."""
    view = {**record, "phases": [_phase(phase) for phase in record["phases"]]}
    return _timed(view)


def _phase(phase: Mapping[str, Any]) -> dict[str, Any]:
    return _timed(dict(phase))


def _timed(said: dict[str, Any]) -> dict[str, Any]:
    for name in ("startTime", "endTime"):
        if name in said:
            said[name] = moment(said[name])
    return said
