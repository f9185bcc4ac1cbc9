"""Draw what runs where: who asks, what keeps, what rings, who works, and what waits in front of whom."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection

from celery_app import app
from jobs.database import DJANGO
from jobs.doctor.beat import BEATS, Beat
from jobs.doctor.mask import bare
from jobs.doctor.words import span
from jobs.lines import queue_lines, worker_lines
from jobs.management.door import Door
from jobs.management.drawing import Ends, drawn


class Command(Door):
    """As the database knows it at this moment; nobody else is asked."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        ends = Ends(settings.PUBLIC_URL, beats(), database(), broker())
        self.stdout.write("\n".join(drawn(ends, queue_lines(), worker_lines())))


def beats() -> list[str]:
    """Each that was heard of late."""
    beats = [Beat(*row) for row in DJANGO.rows(BEATS)]
    return [
        f"{beat.name}, process {beat.pid}, heard {span(beat.silent)} ago" for beat in beats if beat.is_heard
    ]


def database() -> str:
    """Which server, and where."""
    with connection.cursor() as cursor:
        info = cursor.connection.info
        version = info.parameter_status("server_version") or "?"
        return f"PostgreSQL {version.split()[0]} at {info.host}:{info.port}/{info.dbname}"


def broker() -> str:
    """As it is configured, each server of several, without who signs in."""
    connection = app.connection_for_write()
    addresses = connection.alt or [connection.as_uri()]
    return ", ".join(bare(str(address)) for address in addresses)
