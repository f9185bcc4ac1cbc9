"""`make faults`: every case in a process of its own, each row into docs/reliability.md as it comes.

`python -m tests.faults [--case 1,2] [--quick] [--no-report]`. Ends with 1 if a row failed.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

from tests.faults import report
from tests.faults.apart import Apart
from tests.faults.case import Size, not_built
from tests.faults.cases import all_cases

ROW = "row: "
"""How a case's process marks what it found among what it says."""
CASE_SECONDS = 1800.0
"""No case takes longer; one that does hangs."""


def main() -> int:
    """The whole run."""
    asked = arguments()
    # Told to stop, a case still ends every process it started (also in the background, where INT is ignored).
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if asked.only:
        return run_here(asked.only, Size(asked.quick))
    cases = all_cases()
    numbers = [int(part) for part in asked.case.split(",")] if asked.case else list(cases)
    if unknown := [number for number in numbers if number not in cases]:
        print(f"There is no case {unknown[0]}; there are {', '.join(map(str, cases))}.", file=sys.stderr)
        return 2
    begun, failed = time.monotonic(), 0
    for place, number in enumerate(numbers):
        case = cases[number]
        if asked.quick and not case.has_quick:
            continue
        if case.run is not_built:
            print(f"\n{number:>2}  {case.title}: {case.not_built}", flush=True)
            continue
        print(f"\n{number:>2}  {case.title}   ({time_left(begun, place, len(numbers))})", flush=True)
        rows: list[dict[str, Any]] = []
        for row in run_apart(number, asked.quick):
            rows.append(row)
            failed += not row["has_passed"]
            print(report.line(row), flush=True)
            if not asked.no_report:
                report.write(number, rows)
    return 1 if failed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--case", default="", help="numbers, separated by commas; all if left out")
    parser.add_argument("--quick", action="store_true", help="the small form of each case")
    parser.add_argument("--no-report", action="store_true", help="leave docs/reliability.md as it is")
    parser.add_argument("--only", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def run_here(number: int, size: Size) -> int:
    """One case, in this process: a line for each row."""
    for row in all_cases()[number].run(size):
        print(ROW + json.dumps(row.as_json()), flush=True)
    return 0


def run_apart(number: int, is_quick: bool) -> Iterator[dict[str, Any]]:
    """One case in a process of its own; its rows. One that dies or hangs is a row that failed."""
    command = [
        sys.executable,
        "-m",
        "tests.faults",
        "--only",
        str(number),
        *(["--quick"] if is_quick else []),
    ]
    apart = Apart(command, seconds=CASE_SECONDS)
    for line in apart.lines():
        if line.startswith(ROW):
            yield json.loads(line.removeprefix(ROW))
        else:
            print("    " + line.rstrip(), flush=True)
    if apart.is_late:
        yield report.broken(f"no end after {CASE_SECONDS:.0f} s: it was stopped")
    elif apart.code:
        yield report.broken(f"the case itself ended with {apart.code}")


def time_left(begun: float, done: int, all_: int) -> str:
    """By what the cases so far took."""
    if not done:
        return f"1 of {all_}"
    left = (time.monotonic() - begun) / done * (all_ - done)
    return f"{done + 1} of {all_}, about {left / 60:.0f} min left"


if __name__ == "__main__":
    sys.exit(main())
