"""The canary: a real message by which a worker learns whether it hears, and whether its children act.

It goes the whole way of a bell: through the ringer into the broker, from there to this worker's consumer
and to a child of its pool, which notes the time in shared memory. Only silence needs one: whatever else a
child began to do proves the same. While every child is busy nobody could hear it, so none is missed.

Who is right when two disagree: what the children wrote. If we die on the next line, the queue goes with us:
RabbitMQ deletes it, and Redis forgets the one message it may hold.
"""

from __future__ import annotations

import time
from uuid import uuid4

from kombu import Connection, Exchange, Queue

from jobs.broker import RINGER, publish
from jobs.conf import conf
from workers.shared import HEARING

CANARY = "millrace.canary"
"""The name of its Celery task, and the beginning of its queues' names."""
KEEP_SECONDS = 60.0
"""How long the broker keeps the queue of a worker that is gone."""


class Canary:
    """One worker main's own."""

    def __init__(self, slots: int = 1) -> None:
        self.slots = slots
        self.queue = canary_queue()
        self._sent_at = 0.0
        self._asked_at: float | None = None
        self._fine_at = time.monotonic()

    @property
    def is_taken(self) -> bool:
        """Whether the broker has one in its hands: it is there, whatever our consumer believes."""
        return self._asked_at is not None

    @property
    def unheard_seconds(self) -> float:
        """How long the oldest canary in the broker's hands has been missed; 0 if none is."""
        asked_at = self._asked_at
        return 0.0 if asked_at is None or self._is_heard_since(asked_at) else time.monotonic() - asked_at

    @property
    def silent_seconds(self) -> float:
        """How long it is since a child last showed that it hears, or all were busy."""
        return time.monotonic() - max(self._fine_at, HEARING.heard_at)

    @property
    def is_overdue(self) -> bool:
        """Whether the silence is longer than any broker that works would let it be."""
        return self.silent_seconds > conf().canary_seconds + conf().deaf_seconds

    @property
    def was_heard(self) -> bool:
        """Whether any child ever heard anything."""
        return HEARING.heard_at > 0

    def look(self) -> None:
        """Every second or so: send one if it is time."""
        now = time.monotonic()
        if self._asked_at is not None and self._is_heard_since(self._asked_at):
            self._asked_at = None
        if not HEARING.idle(self.slots):
            self._fine_at = now
            self._asked_at = None
        elif now - max(HEARING.heard_at, self._sent_at) >= conf().canary_seconds:
            self._sent_at = now
            RINGER.post(self.queue.name, self._send)

    def _send(self, connection: Connection) -> None:
        """In the ringer's thread."""
        now = time.monotonic()
        try:
            publish(self.queue, connection, task=CANARY)
        except Exception:
            # The broker is away: nothing is missed, since nothing was handed over.
            self._asked_at = None
            raise
        if self._asked_at is None:
            self._asked_at = now

    def _is_heard_since(self, moment: float) -> bool:
        return max(HEARING.heard_at, self._fine_at) >= moment


def canary_queue() -> Queue:
    """A queue of this worker alone, which ends with it; bound nowhere, since it is sent to by name."""
    name = f"{CANARY}.{uuid4().hex[:12]}"
    return Queue(
        name, exchange=Exchange(""), routing_key=name, auto_delete=True, expires=KEEP_SECONDS, max_length=1
    )


def is_canary(queue: str) -> bool:
    """Whether a queue is some worker's canary's."""
    return queue.startswith(f"{CANARY}.")
