"""The report: one line for each area and three for each finding, or the same as JSON, and an exit code."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from jobs import VERSION
from jobs.doctor.finding import Area, Finding, State, worst
from jobs.doctor.words import counted

FORMAT = 1
"""Of the JSON. Raised when a key changes its meaning or goes; new keys and new ids do not raise it."""
FINE, PROBLEMS, BLIND = 0, 1, 2

SIGNS = {State.OK: "✓", State.WARNING: "!", State.PROBLEM: "✗", State.UNKNOWN: "?"}
COLOURS = {State.OK: "32", State.WARNING: "33", State.PROBLEM: "31", State.UNKNOWN: "35"}
PLURALS = {
    State.WARNING: ("warning", "warnings"),
    State.PROBLEM: ("problem", "problems"),
    State.UNKNOWN: ("area could not be looked at", "areas could not be looked at"),
}
DIM, BOLD = "2", "1"
TITLE = 15


def exit_code(areas: Sequence[Area], *, strict: bool) -> int:
    """0 = ok or only warnings, 1 = problems (with strict: or warnings), 2 = something essential is unseen."""
    if any(area.is_essential and area.state is State.UNKNOWN for area in areas):
        return BLIND
    bad = {State.PROBLEM, State.UNKNOWN} | ({State.WARNING} if strict else set())
    return PROBLEMS if any(area.state in bad for area in areas) else FINE


def as_json(areas: Sequence[Area], *, seconds: float, strict: bool) -> dict[str, Any]:
    """What docs/reference/doctor.md promises to keep."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "state": worst(area.state for area in areas),
        "exit_code": exit_code(areas, strict=strict),
        "seconds": round(seconds, 3),
        "counts": {state.value: sum(area.state is state for area in areas) for state in State},
        "areas": [
            {
                "name": area.name,
                "title": area.title,
                "state": area.state,
                "seen": area.seen.text,
                "seconds": round(area.seconds, 3),
                "essential": area.is_essential,
                "findings": [
                    {
                        "id": finding.id,
                        "state": finding.state,
                        "found": finding.found,
                        "why": finding.why,
                        "remedy": finding.remedy,
                    }
                    for finding in area.seen.findings
                ],
            }
            for area in areas
        ],
    }


class Page:
    """The report for people: as wide as the terminal, coloured if asked."""

    def __init__(self, *, width: int, is_coloured: bool) -> None:
        self.width = max(width, 60)
        self.is_coloured = is_coloured

    def lines(self, areas: Sequence[Area], *, seconds: float) -> Iterator[str]:
        """All of it."""
        yield self.paint(f"Millrace doctor {VERSION}", BOLD)
        yield ""
        for area in areas:
            yield from self.area(area)
        yield ""
        yield self.sum(areas, seconds)

    def area(self, area: Area) -> Iterator[str]:
        """Its line, and what stands below it."""
        sign = self.paint(SIGNS[area.state], COLOURS[area.state])
        room = self.width - TITLE - 3
        first, *more = textwrap.wrap(area.seen.text, room) or [""]
        yield f" {sign} {area.title.ljust(TITLE)}{first}"
        yield from (" " * (TITLE + 3) + line for line in more)
        if area.state is State.UNKNOWN and area.seen.findings[0].id.endswith(".skipped"):
            return
        for finding in area.seen.findings:
            yield from self.finding(finding)

    def finding(self, finding: Finding) -> Iterator[str]:
        """What, why, and the remedy, which is never broken: it is to be copied."""
        sign = self.paint(SIGNS[finding.state], COLOURS[finding.state])
        first, *more = textwrap.wrap(finding.found, self.width - 7)
        yield f"     {sign} {first}"
        yield from (f"       {line}" for line in more)
        yield from (self.paint(f"       {line}", DIM) for line in textwrap.wrap(finding.why, self.width - 7))
        yield f"       {self.paint('→', COLOURS[State.OK])} {finding.remedy}"

    def sum(self, areas: Sequence[Area], seconds: float) -> str:
        """The last line."""
        findings = [finding for area in areas for finding in area.seen.findings]
        told = []
        for state in (State.PROBLEM, State.WARNING, State.UNKNOWN):
            if many := sum(finding.state is state for finding in findings):
                told.append(self.paint(counted(many, *PLURALS[state]), COLOURS[state]))
        fine = sum(area.state is State.OK for area in areas)
        told.append(self.paint(f"{fine} of {len(areas)} areas ok", COLOURS[State.OK]))
        return f"{', '.join(told)} ({seconds:.1f} s)"

    def paint(self, text: str, colour: str) -> str:
        """In that colour, if colours are wanted."""
        return f"\033[{colour}m{text}\033[0m" if self.is_coloured and text else text
