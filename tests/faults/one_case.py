"""One case: run here, a line for each of its rows, or in a process of its own."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.faults import lab, report
from tests.faults.apart import Apart
from tests.faults.case import Row, Size
from tests.faults.cases import all_cases

ROW = "row: "
"""How a case's process marks what it found among what it says."""
TIMED = ("I9:", "I11:", "I10: looks that hung", "the slot was not free in time", "started late:")
"""The invariants that are about time, and what cases say of it."""
CASE_SECONDS = 1800.0
"""No case takes longer; one that does hangs."""


def run_here(number: int, size: Size, drain: float) -> None:
    """A line for each row. A fact that the case waited for in vain is a row that failed."""
    lab.DRAIN_SECONDS = drain
    is_empty = True
    try:
        for row in all_cases()[number].run(size):
            is_empty = False
            print(ROW + json.dumps((untimed(row) if size.is_quick else row).as_json()), flush=True)
        assert not is_empty, f"case {number} has no row {size.only!r}"
    except AssertionError as error:
        traceback.print_exc()
        print(ROW + json.dumps(report.broken(str(error))), flush=True)


def untimed(row: Row) -> Row:
    """The quick form is a part of the tests, on machines that have more to do: it judges no time."""
    slow = [said for said in row.violations if said.startswith(TIMED)]
    row.violations = [said for said in row.violations if said not in slow]
    row.note = "; ".join(filter(None, [row.note, *(f"not judged here: {said}" for said in slow)]))
    return row


def run_apart(
    number: int,
    size: Size,
    drain: float = lab.DRAIN_SECONDS,
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[dict[str, Any]]:
    """The rows as they come. A case that dies or hangs is a row that failed."""
    options = ["--only", str(number), "--row", size.only, "--drain", str(drain)]
    command = [sys.executable, "-m", "tests.faults", *options, *(["--quick"] if size.is_quick else [])]
    apart = Apart(command, seconds=CASE_SECONDS, cwd=cwd, environment=environment)
    for line in apart.lines():
        if line.startswith(ROW):
            yield json.loads(line.removeprefix(ROW))
        else:
            print("    " + line.rstrip(), flush=True)
    if apart.is_late:
        yield report.broken(f"no end after {CASE_SECONDS:.0f} s: it was stopped")
    elif apart.code:
        yield report.broken(f"the case itself ended with {apart.code}")
