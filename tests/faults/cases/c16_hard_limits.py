"""Case 16: kinds that no limit interrupts politely."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.lab import Lab

KINDS = {
    "spin": "a busy loop",
    "regex": "a C call that holds the GIL",
    "swallow": "a kind that catches everything",
}
SOFT, GRACE = 0.4, 1.0
"""The kind's own limit (fault_app/kinds.py), and the lab's grace."""
SLOT_SECONDS = 5.0
HUNG_IN = {"spin": "in spin", "regex": "in regex", "swallow": "in swallow"}
"""What the trace must say."""


def run(size: Size) -> Iterator[Row]:
    """Each alone on a worker of one slot, with a job behind it."""
    with Lab() as lab:
        for do in KINDS:
            if size.wants(do, in_quick=do == "regex"):
                yield limit(lab, do)


def limit(lab: Lab, do: str) -> Row:
    """It is ended at limit + grace, its record says where it hung, and its slot is free again."""
    lab.next_round()
    worker = lab.worker(slots=1)
    key = lab.submit("test.short", do=do, gate=str(lab.folder / "never"), log="")
    behind = lab.submit("test.once")
    verdict = lab.judge()
    (job, code, error) = lab.sql(
        "SELECT id, code, error FROM millrace_job WHERE payload ->> 'key' = %s", [key]
    )[0]
    told = " ".join(f"{row[0]}" for row in lab.sql(TOLD, [f"{job}:%"]))
    changes = lab.changes()
    started = next(change.at for change in changes if change.job == job and change.after == "running")
    ended = next(change.at for change in changes if change.job == job and change.before == "running")
    (after,) = lab.sql("SELECT id FROM millrace_job WHERE payload ->> 'key' = %s", [behind])[0]
    next_at = next(change.at for change in changes if change.job == after and change.after == "running")
    worker.stop()
    found = row(
        do, KINDS[do], verdict,
        note=f"limit {SOFT} + grace {GRACE:g} s: {code} after {ended - started:.1f} s,"
        f" the next job began {next_at - ended:.1f} s later",
        control_note="its own time_limit kills the child as well; nobody learns where it hung",
    )  # fmt: skip
    expect(found, next_at - started <= SOFT + GRACE + SLOT_SECONDS, "the slot was not free in time")
    return expect(found, HUNG_IN[do] in error + told, f"nothing says where it hung: {error} {told}"[:300])


TOLD = "SELECT coalesce(traceback, '') FROM django_celery_results_taskresult WHERE task_id LIKE %s"

CASE = Case(
    16,
    "Hard limits: what hangs is ended",
    "it is ended at limit + grace, the record says where it hung, its slot is free within 5 s",
    run,
)
