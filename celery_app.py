"""A configured Celery client that knows no job: `celery -A celery_app worker`."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")

SOCKET_SECONDS = 2.0
"""No call to the broker may take longer: redis-py has no time limit of its own, and a frozen Redis once
held a web request for 40 s."""
HEALTH_SECONDS = 5
"""How often a connection to Redis that seems to wait is asked whether it lives."""

DEFAULTS: dict[str, object] = {
    "accept_content": ["json"],
    "task_serializer": "json",
    "result_serializer": "json",
    "task_ignore_result": True,
    "task_default_queue": "tasks",
    "worker_prefetch_multiplier": 1,
    "worker_consumer": "workers.consumer:Consumer",
    "worker_hijack_root_logger": False,
    "worker_enable_remote_control": True,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_connection_timeout": SOCKET_SECONDS,
    "broker_transport_options": {
        "socket_timeout": SOCKET_SECONDS,
        "socket_connect_timeout": SOCKET_SECONDS,
        "socket_keepalive": True,
        # A consumer that waits on a half-open connection gives it up after 2 x this + 1 s; kombu's
        # 25 s would be 51.
        "health_check_interval": HEALTH_SECONDS,
        # The same limits in the words of RabbitMQ's client.
        "read_timeout": SOCKET_SECONDS,
        "write_timeout": SOCKET_SECONDS,
    },
    "result_expires": None,
}
UNSET = object()

app = Celery("millrace")


def defaults() -> dict[str, object]:
    """Ours, as far as a project does not set them: of a dictionary that it sets, the keys that it leaves out.

    Celery asks defaults before a project's own CELERY_… settings, so what a project set is not among them.
    """
    found: dict[str, object] = {}
    for name, ours in DEFAULTS.items():
        theirs = app.loader.conf.get(f"CELERY_{name.upper()}", UNSET)
        if theirs is UNSET:
            found[name] = ours
        elif isinstance(ours, dict) and isinstance(theirs, dict):
            found[name] = {**ours, **theirs}
    return found


app.add_defaults(defaults)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
