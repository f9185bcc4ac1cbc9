"""A request's connection to the database, looked at before it is used: a system call instead of a question.

Django asks `SELECT 1` of a connection that is used again, in case its server hung up meanwhile. A server that
does says so, and its last words wait on the socket.
"""

from __future__ import annotations

from typing import Any

from django.db import connections

from jobs.database import hear_last_words


def look_at_connections(**_: Any) -> None:
    """Before a request: close those whose server is gone, so that they are opened anew; trust the others."""
    django: Any
    for django in connections.all(initialized_only=True):
        connection = django.connection
        if connection is None or django.in_atomic_block:
            continue
        hear_last_words(connection)
        if connection.closed or connection.broken:
            django.close()
        else:
            django.health_check_done = True
