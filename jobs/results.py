"""TaskResult rows (django-celery-results): the attempts that failed or were lost, and their job's success.

A row's id is `<job>:<attempt>`. With `keep_results = all` every outcome is kept, also under the job's own
id, so that `AsyncResult(job_id)` answers. Raw SQL: the ORM costs 520 µs a row, this 200 µs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from jobs.conf import conf
from jobs.database import Database
from jobs.text import storable

KEEP = """
    INSERT INTO django_celery_results_taskresult
           (task_id, task_name, task_args, task_kwargs, status, worker, content_type, content_encoding,
            result, traceback, meta, periodic_task_name, date_created, date_started, date_done)
    SELECT r.task_id, r.kind, '', '', r.status, %(worker)s, 'application/json', 'utf-8',
           r.result, r.trace, r.meta, NULL, coalesce(job.created_at, clock_timestamp()), job.started_at,
           clock_timestamp()
      FROM unnest(%(ids)s::text[], %(jobs)s::uuid[], %(kinds)s::text[], %(statuses)s::text[],
                  %(results)s::text[], %(traces)s::text[], %(metas)s::text[])
           AS r (task_id, job, kind, status, result, trace, meta)
      LEFT JOIN millrace_job AS job ON job.id = r.job
    ON CONFLICT (task_id) DO UPDATE
       SET status = excluded.status, result = excluded.result, traceback = excluded.traceback,
           meta = excluded.meta, date_started = excluded.date_started, date_done = excluded.date_done
"""
TRACES = 10
"""Of so many attempts, the newest ones."""
TRACE = """
    SELECT task_id, traceback FROM django_celery_results_taskresult
     WHERE task_id = ANY (%(ids)s) AND traceback <> ''
"""
ATTEMPTS = """
    SELECT task_id, status, result, traceback, date_started FROM django_celery_results_taskresult
     WHERE task_id = ANY (%(ids)s)
"""
STATUSES = {"succeeded": "SUCCESS", "failed": "FAILURE", "retrying": "RETRY", "cancelled": "REVOKED"}


class Attempt(NamedTuple):
    """What is kept of one attempt."""

    is_failure: bool
    error: str
    trace: str
    started_at: datetime | None

    @classmethod
    def read(cls, status: str, result: str | None, trace: str | None, started_at: datetime | None) -> Attempt:
        if status == STATUSES["succeeded"]:
            return cls(False, "", "", started_at)
        found = json.loads(result or "{}")
        return cls(True, " ".join(map(str, found.get("exc_message", []))), trace or "", started_at)


class Ended(Protocol):
    """What is needed of an outcome."""

    job: UUID
    kind: str
    attempt: int
    state: Any
    code: Any
    error: str
    trace: str
    result: str | None
    was_troubled: bool


def keeps_all() -> bool:
    """Whether every outcome leaves a row."""
    return conf().keep_results == "all"


def keep(ended: Sequence[Ended], *, db: Database, worker: str = "") -> None:
    """Write the rows, in the transaction of the outcomes."""
    rows: list[tuple[str, Ended]] = []
    for outcome in ended:
        if keeps_all() or outcome.was_troubled or outcome.state != "succeeded":
            rows.append((f"{outcome.job}:{outcome.attempt}", outcome))
        if keeps_all():
            rows.append((str(outcome.job), outcome))
    write(rows, db=db, worker=worker)


def keep_jobs(ended: Sequence[Ended], *, db: Database) -> None:
    """The rows under their own ids of jobs that ended between two attempts, where all are kept."""
    if keeps_all():
        write([(str(outcome.job), outcome) for outcome in ended], db=db)


def write(rows: Sequence[tuple[str, Ended]], *, db: Database, worker: str = "") -> None:
    """Rows by their ids; a later word replaces an earlier one."""
    if not rows:
        return
    db.rows(
        KEEP,
        {
            "worker": worker,
            "ids": [name for name, _ in rows],
            "jobs": [o.job for _, o in rows],
            "kinds": [o.kind for _, o in rows],
            "statuses": [STATUSES[str(o.state)] for _, o in rows],
            "results": [result_text(o) for _, o in rows],
            "traces": [storable(o.trace) or None for _, o in rows],
            "metas": [json.dumps({"children": [], "code": str(o.code)}) for _, o in rows],
        },
    )


def traces(job: UUID, attempts: int, *, db: Database) -> list[tuple[int, str]]:
    """Where attempts were when they failed or were ended, the newest first: attempt and traceback."""
    newest = [f"{job}:{number}" for number in range(max(1, attempts - TRACES + 1), attempts + 1)]
    rows = db.rows(TRACE, {"ids": newest})
    found = [(int(task.rpartition(":")[2]), trace) for task, trace in rows]
    return sorted(found, reverse=True)


def attempts(job: UUID, count: int, *, db: Database) -> list[Attempt]:
    """What is kept of its attempts, in their order: those that failed or were lost, and what came after."""
    ids = [f"{job}:{number}" for number in range(1, count + 1)]
    kept = {row[0]: row for row in db.rows(ATTEMPTS, {"ids": ids})}
    return [Attempt.read(*kept[id][1:]) for id in ids if id in kept]


def result_text(outcome: Ended) -> str:
    """What Celery's JSON result looks like: the value, or the error as exc_type and message."""
    if outcome.state == "succeeded":
        return outcome.result or "null"
    name = outcome.trace.strip().rsplit("\n", 1)[-1].split(":")[0].rsplit(".", 1)[-1] or "JobError"
    return json.dumps({"exc_type": name, "exc_message": [storable(outcome.error)], "exc_module": "builtins"})
