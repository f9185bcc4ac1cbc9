"""Queue failed or cancelled jobs again, with fresh budgets. By ids, or by a filter after a question."""

from __future__ import annotations

from django.db.models import Q

from jobs.lifecycle.retry import retry_jobs
from jobs.management.acts import Act
from jobs.states import REOPENABLE


class Command(Act):
    """Parse, ask, call the verb, print the ids."""

    help = __doc__ or ""
    verb = staticmethod(retry_jobs)
    does, done = "Retry", "queued again"
    fit = Q(state__in=REOPENABLE)
    why_not = "neither failed nor was cancelled"
