"""Remote control: whether who reaches the broker can also stop workers."""

from __future__ import annotations

from celery_app import app
from jobs.doctor.finding import Seen, warning
from jobs.elsewhere import is_loopback

CLOSE = (
    "REMOTE_CONTROL=off for every worker"
    " (CELERY_WORKER_ENABLE_REMOTE_CONTROL = False in a project of your own)"
)


def look() -> Seen:
    """Settings alone; a worker that was started with others is not seen."""
    if not app.conf.worker_enable_remote_control:
        return Seen("closed; Flower sees less of the workers")
    broker = app.connection_for_write()
    host = str(broker.hostname or "")
    if is_loopback(host):
        return Seen("open, to this machine only")
    if broker.password and (broker.userid, broker.password) != ("guest", "guest"):
        return Seen(f"open, to whoever has the password of {host}")
    found = warning(
        "control.open",
        f"Remote control is open, and the broker {host} asks for no password of its own.",
        why="Whoever reaches it can stop workers and take their queues away (not: inject or read jobs).",
        remedy=f"A password for the broker, and a private network; or {CLOSE}",
    )
    return Seen("open, to whoever reaches the broker", [found])
