"""Schedules: django-celery-beat's tables, whose firing submits a job like any other."""

from jobs.schedules.scheduler import Scheduler

__all__ = ["Scheduler"]
