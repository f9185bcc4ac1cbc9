"""On what the figures were measured: said beside them, because they mean nothing without it."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import psycopg


def describe(database_url: str) -> dict[str, str | int]:
    """The machine and the servers."""
    with psycopg.connect(database_url) as connection:
        server = connection.info.parameter_status("server_version") or ""
        fsync = connection.execute("SHOW fsync").fetchone()
        commit = connection.execute("SHOW synchronous_commit").fetchone()
    assert fsync is not None and commit is not None
    return {
        "cores": os.cpu_count() or 0,
        "processor": processor(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "postgresql": f"{server}, fsync {fsync[0]}, synchronous_commit {commit[0]}",
    }


def processor() -> str:
    """Its name, as the kernel knows it."""
    text = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()
