"""Spans and moments as options take them."""

from __future__ import annotations

import argparse
import re
from datetime import datetime, timedelta

from django.utils import timezone

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(text: str) -> datetime:
    """A time with a time zone; without one, the installation's."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 2026-12-24T18:00+01:00") from None
    return found if found.tzinfo else timezone.make_aware(found)


def span(text: str) -> timedelta:
    """90s, 10m, 2h, 1d; a bare number is seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no span of time like 90s, 10m, 2h or 1d")
    return timedelta(**{UNITS[found[2] or "s"]: float(found[1])})


def from_now(text: str) -> datetime:
    """A time as far from now."""
    return timezone.now() + span(text)


def seconds(text: str) -> float:
    """A span in seconds."""
    return span(text).total_seconds()


def at_least_one(text: str) -> int:
    """How many, where none would be a question about nothing."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)
