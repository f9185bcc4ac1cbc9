"""Replay: tell an endpoint again, under the same id; and a test, to try it out.

Nothing is sent here: a delivery that has no carrier gets one at the next turn of a timer.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from jobs.database import DJANGO, Database
from jobs.errors import NotPossible
from jobs.models import Webhook, WebhookDelivery
from jobs.webhooks.message import TEST

# Not what is still under way. A carrier that was purged had ended.
REPLAY = """
    UPDATE millrace_webhook_delivery AS delivery SET carrier = NULL, delivered_at = NULL
     WHERE webhook_id = %(webhook)s AND id = coalesce(%(id)s, id) AND carrier IS NOT NULL
       AND (%(since)s::timestamptz IS NULL OR (delivered_at IS NULL AND at >= %(since)s))
       AND NOT EXISTS (SELECT 1 FROM millrace_job AS job WHERE job.id = delivery.carrier
                          AND job.state IN ('scheduled', 'queued', 'running', 'retrying'))
    RETURNING id
"""


def replay_delivery(webhook: Webhook, id: UUID, *, db: Database = DJANGO) -> None:
    """Send this one again, delivered or not; raises NotPossible while it is under way, or it is off."""
    check_enabled(webhook)
    if not db.rows(REPLAY, {"webhook": webhook.pk, "id": id, "since": None}):
        raise NotPossible("This delivery is still under way. Wait until it was delivered or given up.")


def replay_failed(webhook: Webhook, since: datetime, *, db: Database = DJANGO) -> int:
    """Send again whatever failed since then; how many that are."""
    check_enabled(webhook)
    return len(db.rows(REPLAY, {"webhook": webhook.pk, "id": None, "since": since}))


def send_test(webhook: Webhook) -> WebhookDelivery:
    """A delivery about no job."""
    check_enabled(webhook)
    delivery = WebhookDelivery.objects.create(webhook=webhook, event=TEST)
    delivery.refresh_from_db()
    return delivery


def check_enabled(webhook: Webhook) -> None:
    """Raise NotPossible for an endpoint that is told nothing."""
    if not webhook.is_enabled:
        raise NotPossible("This endpoint is switched off. Enable it first.")
