"""How strictly everything that comes in is read."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field

REFUSES = ConfigDict(extra="forbid", strict=True)


def only_text(value: Any) -> Any:
    """A time is a text; pydantic would take a number for seconds since 1970."""
    if value is not None and not isinstance(value, str):
        raise ValueError("give a time like 2026-12-24T18:00:00+01:00")
    return value


Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(only_text)]
"""A time with its zone."""
