"""The tasks Celery knows of ours: the bell, behind which every job stands, and the canary.

How a worker's processes start and stop is in `workers.main` and `workers.child`.
"""

from __future__ import annotations

from typing import Any

from celery.app.task import Task
from kombu import Queue

from celery_app import app
from jobs.broker import BELL, bell_queue, is_redis_configured
from jobs.early import Awaited
from jobs.failpoints import reach
from jobs.registry import KINDS, discover
from workers import child, main  # noqa: F401 - main connects itself to Celery's signals
from workers.canary import CANARY
from workers.shared import HEARING


@app.task(name=BELL, bind=True, ignore_result=True, send_events=False)
def bell(task: Task[Any, Any]) -> None:
    """There may be work in the queue this came from."""
    assert child.RUNNER is not None, "a bell is heard in a pool child"
    reach("bell.received")
    child.leave_signals_to_programs()
    sent = task.request.delivery_info or {}
    queue = str(sent["routing_key"])
    HEARING.hear(queue)
    child.RUNNER.hear(queue, Awaited(str(task.request.id)))


@app.task(name=CANARY, ignore_result=True, send_events=False)
def canary() -> None:
    """That a child began it is all there is to tell."""


@app.on_after_finalize.connect
def configure(sender: Any, **kwargs: Any) -> None:
    """Listen to all queues; refuse Celery's built-in tasks; let no bell wait behind a busy child."""
    discover()
    sender.conf.task_queues = [bell_queue(name) for name in KINDS.queues()]
    sender.conf.task_queues.append(Queue(sender.conf.task_default_queue))
    for name in [name for name in sender.tasks if name.startswith("celery.")]:
        sender.tasks.unregister(name)
    is_redis = is_redis_configured()
    sender.conf.worker_disable_prefetch = is_redis
    bell.acks_late = canary.acks_late = not is_redis
