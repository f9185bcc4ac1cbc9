"""S8: what the whole embedded system costs while nobody asks anything of it: `make up`, left alone."""

from __future__ import annotations

import re
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from bench.lab import Lab
from bench.measure import Found, alone, at_most
from bench.processes import command, cpu_seconds, family, memory, parent
from bench.progress import Progress
from bench.running import running, wait_until
from bench.wishes import Wishes
from core.embedded.ports import free_port
from core.supervisor.programs import Program

MEASURES = ("S8",)
CPU_BAR, MEMORY_BAR = at_most(3, "% of a core"), at_most(600, "MB")
SECONDS, QUICK_SECONDS = 300.0, 20.0
SETTLE_SECONDS, QUICK_SETTLE_SECONDS = 30.0, 5.0
GIVEN = ("DATABASE_URL", "BROKER_URL", "REDIS_URL", "EXTRA_APPS", "SECRET_KEY")
NAMES = (
    (r"core\.supervisor\.heir", "supervisor's heir"),
    (r"core\.supervisor", "supervisor"),
    (r"core\.smtp_sink", "mail"),
    (r"uvicorn", "web"),
    (r" beat", "beat"),
    (r" flower", "flower"),
    (r" -n (worker\d+)@", ""),
    (r"valkey|redis", "redis"),
    (r"postgres", "postgresql"),
)
"""What a command line is called in the table; the first that matches."""


def run(lab: Lab, wishes: Wishes) -> list[Found]:
    """One long look; the lab's own servers stand idle beside it and are not counted."""
    seconds = QUICK_SECONDS if wishes.is_quick else SECONDS
    progress = Progress("S8", 1)
    with tempfile.TemporaryDirectory(prefix="millrace-idle-") as folder:
        system = up(lab, Path(folder))
        with running(system), progress.step("the whole system, left alone") as told:
            wait_until(
                lambda: "Millrace runs." in system.log.read_text(), f"the system runs (see {system.log})"
            )
            time.sleep(QUICK_SETTLE_SECONDS if wishes.is_quick else SETTLE_SECONDS)
            table = look(system.pid or 0, seconds)
            percent, megabytes = (sum(row[place] for row in table.values()) for place in (0, 1))
            told.append(f"{percent:.1f} % of a core, {megabytes:.0f} MB")
    return [
        Found(
            measure="S8",
            lines=[
                alone("S8 CPU", [percent], "% of a core", CPU_BAR),
                alone("S8 memory", [megabytes], "MB", MEMORY_BAR),
            ],
            values={"cpu": [percent], "memory": [megabytes]},
            rounds=1,
            more={"seconds": seconds, "processes": {name: list(row) for name, row in table.items()}},
        )
    ]


def up(lab: Lab, folder: Path) -> Program:
    """`make up` with a folder of its own."""
    arguments = ("-m", "core.supervisor", "--port", str(free_port()))
    program = Program("system", lab.logs, {"VAR_DIR": str(folder)}, *arguments)
    variables = {name: value for name, value in program.environment().items() if name not in GIVEN}
    program.environment = lambda: variables  # type: ignore[method-assign]
    return program


def look(pid: int, seconds: float) -> dict[str, tuple[float, float, int]]:
    """Name → percent of a core, megabytes (PSS), processes."""
    before = {one: cpu_seconds(one) for one in family(pid)}
    began = time.monotonic()
    time.sleep(seconds)
    after = {one: cpu_seconds(one) for one in family(pid)}
    wall = time.monotonic() - began
    rows: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0])
    for one, used in after.items():
        row = rows[name_of(one, pid)]
        row[0] += 100 * (used - before.get(one, 0.0)) / wall
        row[1] += memory(one).pss
        row[2] += 1
    return {
        name: (round(cpu, 2), round(pss, 1), int(count)) for name, (cpu, pss, count) in sorted(rows.items())
    }


def name_of(pid: int, root: int) -> str:
    """What the table calls it; a worker's children are told from its main."""
    line = command(pid)
    for pattern, name in NAMES:
        if found := re.search(pattern, line):
            return name or f"{found[1]} {'main' if parent(pid) == root else 'children'}"
    return line[:40] or "?"
