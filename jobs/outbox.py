"""The outbox: what webhook endpoints are to hear of, written by the very statement that moves a job.

So there is no moment in which a job has ended and its event is not kept. Where nobody listens nothing is
written. Who carries the events out is `jobs.webhooks`; a delivery is a job too, and makes no event itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from jobs.database import Database

CARRIER = "webhooks.deliver"
"""The kind that delivers."""

# The function (a migration's) writes a row for each job and each endpoint that wants to hear of it. It is not
# even called where there is no endpoint: then this costs a look at an empty table for each statement.
TOLD = """
    CASE WHEN EXISTS (SELECT 1 FROM millrace_webhook WHERE is_enabled)
         THEN millrace_tell_webhooks(array_agg(id)) END AS told
"""
"""To be selected from the ids that were moved."""
TELL = f"SELECT {TOLD} FROM unnest(%(ids)s::uuid[]) AS moved (id)"  # noqa: S608 - constants of ours


def tell(jobs: Sequence[UUID], *, db: Database) -> None:
    """The same for jobs that were moved in the transaction at hand."""
    if jobs:
        db.rows(TELL, {"ids": list(jobs)})
