"""Carry: every event in the outbox becomes a job that delivers it.

Who is right when two disagree: the row of the delivery. It is locked while its job is made, and names that
job in the same transaction, so that it has one and only one. If we die on any line, the next timer does it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from uuid import UUID

from django.contrib.auth import get_user_model

from jobs.database import DJANGO, Database
from jobs.lifecycle.submit_many import submit_many
from jobs.outbox import CARRIER

CHUNK = 500
TURN_SECONDS = 0.25
"""How long one turn of a timer goes on while there is more."""

WAITING = """
    SELECT delivery.id, delivery.webhook_id, hook.owner_id
      FROM millrace_webhook_delivery AS delivery
      JOIN millrace_webhook AS hook ON hook.id = delivery.webhook_id
     WHERE delivery.carrier IS NULL
     ORDER BY delivery.at LIMIT %(chunk)s FOR UPDATE OF delivery SKIP LOCKED
"""
CARRY = """
    UPDATE millrace_webhook_delivery AS delivery SET carrier = given.job
      FROM unnest(%(ids)s::uuid[], %(jobs)s::uuid[]) AS given (id, job) WHERE delivery.id = given.id
"""


def carry_deliveries(*, db: Database = DJANGO) -> int:
    """Make jobs of what waits in the outbox; of how many events."""
    carried, until = 0, time.monotonic() + TURN_SECONDS
    while True:
        some = carry_some(db)
        carried += some
        if some < CHUNK or time.monotonic() > until:
            return carried


def carry_some(db: Database) -> int:
    """One transaction's worth of them."""
    with db.atomic():
        rows = db.rows(WAITING, {"chunk": CHUNK})
        by_owner: dict[int, list[tuple[UUID, UUID]]] = defaultdict(list)
        for delivery, webhook, owner in rows:
            by_owner[owner].append((delivery, webhook))
        for owner, mine in by_owner.items():
            jobs = submit_many(
                CARRIER,
                ({"webhook": str(webhook), "delivery": str(delivery)} for delivery, webhook in mine),
                owner=get_user_model()(pk=owner),
                door="webhook",
                db=db,
            )
            db.rows(CARRY, {"ids": [delivery for delivery, _ in mine], "jobs": jobs})
    return len(rows)
