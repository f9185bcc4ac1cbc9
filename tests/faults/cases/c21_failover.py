"""Case 21: a failover to a standby that was behind: the last claims never happened."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.judge import Budgets
from tests.faults.lab import Lab
from tests.faults.standby import Standby

DONE = 60
RUNNING = 4
DEAF = 2
"""Of the running ones: so many look at nothing while they run, and offer their outcome at the end."""


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
        keys = [lab.submit("test.once", gate=str(gate)) for _ in range(RUNNING - DEAF)]
        keys += [lab.submit("test.fault", do="wait", gate=str(gate)) for _ in range(DEAF)]
        position = lab.sql("SELECT pg_current_wal_lsn()::text")[0][0]
        lab.eventually(lambda: standby.has(position), what="the standby has it all")
        replication.cut()

        old = lab.worker(slots=RUNNING, **lab.postgres_at(way))
        lab.running(RUNNING)
        before, done = holders(lab), lab.count("succeeded")
        lab.postgres.kill()
        standby.promote()
        lab.fail_over(standby)
        way.target = standby.port
        way.reset()
        lab.struck()
        lost = RUNNING - lab.count("running")
        new = lab.worker(slots=RUNNING, **lab.postgres_at(way))
        # All of them: what is still queued when the gate opens, the old holders may claim anew, and rightly.
        lab.eventually(lambda: len(holders(lab) - before) == RUNNING, what="others claim them")
        new.signal_group(signal.SIGSTOP)  # so that the old holders are the first to offer their outcomes
        gate.touch()
        lab.eventually(
            lambda: lab.count("succeeded") > done or old.log.read_text().count("outcome_dropped") == DEAF,
            what="the old holders learn",
        )
        new.signal_group(signal.SIGCONT)
        verdict = lab.judge(Budgets(undone=1))
        dropped = old.log.read_text().count("outcome_dropped")
        for worker in (old, new):
            worker.stop()
        found = row(
            "failover", f"{RUNNING} claims lost with the primary; two holders of one attempt number", verdict,
            note=f"{lost} claims were undone; {dropped} outcomes of old holders were refused",
            control_note="its claims are in the broker: no such moment",
        )  # fmt: skip
        expect(found, lost == RUNNING, f"only {lost} claims were lost: the case proves nothing")
        # The audit cannot tell: a finish that a worse guard lets in moves the row of the new holder.
        expect(found, dropped == DEAF, f"{dropped} of {DEAF} late outcomes were refused")
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
