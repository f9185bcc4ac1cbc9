"""`make faults`: every case in a process of its own, each row into docs/reliability.md as it comes.

`python -m tests.faults [--case 1,2] [--row NAME] [--quick] [--no-report]`. Ends with 1 if a row failed.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from typing import Any

from tests.faults import report, source
from tests.faults.case import Size, not_built
from tests.faults.cases import all_cases
from tests.faults.lab import DRAIN_SECONDS
from tests.faults.one_case import run_apart, run_here


def main() -> int:
    """The whole run."""
    asked = arguments()
    size = Size(asked.quick, asked.row)
    # Told to stop, a case still ends every process it started (also in the background, where INT is ignored).
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if asked.only:
        run_here(asked.only, size, asked.drain)
        return 0
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
        measured_on = source.stamp(str(number))
        for row in run_apart(number, size, asked.drain):
            rows.append(row)
            failed += not row["has_passed"]
            print(report.line(row), flush=True)
            if not asked.no_report and not asked.row:
                report.write(str(number), rows=rows, **measured_on)
    return 1 if failed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--case", default="", help="numbers, separated by commas; all if left out")
    parser.add_argument("--row", default="", help="one variant alone, by its name; for a case in the making")
    parser.add_argument("--drain", type=float, default=DRAIN_SECONDS, help="seconds to wait for the last job")
    parser.add_argument("--quick", action="store_true", help="the small form of each case")
    parser.add_argument("--no-report", action="store_true", help="leave docs/reliability.md as it is")
    parser.add_argument("--only", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def time_left(begun: float, done: int, all_: int) -> str:
    """By what the cases so far took."""
    if not done:
        return f"1 of {all_}"
    left = (time.monotonic() - begun) / done * (all_ - done)
    return f"{done + 1} of {all_}, about {left / 60:.0f} min left"


if __name__ == "__main__":
    sys.exit(main())
