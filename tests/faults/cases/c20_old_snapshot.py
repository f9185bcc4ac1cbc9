"""Case 20: somebody holds a snapshot open (an export, a forgotten transaction) while jobs come and go."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.lab import ROOT, Lab

RATE = 200
"""Jobs a second."""
SECONDS = 600.0
BASE_SECONDS = 60.0
TIMES = 3.0
"""How much slower the p99 of a claim and of a finish may become."""
VERBS = {"claim": "attempt = job.attempt + 1", "finish": "failures = job.failures +"}
SAMPLED = ("log_min_duration_sample = 0", "log_statement_sample_rate = 0.1")
"""One statement in ten leaves its duration in PostgreSQL's own log."""
ENTRY = re.compile(
    r"duration: ([\d.]+) ms +(?:execute|statement)[^:]*: (.*?)(?=^\d{4}-\d\d-\d\d |\Z)",
    re.MULTILINE | re.DOTALL,
)
"""One statement's run, and its text up to the next line that begins with a date."""


def run(size: Size) -> Iterator[Row]:
    """First without, then with the snapshot; the same workers, the same load."""
    seconds = 10.0 if size.is_quick else SECONDS
    with Lab(is_durable=True) as lab:
        for setting in SAMPLED:
            lab.sql(f"ALTER SYSTEM SET {setting}")
        lab.sql("SELECT pg_reload_conf()")
        workers = [lab.worker(slots=1) for _ in range(2)]
        base = measure(lab, min(BASE_SECONDS, seconds))
        alarm_before = doctor()
        with snapshot(lab):
            held = measure(lab, seconds)
            alarm = doctor()
        verdict = lab.judge()
        for worker in workers:
            worker.stop()
        slower = {name: held[name] / base[name] for name in base}
        found = row(
            "a snapshot held open", f"REPEATABLE READ for {seconds:.0f} s under {RATE} jobs/s", verdict,
            note="; ".join(
                f"{name} p99 {base[name]:.2f} → {held[name]:.2f} ms (× {slower[name]:.1f})" for name in base
            )
            + f"; doctor says: {alarm or 'nothing'}",
            control_note="its broker has no snapshots",
        )  # fmt: skip
        for name, ratio in slower.items():
            expect(found, ratio <= TIMES, f"the p99 of a {name} became {ratio:.1f} times as long")
        expect(found, bool(alarm) and not alarm_before, f"the alarm said {alarm!r}, before {alarm_before!r}")
        yield found


def measure(lab: Lab, seconds: float) -> dict[str, float]:
    """Hand in `RATE` jobs a second for so long; the p99 of claims and of finishes meanwhile, in ms."""
    start = lab.postgres.log.stat().st_size
    due, until = time.monotonic(), time.monotonic() + seconds
    while due < until:
        lab.submit_many("test.ok", RATE // 20)
        due += 0.05
        time.sleep(max(0.0, due - time.monotonic()))
    lab.drain()
    with lab.postgres.log.open(errors="replace") as log:
        log.seek(start)
        return p99(log.read())


def p99(log: str) -> dict[str, float]:
    """By what PostgreSQL says of itself; a statement has many lines, and an exchange is both verbs."""
    found: dict[str, list[float]] = {name: [] for name in VERBS}
    for duration, text in ENTRY.findall(log):
        for name, piece in VERBS.items():
            if piece in text:
                found[name].append(float(duration))
    return {name: sorted(took)[int(len(took) * 0.99)] for name, took in found.items()}


@contextmanager
def snapshot(lab: Lab) -> Iterator[None]:
    """As an export does: one transaction that looked at something and stays."""
    with lab.connection() as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT count(*) FROM millrace_job")
        yield


def doctor() -> str:
    """What `manage.py doctor` says about snapshots, if it is worse than ok."""
    ran = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    findings = [found for area in json.loads(ran.stdout)["areas"] for found in area["findings"]]
    return "; ".join(
        found["found"] for found in findings if found["id"].startswith("sessions.") and found["state"] != "ok"
    )


CASE = Case(
    20,
    "A snapshot held open under load",
    "the p99 of claim and finish stays within 3 times, and an alarm says so",
    run,
    has_quick=False,
)
