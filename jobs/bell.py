"""The bell as it lies in Redis: made once by Celery for each queue, sent many times under new ids.

To have Celery make it anew each time took three quarters of the time between a commit and its bell.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

REMEMBERED = 1000
"""Of how many queues; they are named by callers."""

_known: dict[str, tuple[str, tuple[str, str]]] = {}


def put_bell(channel: Any, queue: str, send: Callable[[], object]) -> None:
    """Put a bell into a queue's list, as `send` would through this channel of Celery's Redis transport."""
    if queue not in _known:
        if len(_known) >= REMEMBERED:
            _known.clear()
        _known[queue] = learn(channel, send)
    text, (task, delivery) = _known[queue]
    channel.client.lpush(queue, text.replace(task, str(uuid4())).replace(delivery, str(uuid4())))


def learn(channel: Any, send: Callable[[], object]) -> tuple[str, tuple[str, str]]:
    """What `send` would put there, and the two ids in it that are new in each message."""
    taken: list[dict[str, Any]] = []
    channel._put = lambda queue, message, **options: taken.append(message)
    try:
        send()
    finally:
        del channel._put  # the method of its class is there again
    (message,) = taken
    return json.dumps(message), (message["headers"]["id"], message["properties"]["delivery_tag"])
