"""The runner: hear a bell, claim, run, finish, and ring again if work is left.

Who is right when two disagree: the database. What this process believes about a job ends with the answer of
`finish`; an outcome it does not keep belongs to an attempt that lost its lease. If we die on any line here,
burial or rescue gives the job to another.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from uuid import UUID

import structlog

from jobs import metrics, moved
from jobs.attempt import Claimed, Outcome, Place
from jobs.broker import ring
from jobs.conf import conf
from jobs.database import OwnDatabase
from jobs.early import STEP_SECONDS, Awaited
from jobs.failpoints import reach
from jobs.lifecycle.claim import Asking, claim_jobs
from jobs.lifecycle.limits import let_through_put_off
from jobs.registry import KINDS
from jobs.states import State
from workers.attempt import Attempts
from workers.events import Events
from workers.low_water import LowWater
from workers.pace import Pace
from workers.record import Record
from workers.recorder import AWAY, REPEAT_SECONDS
from workers.shared import FLAGS, HEARING, Drain

log = structlog.get_logger(__name__)


class Runner:
    """One worker child's way of doing jobs."""

    def __init__(self, holder: UUID, record: Record, events: Events) -> None:
        self.holder = holder
        self.events = events
        self.db = OwnDatabase("runner")
        self.attempts = Attempts(holder, self.db, record, events)
        self.leases = self.attempts.leases
        self.recorder = self.attempts.recorder
        self.pace = Pace()
        self.low_water = LowWater()
        self.is_unsure = False
        """Whether something may be held in our name of which we do not know."""
        self._look_again_at = math.inf

    def hear(self, queue: str, awaited: Awaited) -> None:
        """A bell rang: work for one slice, and ring if work is left."""
        try:
            if time.monotonic() >= self._look_again_at:
                self.recorder.hand_back_strays()
                self._look_again_at = math.inf
            if self._work(queue, awaited):
                ring(queue)
        except Exception as error:
            self.db.close()
            self.leases.drop_all()
            if isinstance(error, AWAY):
                log.warning("database_away", error=str(error).strip())
            else:
                log.exception("slice_failed", queue=queue)
            self._hand_back()
            ring(queue)
        finally:
            self.attempts.rest()
            self.events.flush()

    def _hand_back(self) -> None:
        """A claim may have committed unseen: nothing runs now, so what is held in our name is given away.

        Here and now, however long the database is away: the next bell may be another child's. And once more a
        heartbeat later: a commit that waits for a standby is seen by nobody, but goes through all the same.
        """
        self.is_unsure = True
        while self.is_unsure and FLAGS.drain is Drain.NONE:
            HEARING.busy(conf().lease_seconds)
            threading.Event().wait(REPEAT_SECONDS)
            self.try_to_hand_back()

    def try_to_hand_back(self) -> None:
        """Once; at the end of a child it is the last chance before its leases have to run out."""
        if not self.is_unsure:
            return
        try:
            self.recorder.hand_back_strays()
            self.is_unsure = False
            self._look_again_at = time.monotonic() + conf().heartbeat_seconds
        except Exception as error:  # noqa: BLE001 - whatever the database still has to get over
            self.db.close()
            log.warning("hand_back_repeated", error=str(error).strip())

    def _work(self, queue: str, awaited: Awaited) -> bool:
        """Claim, run and finish until the slice is over (True), or nothing is ready or awaited (False)."""
        ends_at = time.monotonic() + conf().slice_seconds
        ended: list[Outcome] = []
        HEARING.busy(conf().lease_seconds)
        for number in itertools.count():
            if FLAGS.drain is not Drain.NONE or (number and time.monotonic() >= ends_at):
                break
            limit = self.pace.batch(queue)
            looked_at = time.monotonic()
            jobs = self._next(queue, limit, ended)
            if not jobs:
                ended = []
                if not awaited.is_over(looked_at):
                    threading.Event().wait(STEP_SECONDS)
                elif time.monotonic() >= ends_at or not self.db.renew_plans():
                    return False
                continue  # with plans anew: this look makes them, and the next bell's need not
            awaited.saw(job.id for job in jobs)
            if number == 0 and len(jobs) >= limit and jobs[-1].has_more:
                ring(queue)  # the chain: one more child wakes, and does the same
            ended = self._run_batch(queue, jobs)
        self.recorder.finish(ended)
        let_through_put_off(db=self.db)
        return True

    def _next(self, queue: str, limit: int, ended: list[Outcome]) -> list[Claimed]:
        """Record what has ended, and claim what comes next."""
        kinds = {kind.name: kind.batch for kind in KINDS.all()}
        asking = Asking(queue=queue, holder=self.holder, kinds=kinds, limit=limit)

        def look(start: Place | None) -> list[Claimed]:
            nonlocal ended
            due, ended = ended, []
            if due:
                return self.recorder.exchange(due, asking, start)
            return claim_jobs(asking, start=start, db=self.db)

        reach("claim.before")
        jobs = self.low_water.claim(queue, look)
        if not jobs and let_through_put_off(db=self.db):
            jobs = self.low_water.claim(queue, look)
        if jobs:
            reach("claim.after_commit")
            kind = jobs[0].kind  # a claim takes jobs of one kind
            moved.tell(State.RUNNING, (job.id for job in jobs))
            metrics.count("started", kind, by=len(jobs))
            metrics.observe("wait", kind, [job.waited_seconds for job in jobs])
        return jobs

    def _run_batch(self, queue: str, jobs: list[Claimed]) -> list[Outcome]:
        """Run jobs one by one; record at least every `record_seconds`; hand back what did not start.

        The outcomes that are not recorded yet.
        """
        started = recorded_at = time.monotonic()
        seconds = hold_seconds(jobs)
        self.leases.hold({job.id: job.attempt for job in jobs}, seconds=seconds)
        HEARING.busy(seconds + conf().lease_seconds)  # by then it was ended, or will never end
        outcomes: list[Outcome] = []
        try:
            for place, job in enumerate(jobs):
                if FLAGS.drain is not Drain.NONE and place > 0:
                    self.recorder.release(jobs[place:])
                    break
                outcome = self.attempts.make(job)
                if outcome is not None:
                    outcomes.append(outcome)
                if time.monotonic() - recorded_at >= conf().record_seconds:
                    outcomes, due = [], outcomes
                    self.recorder.finish(due)
                    recorded_at = time.monotonic()
        except BaseException:
            self.recorder.finish(outcomes)
            raise
        finally:
            HEARING.busy(conf().lease_seconds)
        self.pace.measured(queue, jobs[0].kind, time.monotonic() - started, len(jobs))
        return outcomes


def hold_seconds(jobs: list[Claimed]) -> float:
    """How long a batch may at most be held: every job to its hard limit, one after the other."""
    grace = conf().grace_seconds
    limits = (kind.timeout.total_seconds() for job in jobs if (kind := KINDS.get(job.kind)))
    return sum(limit + 2 * grace for limit in limits)
