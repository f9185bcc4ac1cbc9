"""This process rings at another broker for a while, and leaves no trace of it in Celery's settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from celery_app import app
from jobs.broker import RINGER


@contextmanager
def broker_at(url: str) -> Iterator[None]:
    """What was set is taken back whole: a setting that stays, even to the same address, hides later ones."""
    before = dict(app.conf.changes)
    app.conf.broker_url = app.conf.broker_write_url = url
    hang_up()
    try:
        yield
    finally:
        hang_up()
        app.conf.changes.clear()
        app.conf.changes.update(before)
        forget_pools()


def hang_up() -> None:
    """The next bell and the next plain task go through new connections."""
    assert RINGER.flush(10)
    RINGER._drop_connection()
    forget_pools()


def forget_pools() -> None:
    """Celery keeps its producers for ever."""
    app._pool = None
    app.amqp._producer_pool = None
