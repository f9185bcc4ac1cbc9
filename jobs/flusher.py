"""The thread that adds what a web process counted to the tallies; workers and Beat have their timers."""

from __future__ import annotations

import atexit
import threading

import psycopg
import structlog

from jobs import metrics
from jobs.conf import conf
from jobs.database import OwnDatabase

log = structlog.get_logger()


class Flusher:
    """Flushes every `flush_seconds` as long as there is something to flush, and when the process ends."""

    def __init__(self) -> None:
        self.db = OwnDatabase("flusher")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flusher", daemon=True)

    def start(self) -> None:
        """Begin; once for each process that answers requests."""
        self._thread.start()
        atexit.register(self.stop)

    def stop(self) -> None:
        """Flush once more and end; safe to repeat."""
        self._stopping.set()
        self._thread.join(conf().flush_seconds)
        atexit.unregister(self.stop)

    def _run(self) -> None:
        while not self._stopping.wait(conf().flush_seconds):
            self._flush()
        self._flush()
        self.db.close()

    def _flush(self) -> None:
        try:
            metrics.flush(self.db)
        except psycopg.Error as error:
            self.db.close()
            log.warning("metrics_not_flushed", error=str(error).strip())
