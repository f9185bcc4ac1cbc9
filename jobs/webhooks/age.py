"""The age of deliveries: the log is kept for a time and no longer than its endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from jobs.conf import conf
from jobs.database import DJANGO, Database

DAY = 86_400.0
# statement_timestamp(), because no index is asked about a clock that moves while it is read.
OLD = """
    SELECT id FROM millrace_webhook_delivery
     WHERE at < statement_timestamp() - make_interval(secs => %(seconds)s) ORDER BY at LIMIT %(limit)s
"""
# Steps from endpoint to endpoint along the index of their logs, so that a long log costs one look.
ORPHANS = """
    WITH RECURSIVE told (webhook) AS (
        (SELECT webhook_id FROM millrace_webhook_delivery ORDER BY webhook_id LIMIT 1)
        UNION ALL
        SELECT (SELECT webhook_id FROM millrace_webhook_delivery
                 WHERE webhook_id > told.webhook ORDER BY webhook_id LIMIT 1)
          FROM told WHERE told.webhook IS NOT NULL
    )
    SELECT delivery.id
      FROM told JOIN millrace_webhook_delivery AS delivery ON delivery.webhook_id = told.webhook
     WHERE NOT EXISTS (SELECT FROM millrace_webhook AS hook WHERE hook.id = told.webhook) LIMIT %(limit)s
"""
FORGET = """
    WITH gone AS (DELETE FROM millrace_webhook_delivery WHERE id = ANY (%(ids)s) RETURNING id),
    tries AS (DELETE FROM millrace_webhook_try WHERE delivery_id = ANY (%(ids)s))
    SELECT id FROM gone
"""


def old_deliveries(limit: int, *, db: Database = DJANGO) -> list[UUID]:
    """The oldest of those whose time is over, whatever became of them."""
    params = {"limit": limit, "seconds": conf().keep_delivery_days * DAY}
    return [row[0] for row in db.rows(OLD, params)]


def orphan_deliveries(limit: int, *, db: Database = DJANGO) -> list[UUID]:
    """Some of those whose endpoint was deleted, itself or with its owner."""
    return [row[0] for row in db.rows(ORPHANS, {"limit": limit})]


def forget_deliveries(ids: Sequence[UUID], *, db: Database = DJANGO) -> int:
    """Forget these, with their tries; how many went."""
    return len(db.rows(FORGET, {"ids": list(ids)}))
