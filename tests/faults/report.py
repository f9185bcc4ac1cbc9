"""docs/reliability.md: the table, written anew after every row from what docs/reliability.json remembers."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.case import Row
from tests.faults.cases import all_cases
from tests.faults.source import told

DOCS = Path(__file__).parent.parent.parent / "docs"
TABLE = DOCS / "reliability.md"
MEMORY = DOCS / "reliability.json"
HEAD = """# Reliability, measured

What was injected, and what became of the jobs. `make faults` runs every case against real servers and writes
this page; `make faults CASE=7` runs one. How the suite is built and what its judge demands:
[faults](explain/faults.md).

- **Lost**: accepted jobs that did not end, or whose effect never happened.
- **Doubled**: attempts finished twice, or effects that happened twice though guarded by `context.once` or the
  item ledger.
- **Uncertain**: effects about which nobody can know, named as such in the ledger.
- **Recovery**: the longest time from a fault (from its end, if it lasted) until a job that it interrupted
  runs again. Where it interrupted none: until the first job starts that was accepted before it and waited.
  A dash means that there was neither. It may take lease + sweep + 1 s, here 5.5; where a row is judged by
  another measure, or not at all, it says why. The lease here is 4 s, the sweep 0.5 s: a fifteenth and a
  tenth of the defaults.
- **Plain Celery**: 5.7 on Redis with `acks_late`, `reject_on_worker_lost` and a prefetch of 1, under the same
  fault: how many of its tasks were lost / done twice, and what its broker still held back at the end.
"""


def write(name: str, **found: Any) -> None:
    """Remember what a case found, or the soak, and write the page."""
    keep(remembered() | {name: found | now()})


def write_guard(*, name: str, **found: Any) -> None:
    """Remember what a case said without a guard, and write the page."""
    memory = remembered()
    keep(memory | {"guards": memory.get("guards", {}) | {name: found | now()}})


def now() -> dict[str, str]:
    """When and where."""
    return {"at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"), "machine": machine()}


def keep(memory: dict[str, Any]) -> None:
    """For the next run, and for people."""
    MEMORY.write_text(json.dumps(memory, indent=1, sort_keys=True) + "\n")
    TABLE.write_text(page(memory))


def remembered() -> dict[str, Any]:
    """What earlier runs found, by case."""
    return json.loads(MEMORY.read_text()) if MEMORY.exists() else {}


def page(memory: dict[str, Any]) -> str:
    """The whole page."""
    cases = [part for number in all_cases() for part in section(number, memory)]
    return "\n".join([HEAD, *summary(memory), *soak(memory), *guards(memory), *cases])


def summary(memory: dict[str, Any]) -> list[str]:
    """One line for each case."""
    lines = [
        "| # | case | jobs | lost | doubled | uncertain | recovery | plain Celery: jobs, lost / doubled |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for number, case in all_cases().items():
        if (found := memory.get(str(number))) is None:
            why = case.not_built or "not run yet"
            lines.append(f"| {number} | {case.title} | {why} | | | | | |")
            continue
        rows = found["rows"]
        controls = [row["control"] for row in rows if row["control"]]
        plain = "–"
        if controls:
            held = total(controls, "held")
            plain = f"{total(controls, 'jobs')}, {total(controls, 'lost')} / {total(controls, 'doubled')}"
            plain += f", {held} held back" if held else ""
        times = [row["recovery"] for row in rows if row["recovery"] is not None]
        mark = "" if all(row["has_passed"] for row in rows) else " **(failed)**"
        mark += f" ({case.not_built})" if case.not_built else ""
        lines.append(
            f"| [{number}](#case-{number}) | {case.title}{mark} | {total(rows, 'jobs')} |"
            f" {total(rows, 'lost')} | {total(rows, 'doubled')} | {total(rows, 'uncertain')} |"
            f" {seconds(max(times, default=None))} | {plain} |"
        )
    return [*lines, ""]


def section(number: int, memory: dict[str, Any]) -> list[str]:
    """A case, variant by variant."""
    case, found = all_cases()[number], memory.get(str(number))
    if found is None:
        return []
    lines = [f"## Case {number}", "", f"{case.title}. Passes when: {case.passes_when}.", ""]
    if case.not_built:
        lines += [f"Not built yet: {case.not_built}.", ""]
    lines += [
        "| what was injected | jobs | lost | doubled | uncertain | recovery | plain Celery | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [table_row(row) for row in found["rows"]]
    return [*lines, "", measured(found), ""]


def measured(found: dict[str, Any]) -> str:
    """When, where and on what."""
    return f"{found['at']} UTC, {found['machine']}, {told(found)}."


def soak(memory: dict[str, Any]) -> list[str]:
    """The long run under random kills."""
    found = memory.get("soak")
    if found is None:
        return []
    kills = ", ".join(f"{count} × {name}" for name, count in sorted(found["kills"].items()))
    bad = "; ".join(f"**{cell(text)}**" for text in found["violations"]) or "the judge found nothing"
    lines = [
        "## Soak",
        "",
        f"{found['jobs']:,} jobs in {found['seconds']:.0f} s under random kills ({kills}):"
        f" {found['lost']} lost, {found['doubled']} doubled, {found['uncertain']} uncertain; {bad}.",
        "",
        "| process | memory before → after | descriptors before → after |",
        "|---|---|---|",
    ]
    for name, (megabytes, files, megabytes_after, files_after) in found["use"].items():
        lines.append(f"| {name} | {megabytes:.0f} → {megabytes_after:.0f} MB | {files} → {files_after} |")
    return [*lines, "", measured(found), ""]


def guards(memory: dict[str, Any]) -> list[str]:
    """What each case says when the guard that it is for is taken out of the code."""
    found = memory.get("guards")
    if found is None:
        return []
    lines = [
        "## Guards taken out",
        "",
        "Each of these guards was taken out of a copy of the code, and the case that it is for had to fail:"
        " that shows that it can. `make faults GUARDS=1` does it again.",
        "",
        "| guard | file | case | what the judge said without it | measured |",
        "|---|---|---|---|---|",
    ]
    for name, one in sorted(found.items(), key=lambda item: (item[1]["case"], item[0])):
        case = f"[{one['case']}](#case-{one['case']})" + (f", {cell(one['row'])}" if one["row"] else "")
        lines.append(
            f"| {name} | `{one['file']}` | {case} | {cell(one['said'])} | {one['at']}, {told(one)} |"
        )
    return [*lines, ""]


def table_row(row: dict[str, Any]) -> str:
    """One variant."""
    said = "; ".join(
        filter(None, [*("**" + cell(text) + "**" for text in row["violations"]), cell(row["note"])])
    )
    return (
        f"| {cell(row['variant'])}: {cell(row['injected'])} | {row['jobs']} | {row['lost']} |"
        f" {row['doubled']} |"
        f" {row['uncertain']} | {recovery(row)} | {plain(row)} | {said} |"
    )


def recovery(row: dict[str, Any]) -> str:
    """How long it took, and by what else than the promise it was judged."""
    measure = cell(row.get("measure", ""))
    return seconds(row["recovery"]) + (f" ({measure})" if measure else "")


def plain(row: dict[str, Any]) -> str:
    """What plain Celery made of it."""
    control = row["control"]
    if control is None:
        return cell(row["control_note"]) or "no such moment"
    held = f", {control['held']} held back" if control["held"] else ""
    held += f", {control['again']} done but to run again" if control.get("again") else ""
    note = f"; {cell(control['note'])}" if control["note"] else ""
    return f"{control['jobs']} jobs: {control['lost']} / {control['doubled']}{held}{note}"


def line(row: dict[str, Any]) -> str:
    """One variant, in the terminal."""
    mark = "ok  " if row["has_passed"] else "FAIL"
    text = (
        f"    {mark} {row['variant']}: {row['jobs']} jobs, {row['lost']} lost, {row['doubled']} doubled,"
        f" {row['uncertain']} uncertain, recovery {recovery(row)}; plain Celery {plain(row)}"
    )
    more = [row["note"]] if row["note"] else []
    return "\n".join([text, *(f"         {said}" for said in more + row["violations"])])


def broken(why: str) -> dict[str, Any]:
    """The row of a case that could not say anything."""
    return Row("broken off", why, 0, 0, 0, 0, None, violations=[why]).as_json()


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def total(rows: list[dict[str, Any]], name: str) -> int:
    return sum(int(row[name]) for row in rows)


def seconds(value: float | None) -> str:
    """Short times in more detail: 0.0 would look as if nothing had been measured."""
    if value is None:
        return "–"
    return f"{value:.1f} s" if value >= 1 else f"{value:.2f} s"


def cell(text: str) -> str:
    """Nothing that ends a cell."""
    return text.replace("|", "\\|").replace("\n", " ")
