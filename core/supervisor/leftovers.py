"""Processes of an earlier supervisor that was killed: wait for them, then end them.

They were told to stop when it died. Numbers are used again by the kernel, so each is written down with
the moment its process started, and only that very process is touched.
"""

import json
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from core.embedded.child import Child
from core.embedded.whole import write_whole

PATIENCE_SECONDS = 20
POLL_SECONDS = 0.05
STARTED_FIELD = 19  # of /proc/PID/stat, counted after the name in parentheses


def note(folder: Path, children: Iterable[Child]) -> None:
    running = {str(child.pid): started(child.pid) for child in children if child.pid and child.is_alive}
    write_whole(path_in(folder), json.dumps(running))


def clear(folder: Path, patience_seconds: float = PATIENCE_SECONDS) -> list[int]:
    """Nobody of the earlier life is left when this returns. Says whom it had to kill."""
    deadline = time.monotonic() + patience_seconds
    while (left := still_running(folder)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    for pid in left:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    return left


def still_running(folder: Path) -> list[int]:
    try:
        noted = json.loads(path_in(folder).read_text())
        return [int(pid) for pid, moment in noted.items() if moment and is_same(int(pid), moment)]
    except (OSError, ValueError, AttributeError):
        return []


def is_same(pid: int, moment: str) -> bool:
    """That very process, or children it left in its group: while they live its number is not used again."""
    now = started(pid)
    return now == moment or (not now and has_group(pid))


def has_group(pid: int) -> bool:
    return any(group_of(process) == str(pid) for process in Path("/proc").glob("[0-9]*"))


def group_of(process: Path) -> str:
    """The group of a living process; a zombie is in none."""
    try:
        state, _, group = (process / "stat").read_text().rpartition(")")[2].split()[:3]
    except (OSError, ValueError):
        return ""
    return "" if state in "ZX" else group


def started(pid: int) -> str:
    """The kernel's clock tick at which this process began; empty if there is none."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if after_name[0] in "ZX" else after_name[STARTED_FIELD]


def path_in(folder: Path) -> Path:
    return folder / "run" / "processes.json"
