"""What processes use, from /proc: processor time, and memory, shared out fairly (PSS) or their own (USS)."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
PARENT, USED, WAITED_FOR = 1, slice(11, 13), slice(13, 15)
"""Fields of /proc/PID/stat, counted after the name in parentheses."""


@dataclass(frozen=True)
class Memory:
    """In megabytes."""

    pss: float
    uss: float


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    parents = {one: parent(one) for one in pids()}
    found = [pid]
    for one in found:  # grows while it is walked
        found += [child for child, its_parent in parents.items() if its_parent == one]
    return found


def pids() -> list[int]:
    """Everybody's."""
    return [int(path.name) for path in PROC.iterdir() if path.name.isdigit()]


def cpu_seconds(pid: int) -> float:
    """What a process used, with its children that have ended; 0 if it is gone."""
    fields = stat(pid)
    return sum(map(int, [*fields[USED], *fields[WAITED_FOR]])) / TICKS if fields else 0.0


def memory(pid: int) -> Memory:
    """What a process holds; nothing if it is gone."""
    sizes: dict[str, int] = {}
    with suppress(OSError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]:
            name, _, rest = line.partition(":")
            sizes[name] = int(rest.split()[0])
    private = sizes.get("Private_Clean", 0) + sizes.get("Private_Dirty", 0)
    return Memory(sizes.get("Pss", 0) / 1024, private / 1024)


def begin_peak(pid: int) -> float:
    """From now on its peak is counted anew; what it holds now, in megabytes."""
    (PROC / str(pid) / "clear_refs").write_text("5")
    return resident(pid)


def resident(pid: int, what: str = "VmRSS") -> float:
    """What is in memory of a process, shared or not; with VmHWM at its peak, which misses nothing."""
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def peak(pid: int) -> float:
    """The most that was in memory since `begin_peak`, in megabytes."""
    return resident(pid, "VmHWM")


def parent(pid: int) -> int:
    """Who started it, or took it over; 0 if it is gone."""
    fields = stat(pid)
    return int(fields[PARENT]) if fields else 0


def stat(pid: int) -> list[str]:
    """The fields after the name; none if it is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return []
    return text[text.rindex(")") + 2 :].split()


def command(pid: int) -> str:
    """How it was started."""
    try:
        return (
            (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        )
    except OSError:
        return ""
