"""Cancel jobs: what waits at once, what runs at its next check. By ids, or by a filter after a question."""

from __future__ import annotations

from django.db.models import Q

from jobs.lifecycle.cancel import cancel_jobs
from jobs.management.acts import Act
from jobs.states import FINAL


class Command(Act):
    """Parse, ask, call the verb, print the ids."""

    help = __doc__ or ""
    verb = staticmethod(cancel_jobs)
    does, done = "Cancel", "cancelled"
    fit = ~Q(state__in=FINAL)
    why_not = "has ended already"
