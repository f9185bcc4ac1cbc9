"""A program run apart: its lines as they come, and its end, whatever it does.

A case that is told to stop (TERM) ends every process it started. One that does not obey is killed, and what
it left with it: workers lead process groups of their own and would outlive it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

STOP_SECONDS = 60.0
"""A case that is told to stop has this long to end what it started."""


class Apart:
    """One run. The watchdog is a thread: whoever waits for the next line cannot look at a clock."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        seconds: float,
        stop_seconds: float = STOP_SECONDS,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.command = command
        self.seconds = seconds
        self.stop_seconds = stop_seconds
        self.cwd = cwd
        self.environment = environment
        self.is_late = False
        """Whether the watchdog had to end it."""
        self.code: int | None = None

    def lines(self) -> Iterator[str]:
        """What it says, line by line. Whoever stops listening ends it."""
        with subprocess.Popen(
            self.command, stdout=subprocess.PIPE, text=True, start_new_session=True, cwd=self.cwd,
            env=self.environment,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            watchdog = threading.Timer(self.seconds, self._end_late, [process])
            watchdog.daemon = True
            watchdog.start()
            try:
                yield from process.stdout
                process.wait()
            finally:
                watchdog.cancel()
                end(process, self.stop_seconds)
                self.code = process.returncode

    def _end_late(self, process: subprocess.Popen[str]) -> None:
        self.is_late = True
        end(process, self.stop_seconds)


def end(process: subprocess.Popen[str], stop_seconds: float) -> None:
    """Ask it to stop, then kill it; of what it started nothing is left either."""
    if process.poll() is not None:
        return
    below = descendants(process.pid)
    process.terminate()
    try:
        process.wait(stop_seconds)
    except subprocess.TimeoutExpired:
        below += descendants(process.pid)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    for one in below:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait()


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
