"""The age of deliveries: the log is kept for a time, and then forgotten with its tries."""

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
FORGET = """
    WITH gone AS (DELETE FROM millrace_webhook_delivery WHERE id = ANY (%(ids)s) RETURNING id),
    tries AS (DELETE FROM millrace_webhook_try WHERE delivery_id = ANY (%(ids)s))
    SELECT id FROM gone
"""


def old_deliveries(limit: int, *, db: Database = DJANGO) -> list[UUID]:
    """The oldest of those whose time is over, whatever became of them."""
    params = {"limit": limit, "seconds": conf().keep_delivery_days * DAY}
    return [row[0] for row in db.rows(OLD, params)]


def forget_deliveries(ids: Sequence[UUID], *, db: Database = DJANGO) -> int:
    """Forget these, with their tries; how many went."""
    return len(db.rows(FORGET, {"ids": list(ids)}))
