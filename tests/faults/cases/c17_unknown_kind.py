"""Case 17: a new front hands in a kind that the old workers do not know yet."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.control.plant import Control, Plant
from tests.faults.lab import Lab

JOBS = 20
QUEUE = "maintenance"
"""One that old workers hear, too."""


def run(size: Size) -> Iterator[Row]:
    """The old worker first, a new one afterwards."""
    with Lab() as lab:
        from jobs.lifecycle.submit import submit_job

        old = lab.worker(EXTRA_APPS="")
        keys = [lab.submit("test.once", queue=QUEUE) for _ in range(size.of(JOBS, 5))]
        # A job it knows, behind them in the same line: it works, and it looked at them.
        known = submit_job("cleanup.run", {"dry_run": True}, owner=lab.owner).id
        lab.eventually(lambda: has_ended(lab, known), what="the old worker does what it knows")
        waiting = [lab.state(key) for key in keys]
        reasons = why(lab)
        new = lab.worker()
        verdict = lab.judge()
        for worker in (old, new):
            worker.stop()
        found = row(
            "old worker, new front", "jobs of a kind that no worker knows", verdict,
            note=f"waited as {', '.join(sorted(reasons))}",
            control=None if size.is_quick else control(lab),
        )  # fmt: skip
        expect(found, set(waiting) == {"queued"}, f"they did not wait: {set(waiting)}")
        yield expect(found, reasons == {"unknown_kind"}, f"the reason was {reasons}")


def has_ended(lab: Lab, job: UUID) -> bool:
    return bool(lab.sql("SELECT 1 FROM millrace_job WHERE id = %s AND state = 'succeeded'", [job]))


def why(lab: Lab) -> set[str]:
    """The reasons that waiting jobs give."""
    from jobs.lifecycle.reasons import waiting_reasons

    waiting = [row[0] for row in lab.sql("SELECT id FROM millrace_job WHERE state = 'queued'")]
    return {found.reason.value for found in waiting_reasons(waiting).values()}


def control(lab: Lab) -> Control:
    """Plain Celery throws away a message whose task it does not know."""
    plant = Plant(lab)
    worker = plant.worker(task="control.older")
    plant.submit(JOBS)
    found = plant.verdict()
    worker.kill()
    return found


CASE = Case(
    17, "A kind that the worker does not know", "it waits as `unknown_kind` until a worker knows it", run
)
