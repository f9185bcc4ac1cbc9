"""Why a job waits: computed from the very predicates that hold it back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from jobs.database import DJANGO, Database
from jobs.lifecycle.known import LIVE, held, silent_seconds
from jobs.limit import from_json
from jobs.owners import with_names
from jobs.states import Reason

COUNTED = 1000
# All slots of the key at which it stands are taken: asked as the gate asks.
FULL = """
    EXISTS (SELECT 1 FROM millrace_limit AS known, jsonb_array_elements(job.limits) AS mine
             WHERE known.key = job.held_by AND mine ->> 0 = job.held_by
               AND (mine ->> 1)::int <= (
                   SELECT count(*) FROM millrace_job AS other WHERE other.id = ANY (known.holders)
                      AND (other.state = 'running' OR (other.state = 'queued' AND other.ready))))
"""
# What the items of a job that handed itself back wait for: the rows in which all workers count (jobs.mail).
TRAFFIC = """
    SELECT jsonb_build_object('key', known.key, 'at_once', known.at_once, 'starts', known.starts,
                              'seconds', known.seconds, 'is_full', known.at_once <= (
                                  SELECT count(*) FROM jsonb_object_keys(known.holders)),
                              'why', CASE WHEN known.off_times > 0 THEN known.off_why END)::text
      FROM millrace_item AS item JOIN millrace_mail_traffic AS known ON known.key = item.held_by
     WHERE item.job_id = job.id AND item.held_by IS NOT NULL AND job.state = 'scheduled' AND job.attempt > 0
     ORDER BY item.held_by, item.due LIMIT 1
"""
WHY = f"""
    SELECT job.id,
           CASE WHEN traffic.found::jsonb ->> 'is_full' = 'true'
                     AND traffic.found::jsonb ->> 'why' IS NULL THEN 'limit'
                WHEN traffic.found IS NOT NULL THEN 'rate'
                WHEN job.state = 'scheduled' THEN 'not_due'
                WHEN job.state = 'retrying' THEN 'backoff'
                WHEN EXISTS (SELECT 1 FROM millrace_queue WHERE name = job.queue AND is_paused) THEN 'paused'
                WHEN NOT EXISTS (
                    SELECT 1 FROM millrace_worker WHERE {LIVE} AND job.queue = ANY (queues)) THEN 'no_worker'
                WHEN {held("job.queue", "job.kind")} THEN 'unknown_kind'
                WHEN job.held_by IS NOT NULL AND {FULL} THEN 'limit'
                WHEN job.held_by IS NOT NULL THEN 'rate'
                ELSE 'behind' END,
           job.queue, job.kind, extract(epoch FROM job.run_at - clock_timestamp())::float8,
           (SELECT pause_reason FROM millrace_queue WHERE name = job.queue),
           (SELECT count(*) FROM (
                SELECT priority, turn, seq FROM millrace_job AS head
                 WHERE head.state = 'queued' AND head.ready AND head.queue = job.queue
                 ORDER BY priority DESC, turn, seq LIMIT {COUNTED}) AS ahead
             WHERE (-ahead.priority, ahead.turn, ahead.seq) < (-job.priority, job.turn, job.seq)),
           job.held_by, job.limits::text, traffic.found
      FROM millrace_job AS job LEFT JOIN LATERAL ({TRAFFIC}) AS traffic (found) ON true
     WHERE job.id = ANY (%(ids)s) AND job.state IN ('scheduled', 'queued', 'retrying')
"""  # noqa: S608 - constants of ours


class Waiting(NamedTuple):
    """A reason, and the sentence for people."""

    reason: Reason
    text: str


def waiting_reasons(ids: Sequence[UUID], *, db: Database = DJANGO) -> dict[UUID, Waiting]:
    """Why each of these jobs waits; a job that does not wait is not among them."""
    rows = db.rows(WHY, {"ids": list(ids), "silent": silent_seconds()})
    names = with_names({row[7] for row in rows if row[7]})
    return {row[0]: Waiting(Reason(row[1]), sentence(names.get(row[7], ""), *row[1:])) for row in rows}


def sentence(
    key: str,
    reason: str,
    queue: str,
    kind: str,
    seconds: float | None,
    why: str | None,
    ahead: int,
    held_by: str | None = None,
    limits: str | None = None,
    traffic: str | None = None,
) -> str:
    """What a person reads; `key` is the limit that holds it, as people read it."""
    if traffic is not None:
        return mail_waits(json.loads(traffic), seconds)
    bound = next((bound for bound in from_json(limits) if bound.key == held_by), None)
    match reason:
        case Reason.NOT_DUE:
            return f"Due in {span(seconds)}."
        case Reason.BACKOFF:
            return f"The last attempt failed; the next starts in {span(seconds)}."
        case Reason.PAUSED:
            return f"Queue {queue} is paused" + (f": {why}." if why else ".")
        case Reason.NO_WORKER:
            return f"No running worker listens to queue {queue}. Start one, and it begins at once."
        case Reason.UNKNOWN_KIND:
            return f"No running worker of queue {queue} knows {kind}. It begins when a newer worker starts."
        case Reason.LIMIT if bound is not None:
            return f"{bound.at_once} at once for {key}, and all of these slots are taken."
        case Reason.RATE if bound is not None and bound.seconds is not None:
            often = f"{bound.starts} every {exactly(bound.seconds)}"
            return f"{often} for {key}: it waits for the next start."
        case _ if ahead == 0:
            return f"Next in queue {queue}."
        case _:
            many = f"{COUNTED:,} or more" if ahead >= COUNTED else f"{ahead:,}"
            return f"Behind {many} other{'s' if ahead != 1 else ''} in queue {queue}."


def mail_waits(traffic: Mapping[str, Any], seconds: float | None) -> str:
    """The same, where recipients of its mail wait: whose limit, or who asked to be left alone."""
    what, _, name = traffic["key"].partition("=")
    through = f"mail to {name}" if what == "domain" else "mail in all"
    then = f"The next is tried in {span(seconds)}."
    if traffic["why"]:
        whose = f"{name} is left alone for a while: " if what == "domain" else ""
        return f"{whose}{traffic['why'].rstrip('.')}. {then}"
    if traffic["is_full"]:
        return f"{traffic['at_once']} at once for {through}, and all of these places are taken. {then}"
    if traffic["seconds"] is None:
        return f"Others come first with {through}. {then}"
    often = f"{traffic['starts']} every {exactly(traffic['seconds'])}"
    return f"{often} for {through}, and these are used up. {then}"


def exactly(seconds: float) -> str:
    """A period as it was declared."""
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size and seconds % size == 0:
            many = int(seconds // size)
            return name if many == 1 else f"{many} {name}s"
    return f"{seconds:g} seconds"


def span(seconds: float | None) -> str:
    """A duration as one says it."""
    left = max(0, round(seconds or 0))
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if left >= 2 * size:
            return f"{left // size} {name}s"
    return "a moment" if left == 0 else f"{left} second{'s' if left != 1 else ''}"
