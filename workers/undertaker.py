"""The undertaker: in a worker that stops, the main itself buries the children that died.

Once the pool is closed nobody is replaced, so no successor does it; until then one may, and the burial is the
same (workers/burial.py): what a child held that died by itself is charged to what it ran; what one held that
the main killed, since its kind obeyed nothing, is handed back uncharged. Only the dead are buried: one that
still lives could still finish. If the database is away we are patient for a few seconds; then the leases run
out, and rescue cannot know who killed.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from billiard.process import active_children

from jobs.database import OwnDatabase
from workers.burial import bury
from workers.dead import Life, look_at
from workers.record import Last, Record
from workers.shared import FLAGS, Drain

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 5.0
"""How long a main that ends waits for the last burial."""
PAUSE_SECONDS = 0.05


def end_children() -> None:
    """Put every child to death that is still there; those that died before are not among them."""
    for child in active_children():
        if child.pid is not None:
            try:
                Record.mark_killed(getattr(child, "index", -1), child.pid)
            except (OSError, ValueError) as error:  # its job is charged, then
                log.warning("kill_not_marked", error=str(error))
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)


class Undertaker:
    """One main's own; `pool` is billiard's."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self._buried: set[UUID] = set()

    def look(self, db: OwnDatabase) -> None:
        """Every second or so, from the timers, once the worker stops."""
        if FLAGS.drain is Drain.NONE:
            return
        for last in self._dead():
            bury(last, db)
            self._buried.add(last.holder)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> bool:
        """Until every child that is dead is buried, or the time is over; which of the two."""
        until = time.monotonic() + seconds
        while self._dead():
            if time.monotonic() > until:
                return False
            threading.Event().wait(PAUSE_SECONDS)
        return True

    def _dead(self) -> list[Last]:
        """What those were at that are dead and not buried."""
        left = {slot: last for slot, last in Record.left().items() if last.holder not in self._buried}
        alive = {child.index for child in list(self.pool._pool) if look_at(child.pid) is Life.LIVES}
        return [last for slot, last in left.items() if slot not in alive]
