"""Is this process alive, and can it do its work? Answers for load balancers and orchestrators.

`/livez` says that the process answers. `/readyz` says whether people can be sent here: the database must be
reachable and migrated. A dead broker or cache makes it `degraded`, not unready: jobs are still accepted,
and they run once the broker is back. Neither tells a stranger more than these words.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import structlog
from django.conf import settings
from django.core.cache import caches
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, JsonResponse
from kombu import Connection

from jobs.database import OwnDatabase
from jobs.deadline import Question, Unanswered

log = structlog.get_logger()

ANSWER_SECONDS = 1.5
"""For all checks together, so that a probe with a limit of 2 s hears why."""
OK = "ok"
NO_ANSWER = "no answer"
UNREACHABLE = "unreachable"
NOT_MIGRATED = "not migrated"


def livez(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is looked at."""
    return HttpResponse("ok\n", content_type="text/plain", headers={"Cache-Control": "no-store"})


def readyz(request: HttpRequest) -> JsonResponse:
    """Whether people can be sent here, and what is wrong if not."""
    found = look()
    if found["database"] != OK:
        status = "unready"
    elif all(word == OK for word in found.values()):
        status = "ready"
    else:
        status = "degraded"
    code = 503 if status == "unready" else 200
    return JsonResponse({"status": status, **found}, status=code, headers={"Cache-Control": "no-store"})


def look() -> dict[str, str]:
    """One word for each thing we stand on; all are asked at once."""
    deadline = time.monotonic() + ANSWER_SECONDS
    asked = {name: question.start() for name, question in QUESTIONS.items()}
    found = {}
    for name, pending in asked.items():
        try:
            found[name] = pending.result(max(deadline - time.monotonic(), 0))
        except Unanswered:
            found[name] = NO_ANSWER
        except Exception as error:  # noqa: BLE001 - whatever the client library raises, it is unreachable
            log.warning("health_check_failed", part=name, error=str(error))
            found[name] = UNREACHABLE
    return found


def ask_database() -> str:
    """On a connection of its own: this thread may be left waiting on it."""
    db = OwnDatabase("health")
    try:
        rows = db.rows("SELECT app, name FROM django_migrations")
    finally:
        db.close()
    return OK if newest_migrations() <= set(rows) else NOT_MIGRATED


def ask_broker() -> str:
    """To make a connection to Redis is to ping it. Not `connect()`, which tries again and again."""
    limits = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS}
    options = limits if settings.BROKER_URL.startswith("redis") else {}
    broker = Connection(settings.BROKER_URL, connect_timeout=ANSWER_SECONDS, transport_options=options)
    broker.transport.close_connection(broker.transport.establish_connection())
    return OK


def ask_cache() -> str:
    """A key that nobody has."""
    caches["default"].get("health")
    return OK


@cache
def newest_migrations() -> frozenset[tuple[str, str]]:
    """The last migration of every app that is installed."""
    loader = MigrationLoader(None)
    return frozenset((str(app), str(name)) for app, name in loader.graph.leaf_nodes())


CHECKS: dict[str, Callable[[], str]] = {"database": ask_database, "broker": ask_broker, "cache": ask_cache}
QUESTIONS = {name: Question(name, ask, seconds=ANSWER_SECONDS) for name, ask in CHECKS.items()}
