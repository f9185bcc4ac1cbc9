"""The result backend, where attempts that failed leave their trace and plain tasks their results."""

from __future__ import annotations

from celery_app import app
from jobs.doctor.examine import first_line
from jobs.doctor.finding import Seen, problem
from jobs.doctor.mask import mask

NOBODYS = "millrace-doctor"


def look() -> Seen:
    """Ask for a result that nobody has."""
    name = mask(str(app.conf.result_backend or "none"))
    if not app.conf.result_backend or name.startswith("disabled"):
        return Seen("none: plain tasks keep no results, failed attempts are on their job's page")
    if name.startswith("rpc"):
        return Seen(f"{name} is the broker itself")
    try:
        app.backend.get_task_meta(NOBODYS)
    except Exception as error:  # noqa: BLE001 - every backend raises its own
        found = problem(
            "results.away",
            f"{name} gives no answer: {mask(first_line(error))}",
            why="Results of plain tasks cannot be read or kept; jobs keep theirs themselves.",
            remedy="Start it, or correct CELERY_RESULT_BACKEND ('django-db' is the database)",
        )
        return Seen(f"{name} gives no answer", [found])
    return Seen(f"{name} answers")
