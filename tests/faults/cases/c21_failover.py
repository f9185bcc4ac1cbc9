"""Case 21: a failover to a standby that was behind: the last claims never happened."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.lab import Lab
from tests.faults.standby import Standby

DONE = 60
RUNNING = 4


def run(size: Size) -> Iterator[Row]:
    """Jobs are replicated, their claims are not; the old holders live on beside the new ones."""
    with Lab() as lab:
        replication = lab.proxy(lab.postgres.port)
        standby = Standby(lab.folder / "standby", replication.port).start()
        lab.closing(standby.kill)
        way = lab.proxy(lab.postgres.port)
        gate = lab.folder / "gate"

        first = lab.worker(**lab.postgres_at(way))
        lab.submit_mix(size.of(DONE, 12))
        lab.drain()
        first.stop()
        keys = [lab.submit("test.once", gate=str(gate)) for _ in range(RUNNING)]
        position = lab.sql("SELECT pg_current_wal_lsn()::text")[0][0]
        lab.eventually(lambda: standby.has(position), what="the standby has it all")
        replication.cut()

        old = lab.worker(slots=RUNNING, **lab.postgres_at(way))
        lab.running(RUNNING)
        before = holders(lab)
        lab.postgres.kill()
        standby.promote()
        lab.fail_over(standby)
        way.target = standby.port
        way.reset()
        lab.struck()
        lost = RUNNING - lab.count("running")
        new = lab.worker(slots=RUNNING, **lab.postgres_at(way))
        lab.running(RUNNING)  # by others: the old holders are busy with what they lost
        gate.touch()
        verdict = lab.judge()
        for worker in (old, new):
            worker.stop()
        found = row(
            "failover", f"{RUNNING} claims lost with the primary; two holders of one attempt number", verdict,
            note=f"{lost} claims were undone; the old holders' outcomes were refused",
            control_note="its claims are in the broker: no such moment",
        )  # fmt: skip
        expect(found, lost == RUNNING, f"only {lost} claims were lost: the case proves nothing")
        finishers = {change.holder for change in lab.changes() if change.after == "succeeded"}
        expect(found, not finishers & before, "an old holder's finish was accepted")
        ended = [lab.state(key) for key in keys]
        yield expect(found, ended == ["succeeded"] * RUNNING, f"they ended as {ended}")


def holders(lab: Lab) -> set[object]:
    """Who holds a job now."""
    return {found[0] for found in lab.sql("SELECT holder FROM millrace_job WHERE holder IS NOT NULL")}


CASE = Case(
    21,
    "A failover that loses the last claims",
    "one finisher by holder; what was confirmed and replicated is not lost",
    run,
)
