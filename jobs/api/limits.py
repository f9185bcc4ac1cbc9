"""How much one person's programs may ask for: so many in a minute, and so many jobs that wait."""

from __future__ import annotations

import time

from django.http import HttpRequest

from jobs.api.auth import holder_of
from jobs.api.problems import Refused
from jobs.bucket import Level, draw
from jobs.conf import conf
from jobs.database import DJANGO

WAITING = """
    SELECT count(*) FROM (
        SELECT 1 FROM millrace_job
         WHERE owner_id = %(owner)s AND state IN ('scheduled', 'queued', 'retrying')
           AND kind <> 'webhooks.deliver'
         LIMIT %(most)s) AS line
"""
COUNT_SECONDS = 1.0
"""How long a count is believed; what this process accepts meanwhile is added to it."""
RETRY_AFTER = "30"
KEPT = 10_000

_counts: dict[int, tuple[int, float]] = {}


def are_submits_counted() -> bool:
    """Whether there is a limit or a quota."""
    return bool(conf().submits_per_minute or conf().waiting_quota)


def count_submits(request: HttpRequest, count: int = 1) -> None:
    """Count jobs and uploads before they are accepted; raises Busy, or Refused beyond the quota."""
    limited(request, "submits", conf().submits_per_minute, count)
    if conf().waiting_quota:
        check_quota(holder_of(request).user.pk, count)


def count_wait(request: HttpRequest) -> None:
    """Count an answer that is waited for; raises Busy."""
    limited(request, "waits", conf().waits_per_minute)


def count_stream(request: HttpRequest) -> None:
    """Count a stream of events; raises Busy."""
    limited(request, "streams", conf().streams_per_minute)


def limited(request: HttpRequest, what: str, per_minute: int, count: int = 1) -> None:
    """Draw from the bucket; what is left is told in the answer's headers."""
    if per_minute:
        level = draw(what, holder_of(request).name, per_minute=per_minute, count=count)
        if level is not None:
            request.levels = [*levels_of(request), level]  # type: ignore[attr-defined]


def levels_of(request: HttpRequest) -> list[Level]:
    """What this request has drawn from, in order."""
    return getattr(request, "levels", [])


def check_quota(owner: int, count: int) -> None:
    """Raises Refused where too many of this owner's jobs wait. Several processes may overshoot a little."""
    most = conf().waiting_quota
    waiting, until = _counts.get(owner, (0, 0.0))
    now = time.monotonic()
    if now > until:
        waiting = DJANGO.rows(WAITING, {"owner": owner, "most": most + 1})[0][0]
        until = now + COUNT_SECONDS
    if waiting + count > most:
        raise Refused(
            "quota",
            f"At most {most} of your jobs may wait at once. Submit more when some have begun.",
            headers={"Retry-After": RETRY_AFTER},
        )
    if len(_counts) >= KEPT:
        _counts.clear()
    _counts[owner] = (waiting + count, until)
