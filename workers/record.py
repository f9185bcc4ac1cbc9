"""The record of what a child runs, kept where its successor finds it: a file per slot of the pool.

One of two lines holds: it names holder, job and attempt. It is written in memory that is the file's, so that
a job costs no system call for it: the other line first, then the byte that says which of the two holds; a
child that dies on the way leaves the line before. The byte behind them is the main's: that it puts this child
to death itself. After it faulthandler appends where the child was when its hard time limit, or a signal such
as SIGSEGV, ended it. The replacement child reads its predecessor's record at start.
"""

from __future__ import annotations

import faulthandler
import mmap
import os
import signal
import tempfile
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from jobs.holder import pid_of

LINE = 100
LINES = (1, 1 + LINE)
"""Where the two begin; the first byte says which of them holds."""
MARK = 1 + 2 * LINE
"""Where the main says that it kills."""
SIZE = MARK + 1
IDLE = b"idle".ljust(LINE - 1) + b"\n"
EMPTY = b"\0" + 2 * IDLE + b"\0"


class Last(NamedTuple):
    """What a child that died was at. `job` is None if it ran nothing."""

    holder: UUID
    job: UUID | None
    attempt: int
    trace: str
    was_timed_out: bool
    was_killed: bool = False
    """Its own main put it to death."""


class Record:
    """The file of one slot. The folder is made by the main process, before the fork, and goes with it."""

    folder: tempfile.TemporaryDirectory[str] | None = None

    def __init__(self, slot: int, holder: UUID) -> None:
        self.path = Path(self._folder(), str(slot))
        self.holder = holder
        self._fd = -1
        self._lines: mmap.mmap | None = None
        self._run = f"run {holder.hex} "

    @classmethod
    def make_folder(cls) -> None:
        """In the main process, before the first fork."""
        if cls.folder is None:
            cls.folder = tempfile.TemporaryDirectory(prefix="millrace-records-", ignore_cleanup_errors=True)

    def predecessor(self) -> Last | None:
        """What the last child of this slot was at when it died; None if there was none, or it ended well."""
        return read(self.path)

    @classmethod
    def left(cls) -> dict[int, Last]:
        """Slot → what its child is at; none that ended well is among them."""
        found = {int(path.name): read(path) for path in Path(cls._folder()).glob("[0-9]*")}
        return {slot: last for slot, last in found.items() if last is not None}

    @classmethod
    def mark_killed(cls, slot: int, pid: int) -> None:
        """In the main process, before it kills that child: whoever finds it dead knows by whom.

        A record that is another child's says nothing of it. Raises OSError, or ValueError for a line that is
        just being written; no kill may depend on it.
        """
        path = Path(cls._folder(), str(slot))
        last = read(path)
        if last is not None and pid_of(last.holder) == pid:
            with path.open("r+b") as record:
                record.seek(MARK)
                record.write(b"\1")

    def open(self) -> None:
        """Begin this child's record, and have faulthandler write to it."""
        self.path.parent.mkdir(mode=0o700, exist_ok=True)  # a cleaner of /tmp may have been here
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(self._fd, EMPTY)  # takes the room on the disk, and leaves faulthandler's place behind it
        self._lines = mmap.mmap(self._fd, SIZE)
        self.idle()
        faulthandler.enable(file=self._fd)
        # The handler needs no GIL: it writes the trace, then the default action ends the process.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        faulthandler.register(signal.SIGALRM, file=self._fd, chain=True)

    def running(self, job: UUID, attempt: int) -> None:
        """A job starts."""
        self._write(f"{self._run}{job.hex} {attempt}")

    def idle(self) -> None:
        """Nothing runs; leases may still be held."""
        self._write(f"{self._run}- 0")

    def close(self) -> None:
        """The child ends well: its successor has nothing to bury."""
        self._write("idle")

    def _write(self, line: str) -> None:
        lines = self._lines
        assert lines is not None, "the record is open"
        other = 1 - lines[0]
        begins = LINES[other]
        lines[begins : begins + LINE] = line.encode().ljust(LINE - 1) + b"\n"
        lines[0] = other

    @classmethod
    def _folder(cls) -> str:
        cls.make_folder()
        assert cls.folder is not None
        return cls.folder.name


def read(path: Path) -> Last | None:
    """What a child wrote there last; None if it ended well, or never began."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    begins = LINES[text[0]] if text[:1] in {b"\0", b"\1"} else SIZE
    words = text[begins : begins + LINE].split()
    if len(words) != 4:
        return None
    _, holder, job, attempt = (word.decode() for word in words)
    trace = text[SIZE:].decode(errors="replace").strip()
    return Last(
        UUID(holder),
        UUID(job) if job != "-" else None,
        int(attempt),
        trace,
        not is_fatal_error(trace) and bool(trace),
        text[MARK:SIZE] == b"\1",
    )


def is_fatal_error(trace: str) -> bool:
    """Whether the trace was written for a crash (SIGSEGV and the like) rather than for the time limit."""
    return trace.startswith("Fatal Python error")
