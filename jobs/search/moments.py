"""Times in a filter: `2h` (that long ago), `2026-11-01`, `2026-11-01T18:00+01:00`, `today`, `yesterday`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from django.utils import timezone

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
SPAN = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([smhdw])")
DAY = timedelta(days=1)
FIRST, LAST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)
"""Two days from either end of the calendar: no time zone and no margin leads out of it from there."""
FORMS = "`2h` (90s, 10m, 3d, 1w), `2026-11-01`, `2026-11-01T18:00`, `today` or `yesterday`"


class Stretch(NamedTuple):
    """From a moment on, up to another but without it; None is no end."""

    start: datetime | None
    end: datetime | None


def stretch(text: str, operator: str, now: datetime, *, ahead: bool = False) -> Stretch | None:
    """What `>2h`, `<=2026-11-01`, `today` mean; None for what is no time.

    A span is that long ago (`ahead`: from now), so `>2h` is later than two hours ago. A day is the whole of
    it: `>2026-11-01` begins the day after.
    """
    point = moment(text, now, -1 if not ahead else 1)
    if point is None:
        return None
    start, end = point
    if not operator and start == end:
        # One instant is of no use: `created:2h` is what happened since, `due:2h` what is due until then.
        found = Stretch(None, end) if ahead else Stretch(start, None)
    else:
        found = {
            "": Stretch(start, end),
            ">": Stretch(end, None),
            ">=": Stretch(start, None),
            "<": Stretch(None, start),
            "<=": Stretch(None, end),
        }[operator]
    return Stretch(within(found.start), within(found.end))


def within(point: datetime | None) -> datetime | None:
    """The same, or the nearest that every time zone has."""
    return None if point is None else min(max(point, FIRST), LAST)


def moment(text: str, now: datetime, direction: int) -> tuple[datetime, datetime] | None:
    """Where it begins and ends: the same but for a day."""
    word = text.lower()
    for form in (named, spanned, dated, timed):
        try:
            if found := form(word, now, direction):
                return found
        except (ValueError, OverflowError):
            continue
    return None


def named(word: str, now: datetime, direction: int) -> tuple[datetime, datetime] | None:
    today = timezone.localtime(now).date()
    days = {"today": today, "yesterday": today - DAY, "tomorrow": today + DAY}
    if word == "now":
        return now, now
    return whole(days[word]) if word in days else None


def spanned(word: str, now: datetime, direction: int) -> tuple[datetime, datetime] | None:
    found = SPAN.fullmatch(word)
    if found is None:
        return None
    point = now + direction * timedelta(**{UNITS[found[2]]: float(found[1])})
    return point, point


def dated(word: str, now: datetime, direction: int) -> tuple[datetime, datetime] | None:
    return whole(date.fromisoformat(word)) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", word) else None


def timed(word: str, now: datetime, direction: int) -> tuple[datetime, datetime] | None:
    if not re.match(r"\d{4}-\d{2}-\d{2}[t ]", word):
        return None
    found = datetime.fromisoformat(word.upper())
    point = found if found.tzinfo else timezone.make_aware(found)
    return point, point


def whole(day: date) -> tuple[datetime, datetime]:
    """A day of the installation's time zone."""
    return tuple(timezone.make_aware(datetime.combine(each, time())) for each in (day, day + DAY))  # type: ignore[return-value]
