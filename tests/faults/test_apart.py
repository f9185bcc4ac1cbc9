"""A case that hangs is ended, and what it started with it."""

import sys

import psutil

from tests.faults.apart import Apart
from tests.waiting import eventually

HANGS = "import threading; print('begun', flush=True); threading.Event().wait()"
LEAVES = """
import signal, subprocess, threading
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(subprocess.Popen(["sleep", "300"], start_new_session=True).pid, flush=True)
threading.Event().wait()
"""


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_what_ends_by_itself_is_not_late() -> None:
    apart = Apart([sys.executable, "-c", "print('a'); print('b'); raise SystemExit(3)"], seconds=60)

    assert list(apart.lines()) == ["a\n", "b\n"]
    assert (apart.is_late, apart.code) == (False, 3)


def test_the_watchdog_ends_what_never_says_another_word() -> None:
    apart = Apart([sys.executable, "-c", HANGS], seconds=5)

    assert list(apart.lines()) == ["begun\n"]
    assert apart.is_late


def test_who_does_not_obey_is_killed_with_what_it_left() -> None:
    apart = Apart([sys.executable, "-c", LEAVES], seconds=5, stop_seconds=0.5)

    (line,) = apart.lines()

    assert apart.is_late
    eventually(lambda: is_gone(int(line)), what="the program that it started is gone")


def test_who_stops_listening_ends_it() -> None:
    lines = Apart([sys.executable, "-c", HANGS], seconds=60).lines()
    next(lines)

    lines.close()  # type: ignore[attr-defined]
