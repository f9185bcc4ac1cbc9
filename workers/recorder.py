"""The recorder: bring outcomes to the database, however long it is away, and hand jobs back.

Who is right when two disagree: the database. A commit whose answer was lost is simply offered again: if it
went through, the guard finds nothing to do twice. If we die here, burial or rescue gives the jobs away.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import structlog

from jobs import artifacts
from jobs.attempt import Claimed, Outcome, Place
from jobs.database import OwnDatabase
from jobs.errors import NotYet
from jobs.lifecycle.claim import Asking, claim_jobs
from jobs.lifecycle.exchange import exchange_jobs
from jobs.lifecycle.finish import finish_jobs, is_plain
from jobs.lifecycle.release import held_by, release_jobs
from jobs.states import Code, State
from workers.events import Events
from workers.lease import Leases
from workers.shared import FLAGS, Drain

log = structlog.get_logger(__name__)

AWAY = (psycopg.OperationalError, psycopg.InterfaceError)
"""What a database that is away, or full, raises."""
PASSING = (*AWAY, psycopg.InternalError, psycopg.ProgrammingError)
"""What may pass as well: read-only after a failover, a table in the middle of a migration."""
LEAST_SECONDS = 0.01
"""A job that has to wait is never ready at once."""
NOT_FREE = "What it needs is not free yet."
"""Said of one whose kind does not say what it waits for."""
REPEAT_SECONDS = 0.5
"""How often an outcome is offered again to a database that is away."""


class Recorder:
    """One worker child's last word about its jobs."""

    def __init__(self, holder: UUID, db: OwnDatabase, leases: Leases, events: Events) -> None:
        self.holder = holder
        self.db = db
        self.leases = leases
        self.events = events

    def finish(self, outcomes: list[Outcome]) -> None:
        """Record outcomes; one that nothing can record fails, and takes no neighbour with it."""
        if not outcomes:
            return
        try:
            self._offer(outcomes)
        except Exception as error:  # noqa: BLE001 - whatever one result is made of
            if len(outcomes) == 1:
                self._give_up(outcomes[0], error)
            else:
                for outcome in outcomes:
                    self.finish([outcome])

    def exchange(self, outcomes: list[Outcome], asking: Asking, start: Place | None) -> list[Claimed]:
        """Record outcomes and claim the next jobs, in one statement where the outcomes allow it.

        Raises what a database that is away raises, or what nobody thought of, but only after the outcomes are
        recorded: what was claimed unseen is the caller's to hand back.
        """
        if not is_plain(outcomes):
            self.finish(outcomes)
            return claim_jobs(asking, start=start, db=self.db)
        try:
            kept, jobs = exchange_jobs(outcomes, asking, start=start, db=self.db)
        except PASSING:
            self.db.close()
            self.finish(outcomes)
            raise
        except psycopg.Error:  # the statement was refused, for whatever one result is made of
            self.finish(outcomes)
            return claim_jobs(asking, start=start, db=self.db)
        except Exception:
            self.finish(outcomes)
            raise
        self._tell(outcomes, kept, is_sure=True)
        if not jobs and any(outcome.limits for outcome in kept):
            return claim_jobs(asking, start=start, db=self.db)  # who waited for the slot is in the line now
        return jobs

    def release(self, jobs: list[Claimed]) -> None:
        """Hand jobs back, uncharged."""
        released = release_jobs({job.id: job.attempt for job in jobs}, holder=self.holder, db=self.db)
        self.leases.drop([job.id for job in jobs])
        log.info("jobs_released", jobs=len(released))

    def put_aside(self, job: Claimed, why: NotYet) -> None:
        """Hand one back, uncharged, until what it needs may be free.

        What waits for nothing but another worker is ready at once: one that stops does not claim it again.
        """
        least = LEAST_SECONDS if FLAGS.drain is Drain.NONE else 0.0
        seconds = max(least, why.again_in.total_seconds())
        held = {job.id: job.attempt}
        reason = str(why) or NOT_FREE
        release_jobs(held, holder=self.holder, again_in_seconds=seconds, why=reason, db=self.db)
        self.leases.drop([job.id])
        log.info("job_put_aside", kind=job.kind, seconds=round(seconds, 3), reason=reason)

    def hand_back_strays(self) -> None:
        """Release leases in our name for jobs we know nothing of: a claim whose answer was lost."""
        strays = {row[0]: row[2] for row in held_by(self.holder, db=self.db)}
        release_jobs(strays, holder=self.holder, db=self.db)
        self.leases.drop_all()

    def discard(self, saved: Sequence[Any]) -> None:
        """Delete files that no outcome shows; what the storage does not delete is swept later."""
        try:
            artifacts.discard(saved)
        except Exception as error:  # noqa: BLE001 - storages raise what they like
            log.warning("files_left", error=str(error))

    def _offer(self, outcomes: list[Outcome]) -> None:
        """Until the database answers, or the worker is told to quit."""
        is_repeated = False
        while True:
            try:
                kept = finish_jobs(outcomes, holder=self.holder, db=self.db)
            except PASSING as error:
                # The commit may have gone through unseen: then the guard finds nothing to do twice.
                self.db.close()
                is_repeated = True
                log.warning("finish_repeated", jobs=len(outcomes), error=str(error).strip())
                if FLAGS.drain is Drain.RELEASE:
                    return
                threading.Event().wait(REPEAT_SECONDS)
                continue
            self._tell(outcomes, kept, is_sure=not is_repeated)
            return

    def _tell(self, outcomes: list[Outcome], kept: list[Outcome], *, is_sure: bool) -> None:
        self.leases.drop([outcome.job for outcome in outcomes])
        for outcome in kept:
            self.events.ended(outcome)
        if not is_sure:  # after an unknown commit the files may be visible: the sweep of files decides
            return
        known = {outcome.job for outcome in kept}
        for outcome in outcomes:
            if outcome.job not in known:
                self.discard(outcome.artifacts)

    def _give_up(self, outcome: Outcome, error: Exception) -> None:
        """The result is nothing the database can keep: the job fails, and says so."""
        self.db.close()
        self.discard([file for file in outcome.artifacts if isinstance(file, artifacts.Saved)])
        log.error("result_not_kept", kind=outcome.kind, job_id=str(outcome.job), error=str(error).strip())
        text = f"The result could not be recorded: {type(error).__name__}: {error}"
        plain = replace(
            outcome, state=State.FAILED, code=Code.ERROR, error=text, trace="", result=None, artifacts=[]
        )
        try:
            self._offer([plain])
        except Exception:
            self.leases.drop([outcome.job])  # the lease runs out, and rescue counts the attempt as lost
            log.exception("outcome_lost", job_id=str(outcome.job))
