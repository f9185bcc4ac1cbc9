"""Draw what runs where: who asks, what keeps, what rings, who works, and what waits in front of whom."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from celery_app import app
from jobs.doctor.mask import mask
from jobs.doctor.words import span
from jobs.lifecycle.known import silent_seconds
from jobs.lines import queue_lines, worker_lines
from jobs.management.door import Door
from jobs.management.drawing import Ends, drawn
from jobs.models import Beat


class Command(Door):
    """As the database knows it at this moment; nobody else is asked."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        ends = Ends(settings.PUBLIC_URL, beats(), database(), broker())
        self.stdout.write("\n".join(drawn(ends, queue_lines(), worker_lines())))


def beats() -> list[str]:
    """Each that was heard of late."""
    told = {beat: (timezone.now() - beat.beat_at).total_seconds() for beat in Beat.objects.all()}
    return [
        f"{beat.name}, process {beat.pid}, heard {span(max(0, ago))} ago"
        for beat, ago in told.items()
        if ago < silent_seconds()
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
    return ", ".join(mask(str(address)).replace("***@", "") for address in addresses)
