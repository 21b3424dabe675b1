"""rate() and cron(): parsing them, and when they fire next. Pure; times are microseconds, in UTC."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

SECOND = 1_000_000
_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_RATE = re.compile(r"rate\(\s*(\d{1,9})\s+(minute|hour|day)(s?)\s*\)")
_CRON = re.compile(r"cron\((.+)\)")
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_YEARS = (1970, 2199)


class ScheduleError(ValueError):
    """The expression is no schedule."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Every so many seconds."""

    seconds: int

    def next_after(self, time: int) -> int:
        """One period later."""
        return time + self.seconds * SECOND


@dataclass(frozen=True, slots=True)
class Cron:
    """Six fields. `days` and `weekdays` keep their text where it depends on the month."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: str
    months: tuple[int, ...]
    weekdays: str
    years: tuple[int, ...]

    def next_after(self, time: int) -> int | None:
        """The first time it fires after `time`; None when there is none left."""
        for year, month, day in self._dates(datetime.fromtimestamp(time // SECOND, UTC)):
            for hour in self.hours:
                for minute in self.minutes:
                    at = int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * SECOND
                    if at > time:
                        return at
        return None

    def _dates(self, start: datetime) -> Iterator[tuple[int, int, int]]:
        for year in self.years:
            if year < start.year:
                continue
            for month in self.months:
                if (year, month) < (start.year, start.month):
                    continue
                for day in self._days_of(year, month):
                    if (year, month, day) >= (start.year, start.month, start.day):
                        yield year, month, day

    def _days_of(self, year: int, month: int) -> list[int]:
        if self.days != "?":
            return days_of_month(self.days, year, month)
        return days_by_weekday(self.weekdays, year, month)


def parse(text: str) -> Rate | Cron:
    """The schedule of an expression; ScheduleError when it is none."""
    if match := _RATE.fullmatch(text):
        number = int(match[1])
        if number < 1 or (number == 1) == bool(match[3]):
            raise ScheduleError("the unit is singular for 1 and plural for more")
        return Rate(number * _UNITS[match[2]])
    if match := _CRON.fullmatch(text):
        return _cron(match[1].split())
    raise ScheduleError("neither rate(...) nor cron(...)")


def _cron(fields: list[str]) -> Cron:
    if len(fields) != 6:
        raise ScheduleError("cron() has six fields")
    minutes, hours, days, months, weekdays, years = (field.upper() for field in fields)
    if (days == "?") == (weekdays == "?"):
        raise ScheduleError("one of day-of-month and day-of-week must be ?")
    made = Cron(
        numbers(minutes, 0, 59),
        numbers(hours, 0, 23),
        days,
        numbers(months, 1, 12, _MONTHS),
        weekdays,
        numbers(years, *_YEARS),
    )
    # Both day fields are read for a month with every case, so that a bad one is refused now.
    if days != "?":
        days_of_month(days, 2024, 1)
    else:
        days_by_weekday(weekdays, 2024, 1)
    return made


def numbers(field: str, low: int, high: int, names: list[str] | None = None) -> tuple[int, ...]:
    """The numbers that a field of `*`, values, ranges, lists and steps allows."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if "/" in part and (not step.isdigit() or not 0 < int(step) <= high):
            raise ScheduleError(f"{part} is no step")
        first, last = _span(span, low, high, names)
        if step and "-" not in span and span != "*":
            last = high
        found.update(range(first, last + 1, int(step or 1)))
    return tuple(sorted(found))


def _span(span: str, low: int, high: int, names: list[str] | None) -> tuple[int, int]:
    if span == "*":
        return low, high
    start, dash, end = span.partition("-")
    first = _number(start, low, high, names)
    last = _number(end, low, high, names) if dash else first
    if last < first:
        raise ScheduleError(f"{span} runs backwards")
    return first, last


def _number(text: str, low: int, high: int, names: list[str] | None) -> int:
    if names and text in names:
        return names.index(text) + 1
    if not (text.isascii() and text.isdigit()) or len(text) > 4 or not low <= int(text) <= high:
        raise ScheduleError(f"{text} is not between {low} and {high}")
    return int(text)


def days_of_month(field: str, year: int, month: int) -> list[int]:
    """The days that a day-of-month field means in a month: numbers, L for the last, 15W for the weekday nearest it."""
    last = calendar.monthrange(year, month)[1]
    if field == "L":
        return [last]
    if field == "LW":
        return [_nearest_weekday(last, year, month)]
    if field.endswith("W"):
        day = _number(field[:-1], 1, 31, None)
        return [_nearest_weekday(day, year, month)] if day <= last else []
    return [day for day in numbers(field, 1, 31) if day <= last]


def _nearest_weekday(day: int, year: int, month: int) -> int:
    last, weekday = calendar.monthrange(year, month)[1], calendar.weekday(year, month, day)
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < last else day - 2
    return day


def days_by_weekday(field: str, year: int, month: int) -> list[int]:
    """The days that a weekday field (1 = Sunday) means in a month: L and 6L for the last, 3#2 for the second."""
    last = calendar.monthrange(year, month)[1]

    def all_of(weekday: int) -> list[int]:
        wanted = (weekday + 5) % 7
        return [day for day in range(1, last + 1) if calendar.weekday(year, month, day) == wanted]

    if field == "L":
        return all_of(7)
    if "#" in field:
        name, _, nth = field.partition("#")
        days = all_of(_number(name, 1, 7, _DAYS))
        number = _number(nth, 1, 5, None)
        return days[number - 1 : number]
    if field.endswith("L"):
        return all_of(_number(field[:-1], 1, 7, _DAYS))[-1:]
    return sorted(day for weekday in numbers(field, 1, 7, _DAYS) for day in all_of(weekday))
