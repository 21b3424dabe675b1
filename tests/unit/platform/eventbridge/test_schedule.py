"""When schedules fire, as a table."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from codeyard.formats.moments import iso_z, micros_of
from codeyard.platform.eventbridge import schedule

START = micros_of(datetime(2026, 1, 30, 10, 15, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(1 minute)", "2026-01-30T10:16:30Z"),
        ("rate(2 days)", "2026-02-01T10:15:30Z"),
        ("cron(0/15 * * * ? *)", "2026-01-30T10:30:00Z"),
        ("cron(15 10 ? * 6L *)", "2026-02-27T10:15:00Z"),
        ("cron(0 8 L * ? *)", "2026-01-31T08:00:00Z"),
        ("cron(0 8 1W * ? *)", "2026-02-02T08:00:00Z"),
        ("cron(0 8 LW * ? *)", "2026-02-27T08:00:00Z"),
        ("cron(0 18 ? * MON-FRI *)", "2026-01-30T18:00:00Z"),
        ("cron(0 9 ? * 2#1 *)", "2026-02-02T09:00:00Z"),
        ("cron(0 0 29 2 ? *)", "2028-02-29T00:00:00Z"),
        ("cron(0 0 1 JAN ? 2030)", "2030-01-01T00:00:00Z"),
    ],
)
def test_a_schedule_fires_next_when_its_expression_says(expression: str, expected: str) -> None:
    following = schedule.parse(expression).next_after(START)

    assert following is not None
    assert iso_z(following) == expected


def test_a_schedule_in_the_past_never_fires() -> None:
    assert schedule.parse("cron(0 0 1 1 ? 2020)").next_after(START) is None


@pytest.mark.parametrize(
    "expression",
    ["rate(1 minutes)", "rate(5 minute)", "rate(0 minutes)", "cron(* * * * * *)", "cron(60 * * * ? *)",
     "cron(* * ? * ? *)", "cron(1 2 3)", "at(2026-01-01)", "cron(0 0 ? * 8 *)", "cron(5-1 * * * ? *)"],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(schedule.ScheduleError):
        schedule.parse(expression)
