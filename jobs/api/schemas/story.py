"""What is told of a job besides itself: its log, its events."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel


class LogLineOut(BaseModel):
    """A line of a job's log."""

    id: int
    at: datetime
    attempt: int
    level: str
    text: str


class LogOut(BaseModel):
    """The lines that are kept, the oldest first; `next` goes on after the last one."""

    lines: list[LogLineOut]
    next: int | None


class EventOut(BaseModel):
    """A mishap or a recorded act."""

    id: int
    at: datetime
    event: str
    attempt: int
    actor: str
    detail: str


class EventsOut(BaseModel):
    """What happened to a job besides the usual, the oldest first."""

    events: list[EventOut]
