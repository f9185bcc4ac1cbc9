"""The schedules that an installation begins with; made once by a migration, then the adopter's to change."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.utils import timezone

DEFAULTS: list[dict[str, Any]] = [
    {
        "name": "Nightly cleanup",
        "task": "cleanup.run",
        "payload": {"dry_run": False},
        "minute": "0",
        "hour": "3",
        "description": "Forgets jobs, files and sessions whose time is over.",
    },
    {
        "name": "Hourly activity report",
        "task": "reports.build",
        "payload": {"period": "hour"},
        "minute": "0",
        "hour": "*",
        "description": "What the system did in the last hour. Kept as long as any job that succeeded: "
        "KEEP_SUCCEEDED_DAYS, a week.",
    },
]


def make_defaults(apps: Any) -> None:
    """Make those that are not there; what is there, edited or switched off, stays as it is."""
    crontabs = apps.get_model("django_celery_beat", "CrontabSchedule").objects
    schedules = apps.get_model("django_celery_beat", "PeriodicTask").objects
    for given in DEFAULTS:
        if schedules.filter(name=given["name"]).exists():
            continue
        times = {"minute": given["minute"], "hour": given["hour"], "timezone": settings.TIME_ZONE}
        # Not get_or_create: people may have made the same crontab several times.
        crontab = crontabs.filter(**times).first() or crontabs.create(**times)
        schedules.create(
            name=given["name"],
            task=given["task"],
            kwargs=json.dumps(given["payload"]),
            crontab=crontab,
            description=given["description"],
        )
    # A migration's models send no signals; this is what tells a running Beat.
    apps.get_model("django_celery_beat", "PeriodicTasks").objects.update_or_create(
        ident=1, defaults={"last_update": timezone.now()}
    )
