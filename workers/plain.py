"""Bells, taken for what they are: "look here", and nothing else.

Celery believes what a message says of itself (limits of time, a time of its own, stamps, whom to tell) until
it needs it: by then a place of the pool is reserved that nobody gives back, or the error ends the main loop.
A bell has none of that, so it is taken off. Messages of other tasks are Celery's, and their tasks' authors'.
"""

from __future__ import annotations

from contextlib import suppress
from reprlib import repr as short
from typing import Any

from kombu.exceptions import ContentDisallowed, SerializationError
from kombu.message import Message

from workers.channel import OF_NO_ACCOUNT

UNREADABLE = (SerializationError, ContentDisallowed)
"""What a body is found out with that is none; Celery tells of it."""
LONGEST_ID = 255
"""Characters: what the results' table has room for."""


def make_plain(message: Message) -> bool:
    """Take from a bell or a canary what is no part of it; whether it is one.

    Raises what is in NO_MESSAGE where there is no bell left, or no task's name.
    """
    name = task_of(message)
    if name not in OF_NO_ACCOUNT:
        return False
    id = message.headers.get("id")
    if not isinstance(id, str) or not 0 < len(id) <= LONGEST_ID or "\0" in id:
        raise ValueError(f"a bell's id is {short(id)}")
    with suppress(*UNREADABLE):
        check_body(message.payload)
    message.headers = {"id": id, "task": name}
    return True


def task_of(message: Message) -> str | None:
    """Its name, by the headers or, as in Celery's first protocol, by the body; None where nothing says so."""
    name = message.headers.get("task")
    if name is None:
        body = payload_of(message)
        name = body.get("task") if isinstance(body, dict) else None
    if name is not None and not isinstance(name, str):
        raise TypeError(f"a task's name is {short(name)}")
    return name


def payload_of(message: Message) -> Any:
    """What it says; None where that cannot be read, of which Celery tells."""
    try:
        return message.payload
    except Exception:  # noqa: BLE001 - whatever a decoder raises
        return None


def check_body(payload: object) -> None:
    """Raises ValueError for what is no task's, or says whom to tell; arguments are refused by the task."""
    match payload:
        case [[*_], {}, {} as embedded] if not any(embedded.values()):
            return
    raise ValueError(f"a bell says {short(payload)}")
