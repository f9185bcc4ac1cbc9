"""Whoever succeeds a child that died learns what it was at, whenever it died."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from jobs.holder import make_holder
from workers.record import LINE, LINES, Last, Record, read

PID = 4711
HOLDER, FIRST, SECOND = make_holder(uuid4(), PID), uuid4(), uuid4()
DIES = """
import os, signal, sys
from uuid import UUID
from workers.record import Record

Record.folder = type("Folder", (), {"name": sys.argv[1]})
record = Record(0, UUID(sys.argv[2]))
record.open()
record.running(UUID(sys.argv[3]), 7)
os.kill(os.getpid(), getattr(signal, sys.argv[4]))
"""


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Record]:
    monkeypatch.setattr(Record, "_folder", classmethod(lambda cls: str(tmp_path)))
    monkeypatch.setattr("workers.record.faulthandler.enable", lambda file: None)
    monkeypatch.setattr("workers.record.faulthandler.register", lambda *given, **options: None)
    before = signal.getsignal(signal.SIGALRM)
    made = Record(0, HOLDER)
    made.open()
    yield made
    signal.signal(signal.SIGALRM, before)


def test_what_holds_is_what_was_written_last(record: Record) -> None:
    assert record.predecessor() == Last(HOLDER, None, 0, "", was_timed_out=False)

    record.running(FIRST, 1)
    record.idle()
    record.running(SECOND, 12)
    assert record.predecessor() == Last(HOLDER, SECOND, 12, "", was_timed_out=False)

    record.close()
    assert record.predecessor() is None


def test_a_child_that_dies_while_it_writes_leaves_the_line_before(record: Record) -> None:
    record.running(FIRST, 1)
    other = 1 - record.path.read_bytes()[0]
    torn = f"run {HOLDER.hex} {SECOND.hex[:9]}".encode()

    with record.path.open("r+b") as file:
        file.seek(LINES[other])
        file.write(torn)

    assert record.predecessor() == Last(HOLDER, FIRST, 1, "", was_timed_out=False)


def test_whom_its_main_puts_to_death_its_successor_knows(record: Record) -> None:
    """Whatever the child still writes on its way; and of the successor itself nothing is said yet."""
    record.running(FIRST, 1)
    Record.mark_killed(0, PID)
    record.running(SECOND, 1)

    assert record.predecessor() == Last(HOLDER, SECOND, 1, "", was_timed_out=False, was_killed=True)

    successor = Record(0, HOLDER)
    successor.open()
    assert successor.predecessor() == Last(HOLDER, None, 0, "", was_timed_out=False)


def test_a_mark_is_for_one_child_alone(record: Record) -> None:
    """One that died by itself may have a successor by now, or may not have opened its record yet."""
    record.running(FIRST, 1)

    Record.mark_killed(0, PID + 1)
    Record.mark_killed(7, PID)  # there is none

    assert record.predecessor() == Last(HOLDER, FIRST, 1, "", was_timed_out=False)


@pytest.mark.parametrize("rest", [b"", b"\0", b"\1" + b"x" * LINE, b"idle"], ids=["no", "one", "half", "old"])
def test_a_file_that_was_cut_off_names_nothing(rest: bytes, tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(rest)

    assert read(tmp_path / "0") is None


@pytest.mark.parametrize(
    ("how", "is_traced", "was_timed_out"),
    [("SIGKILL", False, False), ("SIGSEGV", True, False), ("SIGALRM", True, True)],
)
def test_a_process_that_is_killed_leaves_its_job_and_where_it_was(
    how: str, is_traced: bool, was_timed_out: bool, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", DIES, str(tmp_path), str(HOLDER), str(FIRST), how]
    ended = subprocess.run(command, env={**os.environ}, check=False, timeout=60)

    last = read(tmp_path / "0")

    assert ended.returncode == -getattr(signal, how)
    assert last is not None
    assert (last.holder, last.job, last.attempt) == (HOLDER, FIRST, 7)
    assert (bool(last.trace), last.was_timed_out) == (is_traced, was_timed_out)
    assert not is_traced or 'File "<string>"' in last.trace
