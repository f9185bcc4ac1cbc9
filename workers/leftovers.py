"""What may be forgotten, area by area: how to find some of it, and how to delete what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db.models import Model, Q
from django.db.models.functions import Now

from jobs.artifacts import delete_artifacts, delete_files, expired_artifacts, orphan_files
from jobs.conf import conf
from jobs.lifecycle.limits import forget_keys, idle_keys
from jobs.lifecycle.purge import expired_jobs, purge_jobs
from jobs.mail.traffic import forget_traffic, idle_traffic
from jobs.models import IdempotencyKey, MailReport, Suppression, Tombstone
from jobs.webhooks.age import forget_deliveries, old_deliveries, orphan_deliveries

# A file is written before its row; younger ones may belong to an upload or a job that is still at it.
FILE_AGE = timedelta(hours=24)


@dataclass(frozen=True)
class Area:
    """One sort of leftovers. `find` names at most so many; `delete` answers how many of them went."""

    name: str
    find: Callable[[int], Sequence[Any]]
    delete: Callable[[Sequence[Any]], int]


def areas() -> list[Area]:
    """Every area of this installation, in the order in which they make work for each other."""
    return [
        Area("jobs", expired_jobs, lambda ids: len(purge_jobs(ids))),
        Area("uploads", expired_artifacts, lambda ids: len(delete_artifacts(ids))),
        Area("files", lambda limit: orphan_files(FILE_AGE, limit), delete_files),
        *_rows("sessions", "sessions", "Session", expire_date__lt=Now()),
        *_rows(
            "task_results",
            "django_celery_results",
            "TaskResult",
            date_done__lt=Now() - timedelta(days=conf().keep_failed_days),
        ),
        Area("deliveries", old_deliveries, forget_deliveries),
        Area("orphan_deliveries", orphan_deliveries, forget_deliveries),
        _area("suppressions", Suppression, Q(expires_at__lt=Now())),
        _area("reports", MailReport, Q(created_at__lt=Now() - timedelta(days=conf().keep_report_days))),
        _area("keys", IdempotencyKey, Q(expires_at__lt=Now())),
        Area("limits", idle_keys, forget_keys),
        Area("mail_traffic", idle_traffic, forget_traffic),
        _area("tombstones", Tombstone, Q(until__lt=Now())),
    ]


def _rows(name: str, app: str, model: str, **expired: Any) -> list[Area]:
    """Rows of an app that need not be installed."""
    return [_area(name, apps.get_model(app, model), Q(**expired))] if apps.is_installed(_APPS[app]) else []


_APPS = {"sessions": "django.contrib.sessions", "django_celery_results": "django_celery_results"}


def _area(name: str, model: type[Model], expired: Q) -> Area:
    rows = model._default_manager.filter(expired)
    return Area(
        name,
        lambda limit: list(rows.order_by("pk").values_list("pk", flat=True)[:limit]),
        # Still expired? A session may have been used since it was found.
        lambda ids: rows.filter(pk__in=ids).delete()[0],
    )
