"""A holder's id says whose it is, so that nobody has to write that down: which worker's child, which process.

A UUIDv8: 48 bits of the worker's own id, 32 of the process's number, and 42 of chance, for no two starts of
a child may share one.
"""

from __future__ import annotations

import secrets
from uuid import UUID

VERSION = 8
PID_AT, PID_BITS = 30, 32
WORKER_AT = 80
"""Where in the 128 bits the number of the process and the worker's id begin."""


def make_holder(worker: UUID, pid: int) -> UUID:
    """A new id for a child that has just started."""
    early, late = secrets.randbits(12), secrets.randbits(PID_AT)
    top = worker.int >> WORKER_AT << WORKER_AT
    return UUID(int=top | VERSION << 76 | early << 64 | 0b10 << 62 | pid << PID_AT | late)


def pid_of(holder: UUID) -> int | None:
    """The number of the process; None for an id of another make."""
    return holder.int >> PID_AT & (1 << PID_BITS) - 1 if holder.version == VERSION else None


def whose(holder: UUID, worker: str | None) -> str:
    """The process and the worker's name as a person reads them; a killed worker may be forgotten by now."""
    pid = pid_of(holder)
    name = worker or "a worker that is not there any more"
    return f"{name}, process {pid}" if pid is not None else name


def ran_on(holder: UUID, worker: str | None) -> str:
    """The same as a sentence, for who reads the kernel's log."""
    return f"It ran on {whose(holder, worker)}."


def worker_of(holder: str) -> str:
    """SQL: the name of its worker, by the 12 digits that both ids begin with; NULL if it is forgotten."""
    return f"(SELECT name FROM millrace_worker WHERE {is_of_it(holder)} LIMIT 1)"  # noqa: S608


def queues_of(holder: str) -> str:
    """SQL: a row for each queue that its worker hears; none if it is forgotten."""
    return f"SELECT unnest(queues) AS queue FROM millrace_worker WHERE {is_of_it(holder)}"  # noqa: S608


def is_of_it(holder: str) -> str:
    """SQL that is true of the worker whose child that is."""
    return f"left(id::text, 13) = left({holder}::text, 13)"


def workers_of(holder: UUID) -> tuple[UUID, UUID]:
    """The least and the greatest id that its worker may have."""
    top = holder.int >> WORKER_AT << WORKER_AT
    return UUID(int=top), UUID(int=top | (1 << WORKER_AT) - 1)
