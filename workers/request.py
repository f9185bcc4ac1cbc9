"""A request to run a task, of sound parts only.

Celery believes what a message's headers say until it needs them: by then a place of the pool is reserved that
nobody gives back, or the error ends the main loop. So they are looked at when the request is made, where
Celery refuses those that are none.
"""

from __future__ import annotations

from reprlib import repr as short
from typing import Any

from celery.exceptions import InvalidTaskError
from celery.utils.imports import symbol_by_name

from workers.channel import OF_NO_ACCOUNT
from workers.refusal import NO_MESSAGE

LONGEST_SECONDS = 1e9
"""No limit of time is longer; a clock can add it to what it says."""


class SoundRequest:
    """A mix-in for Celery's requests."""

    __slots__ = ()
    made = 0
    """How many there were in this process."""

    def __init__(self, message: Any, **options: Any) -> None:
        try:
            super().__init__(message, **options)  # type: ignore[call-arg]  # a mix-in's, Celery's in truth
            check(self)
        except NO_MESSAGE as error:
            raise InvalidTaskError(f"{type(error).__name__}: {error}") from error
        SoundRequest.made += 1


def sound(request: str | type) -> type:
    """The class of requests that a task names, made sound."""
    named: type = symbol_by_name(request) if isinstance(request, str) else request
    return named if issubclass(named, SoundRequest) else type("Request", (SoundRequest, named), {})


def check(request: Any) -> None:
    """Raises ValueError or TypeError for what Celery would come to grief over."""
    if not isinstance(request.id, str):
        raise TypeError(f"its id is {short(request.id)}, no text")
    limits = request.time_limits
    if not (isinstance(limits, list | tuple) and len(limits) == 2 and all(map(is_limit, limits))):
        raise ValueError(f"its limits of time are {short(limits)}, not two numbers of seconds")
    if request.type in OF_NO_ACCOUNT and any(limits):
        raise ValueError("a bell has no limit of time: its jobs have")
    stamped = request.request_dict.get("stamped_headers") or []
    if not (isinstance(stamped, list | tuple) and all(isinstance(name, str) for name in stamped)):
        raise TypeError(f"its stamped headers are {short(stamped)}, no list of names")
    if not isinstance(request.request_dict.get("stamps") or {}, dict):
        raise TypeError("its stamps are no mapping")


def is_limit(limit: object) -> bool:
    """Whether it is a number of seconds, or none."""
    return limit is None or (isinstance(limit, int | float) and 0 <= limit < LONGEST_SECONDS)
